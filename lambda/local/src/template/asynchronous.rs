//! What a template says about asynchronous events: a function's `EventInvokeConfig`, `DeadLetterQueue`,
//! `DeadLetterConfig` and `RecursiveLoop`, and the resource `AWS::Lambda::EventInvokeConfig`.
//!
//! Sources: SAM developer guide, "EventInvokeConfiguration" and "DeadLetterQueue"; CloudFormation resource reference,
//! `AWS::Lambda::Function` and `AWS::Lambda::EventInvokeConfig`.

use lambda_protocol::{
    function::FunctionRef,
    quotas::{EVENT_AGE_MAX_S, EVENT_AGE_MIN_S, EVENT_RETRIES_MAX},
};

use super::{
    TemplateFunction,
    document::Resource,
    evaluator::Evaluator,
    findings::{Place, Reported},
    parameters::{ACCOUNT, REGION},
    tree::{Entry, Node, Value},
};
use crate::{
    events::targets::{Target, is_destination},
    function::{EventInvokeConfig, FunctionEvents, RecursiveLoop},
    settings::Settings,
};

/// `id` is the function's, `properties` are all of its, not evaluated.
pub(super) fn read(
    evaluator: &mut Evaluator<'_>,
    id: &str,
    properties: &[Entry],
) -> Result<FunctionEvents, Reported> {
    let mut reader = Reader { evaluator, id };
    let mut property = |name: &str| match properties.iter().find(|entry| entry.key == name) {
        Some(entry) => reader.evaluator.evaluate(&entry.value),
        None => Ok(None),
    };
    let (config, queue) = (property("EventInvokeConfig"), property("DeadLetterQueue"));
    let (letters, looped) = (property("DeadLetterConfig"), property("RecursiveLoop"));
    let config = config.and_then(|node| node.map(|node| reader.config(&node)).transpose());
    let queue = queue.and_then(|node| node.map(|node| reader.dead_letter_queue(&node)).transpose());
    let letters = letters.and_then(|node| node.map(|node| reader.dead_letter_config(&node)).transpose());
    let looped = looped.and_then(|node| node.map(|node| reader.recursive_loop(&node)).transpose());
    Ok(FunctionEvents {
        config: config?,
        dead_letter: queue?.or(letters?.flatten()),
        recursive_loop: looped?.unwrap_or_default(),
    })
}

/// Reads a resource of the type [`RESOURCE`] into the config of the function that it names.
pub(super) fn read_resource(
    evaluator: &mut Evaluator<'_>,
    resource: &Resource<'_>,
    functions: &mut [TemplateFunction],
) -> Result<(), Reported> {
    let properties = Node { value: Value::Map(resource.properties().to_vec()), place: resource.place };
    let Some(properties) = evaluator.evaluate(&properties)? else { return Ok(()) };
    let mut reader = Reader { evaluator, id: resource.id };
    let known = ["FunctionName", "Qualifier", RETRIES, AGE, DESTINATIONS];
    reader.evaluator.check_keys(&properties, RESOURCE, &known)?;
    let config = reader.settings(&properties);
    let function = reader.evaluator.text_member(&properties, "FunctionName")?;
    let qualifier = reader.evaluator.text_member(&properties, "Qualifier")?;
    let config = config?;
    if let Some((place, qualifier)) = qualifier.filter(|(_, qualifier)| qualifier != "$LATEST") {
        let message = format!("`{}` is for `{qualifier}`, and only `$LATEST` is here", resource.id);
        reader.evaluator.found.note(place, message);
        return Ok(());
    }
    let named = function.and_then(|(_, text)| FunctionRef::parse(&text).ok()).map(|meant| meant.name);
    match functions.iter_mut().find(|function| Some(&function.name) == named.as_ref()) {
        Some(function) => function.events.config = Some(config),
        None => {
            let message = format!("`{}` names no function of this template", resource.id);
            reader.evaluator.found.note(resource.place, message);
        }
    }
    Ok(())
}

/// What [`read_resource`] reads.
pub(super) const RESOURCE: &str = "AWS::Lambda::EventInvokeConfig";

const RETRIES: &str = "MaximumRetryAttempts";
const AGE: &str = "MaximumEventAgeInSeconds";
const DESTINATIONS: &str = "DestinationConfig";

struct Reader<'e, 't> {
    evaluator: &'e mut Evaluator<'t>,
    id: &'e str,
}

impl Reader<'_, '_> {
    fn config(&mut self, node: &Node) -> Result<EventInvokeConfig, Reported> {
        self.evaluator.check_keys(node, "EventInvokeConfig", &[AGE, RETRIES, DESTINATIONS])?;
        self.settings(node)
    }

    fn settings(&mut self, node: &Node) -> Result<EventInvokeConfig, Reported> {
        let retries = self.evaluator.number_member(node, RETRIES, 0..=EVENT_RETRIES_MAX);
        let age = self.evaluator.number_member(node, AGE, EVENT_AGE_MIN_S..=EVENT_AGE_MAX_S);
        let (mut on_success, mut on_failure) = (Ok(None), Ok(None));
        if let Some(destinations) = node.get(DESTINATIONS) {
            self.evaluator.check_keys(destinations, DESTINATIONS, &["OnSuccess", "OnFailure"])?;
            on_success = self.destination(destinations, "OnSuccess");
            on_failure = self.destination(destinations, "OnFailure");
        }
        Ok(EventInvokeConfig {
            maximum_retry_attempts: retries?,
            maximum_event_age_s: age?,
            on_success: on_success?,
            on_failure: on_failure?,
        })
    }

    /// SAM makes a queue or a topic of its own where none is named.
    fn destination(&mut self, node: &Node, side: &str) -> Result<Option<String>, Reported> {
        let Some(node) = node.get(side) else { return Ok(None) };
        self.evaluator.check_keys(node, side, &["Type", "Destination"])?;
        let kind = self.evaluator.text_member(node, "Type")?.map(|(_, kind)| kind);
        if let Some((place, arn)) = self.evaluator.text_member(node, "Destination")? {
            return self.arn(place, &format!("{side}.Destination"), arn).map(Some);
        }
        let service = match kind.as_deref() {
            Some("SQS") => "sqs",
            Some("SNS") => "sns",
            _ => {
                let message =
                    format!("`{side}` has no `Destination`, which only `Type: SQS` and `SNS` may omit");
                return Err(self.evaluator.found.mistake(node.place, message));
            }
        };
        let made = if service == "sqs" { "Queue" } else { "Topic" };
        let arn = format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{}EventInvokeConfig{side}{made}", self.id);
        self.arn(node.place, side, arn).map(Some)
    }

    fn dead_letter_queue(&mut self, node: &Node) -> Result<String, Reported> {
        self.evaluator.check_keys(node, "DeadLetterQueue", &["Type", "TargetArn"])?;
        match self.evaluator.text_member(node, "TargetArn")? {
            Some((place, arn)) => self.arn(place, "TargetArn", arn),
            None => Err(self.evaluator.found.mistake(node.place, "`DeadLetterQueue` has no `TargetArn`")),
        }
    }

    fn dead_letter_config(&mut self, node: &Node) -> Result<Option<String>, Reported> {
        self.evaluator.check_keys(node, "DeadLetterConfig", &["TargetArn"])?;
        match self.evaluator.text_member(node, "TargetArn")? {
            Some((place, arn)) => self.arn(place, "TargetArn", arn).map(Some),
            None => Ok(None),
        }
    }

    fn recursive_loop(&mut self, node: &Node) -> Result<RecursiveLoop, Reported> {
        node.as_text().and_then(RecursiveLoop::parse).ok_or_else(|| {
            self.evaluator.found.mistake(node.place, "`RecursiveLoop` is `Allow` or `Terminate`")
        })
    }

    /// What is not here is no mistake, but what goes there does not get there.
    fn arn(&mut self, place: Place, name: &str, arn: String) -> Result<String, Reported> {
        if arn.is_empty() || !is_destination(&arn) {
            let message = format!("`{name}` is an ARN, not `{arn}`");
            return Err(self.evaluator.found.mistake(place, message));
        }
        if Target::parse(&arn, &Settings::default()) == Target::Elsewhere {
            let message =
                format!("{arn} is not on this machine; events whose records go there are kept as dead");
            self.evaluator.found.note(place, message);
        }
        Ok(arn)
    }
}
