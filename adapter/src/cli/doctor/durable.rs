//! Durable functions: do row and function agree that it is one, and do the ends of its executions come to the queue?

use aws_sdk_lambda::{Client, error::ProvideErrorMetadata as _, types::DurableConfig};
use lambda_protocol::function::{FunctionRef, Qualifier};
use stayput_core::table::Function;

use super::{
    Failure, Finding,
    queues::{Answering, is_for_everybody},
};
use crate::{
    aws::{Rule, ServiceError},
    cli::{
        event_bridge::{self, Queue, Teller, policy, teller},
        functions::in_time,
    },
};

/// What AWS says of a function.
#[derive(Debug)]
pub(super) enum Described {
    NotThere,
    /// With this code.
    Refused(String),
    Plain,
    Durable {
        /// Without a qualifier.
        arn: String,
        /// Of a whole execution.
        timeout_s: Option<i32>,
    },
}

pub(super) async fn describe(
    client: &Client,
    name: &str,
    qualifier: Option<&str>,
) -> Result<Described, Failure> {
    let asked = client
        .get_function_configuration()
        .function_name(name)
        .set_qualifier(qualifier.map(str::to_owned))
        .send();
    let found = match in_time(asked).await? {
        Ok(found) => found,
        Err(error) => {
            return Ok(match error.code() {
                Some("ResourceNotFoundException") => Described::NotThere,
                code => Described::Refused(code.unwrap_or("no answer").to_owned()),
            });
        }
    };
    let Some(config) = &found.durable_config else { return Ok(Described::Plain) };
    let arn = FunctionRef::parse(found.function_arn().unwrap_or(name)).map_err(Failure::usage)?;
    let arn = FunctionRef { qualifier: None, ..arn }.to_string();
    Ok(Described::Durable { arn, timeout_s: DurableConfig::execution_timeout(config) })
}

/// Whether the row says what the function is. `None`: both are plain, or there is no function.
pub(super) fn agree(row: &Function, shown: &str, described: &Described) -> Option<Finding> {
    let what = format!("executions of {shown}");
    let qualifier = row.qualifier.as_ref().or(row.lambda.qualifier.as_ref());
    match (described, row.durable) {
        (Described::NotThere, _) | (Described::Plain, false) => None,
        (Described::Refused(code), _) => Some(Finding::to_mend(
            what,
            format!("unknown: {code}"),
            format!("allow lambda:GetFunctionConfiguration on {shown}"),
        )),
        (Described::Plain, true) => Some(Finding::to_mend(
            what,
            "none: it is not durable, though its row says so",
            "leave durable out of its row; or make the function anew, as it is durable from its creation on: \
             aws lambda create-function --durable-config ExecutionTimeout=900,RetentionPeriodInDays=14 …",
        )),
        (Described::Durable { .. }, false) => Some(Finding::to_mend(
            what,
            "it is durable, though its row does not say so: its calls' ends are told to nobody",
            match qualifier {
                Some(_) => "write durable = true in its row".to_owned(),
                None => format!(
                    "write qualifier = \"live\" (the alias is made by stayput attach {shown} --qualifier live --apply) and durable = true in its row"
                ),
            },
        )),
        (Described::Durable { timeout_s, .. }, true) => {
            Some(Finding::well(what, lasting(*timeout_s, qualifier)))
        }
    }
}

/// How long executions take at most, and what follows from that.
fn lasting(timeout_s: Option<i32>, qualifier: Option<&Qualifier>) -> String {
    let lasting = match timeout_s {
        None => "of a time that is not said".to_owned(),
        Some(seconds @ ..=AWAITED_MAX_S) => format!("of {seconds} s at most"),
        Some(seconds) => format!("of {seconds} s at most; over {AWAITED_MAX_S} s, asynchronous calls alone"),
    };
    match qualifier.is_some_and(|qualifier| qualifier.as_str() == Qualifier::LATEST) {
        true => format!("{lasting}; $LATEST may change while they last, a version does not"),
        false => lasting,
    }
}

/// What is found of the queue's being told, of one function after the other.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    queue: Queue<'a>,
    policy: Option<&'a str>,
    rules: Result<Vec<Rule>, ServiceError>,
    /// The ARNs of those that tell it, or will once they are made.
    telling: Vec<String>,
}

impl<'a> Ends<'a> {
    pub(super) fn new(
        answering: &'a Answering,
        region: &'a str,
        rules: Result<Vec<Rule>, ServiceError>,
    ) -> Self {
        let queue = Queue { url: &answering.url, arn: &answering.arn, region };
        Self { queue, policy: answering.policy.as_deref(), rules, telling: Vec::new() }
    }

    /// Whether a rule tells of the function with this ARN.
    pub(super) fn heard(&mut self, function_arn: &str, shown: &str) -> Finding {
        let what = format!("ends of {shown}");
        let rules = match &self.rules {
            Ok(rules) => rules,
            Err(unknown) => {
                let mend = format!("allow {}", event_bridge::RIGHTS);
                return Finding::to_mend(what, format!("unknown: {unknown}"), mend);
            }
        };
        let (rule, finding) = match teller(rules, function_arn) {
            Teller::Rule(rule) => {
                let seen = format!("come to the queue by the rule {}", rule.name);
                (rule.arn.clone(), Finding::well(what, seen))
            }
            Teller::Sleeping(rule) => {
                let seen = format!("are told to nobody: the rule {} is turned off", rule.name);
                (rule.arn.clone(), Finding::to_mend(what, seen, self.queue.enable_rule(rule)))
            }
            Teller::Nobody => {
                let mend = self.queue.put_rule(function_arn).join(" && ");
                let seen = "are told to nobody: no rule of EventBridge's is for them";
                (self.queue.rule_arn(function_arn), Finding::to_mend(what, seen, mend))
            }
        };
        // Another alias of the function may be in the table.
        if !self.telling.contains(&rule) {
            self.telling.push(rule);
        }
        finding
    }

    /// Whether the queue lets all of these rules send. One command for all of them, as it replaces the policy.
    pub(super) fn let_in(&self) -> Option<Finding> {
        // Else the one command would take back what the other has set; that one is the queue's own finding.
        if self.policy.is_some_and(is_for_everybody) {
            return None;
        }
        let hindered = self.telling.iter().find_map(|rule| policy::hindrance(self.policy, rule))?;
        let mend = policy::mended(self.policy, self.queue.arn, &self.telling).map_or_else(
            || "give it a policy that is one".to_owned(),
            |policy| self.queue.set_policy(&policy),
        );
        Some(Finding::to_mend("callback.queue, policy", hindered.to_string(), mend))
    }
}

/// How long a synchronous call waits at most. Source: Lambda developer guide, "Invoking durable functions".
const AWAITED_MAX_S: i32 = 900;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:f";

    fn row(durable: bool, qualifier: Option<&str>) -> Function {
        Function {
            lambda: FunctionRef::new("f"),
            qualifier: qualifier.map(|qualifier| Qualifier::parse(qualifier).unwrap()),
            payload_is_event: durable,
            durable,
            streams: false,
            timeout: Duration::from_secs(10),
        }
    }

    fn durable(timeout_s: Option<i32>) -> Described {
        Described::Durable { arn: ARN.to_owned(), timeout_s }
    }

    /// A part of what is seen, and a part of how it is mended.
    #[track_caller]
    fn check(row: &Function, described: &Described, expected: Option<(&str, Option<&str>)>) {
        let found = agree(row, "f", described);
        match (&found, expected) {
            (None, None) => {}
            (Some(Finding { seen, mend, .. }), Some((part, mended))) => {
                assert!(seen.contains(part), "{seen}");
                assert_eq!(mend.is_some(), mended.is_some(), "{mend:?}");
                assert!(mend.as_deref().unwrap_or_default().contains(mended.unwrap_or_default()), "{mend:?}");
            }
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn row_and_function_say_the_same() {
        check(&row(false, None), &Described::Plain, None);
        check(&row(true, Some("live")), &Described::NotThere, None);
        check(&row(true, Some("live")), &durable(Some(900)), Some(("of 900 s at most", None)));
        check(&row(true, Some("live")), &durable(Some(901)), Some(("asynchronous calls alone", None)));
        check(&row(true, Some("live")), &durable(None), Some(("a time that is not said", None)));
        check(&row(true, Some("$LATEST")), &durable(Some(1)), Some(("$LATEST may change", None)));
    }

    #[test]
    fn where_they_do_not_a_line_mends_it() {
        let live = Some("live");
        check(&row(true, live), &Described::Plain, Some(("not durable", Some("--durable-config"))));
        check(&row(false, live), &durable(Some(1)), Some(("does not say so", Some("write durable = true"))));
        check(&row(false, None), &durable(Some(1)), Some(("does not say so", Some("qualifier = \"live\""))));
        let refused = Described::Refused("AccessDeniedException".to_owned());
        check(&row(false, None), &refused, Some(("unknown", Some("lambda:GetFunctionConfiguration"))));
    }

    fn answering(policy: Option<String>) -> Answering {
        Answering {
            url: "https://sqs.eu-central-1.amazonaws.com/123456789012/callbacks".to_owned(),
            arn: "arn:aws:sqs:eu-central-1:123456789012:callbacks".to_owned(),
            policy,
        }
    }

    #[test]
    fn one_command_lets_all_rules_send() {
        let unset = answering(None);
        let mut ends = Ends::new(&unset, "eu-central-1", Ok(Vec::new()));
        for name in ["f", "g"] {
            let arn = format!("arn:aws:lambda:eu-central-1:123456789012:function:{name}");
            let mend = ends.heard(&arn, name).mend.unwrap();
            assert!(mend.contains("put-rule") && mend.contains("&& aws events put-targets"), "{mend}");
        }
        let mend = ends.let_in().and_then(|finding| finding.mend).unwrap();
        assert!(mend.contains("rule/stayput-f") && mend.contains("rule/stayput-g"), "{mend}");
    }

    #[test]
    fn a_queue_for_everybody_is_closed_first() {
        let open = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*"},{"Effect":"Deny","Principal":"*","Action":"sqs:*"}]}"#;
        let open = answering(Some(open.to_owned()));
        let mut ends = Ends::new(&open, "eu-central-1", Ok(Vec::new()));
        ends.heard(ARN, "f");
        assert!(ends.let_in().is_none());
    }

    #[test]
    fn who_tells_the_queue_may_be_unknown() {
        let unset = answering(None);
        let unknown = ServiceError::TimedOut { operation: "ListRuleNamesByTarget", limit_s: 10 };
        let mut ends = Ends::new(&unset, "eu-central-1", Err(unknown));
        let found = ends.heard(ARN, "f");
        assert!(found.seen.starts_with("unknown"), "{found:?}");
        assert_eq!(found.mend.as_deref(), Some("allow events:ListRuleNamesByTarget and events:DescribeRule"));
        assert!(ends.let_in().is_none());
    }

    #[test]
    fn nothing_is_to_mend_where_a_rule_tells_a_queue_that_lets_it() {
        let unset = answering(None);
        let mut ends = Ends::new(&unset, "eu-central-1", Ok(Vec::new()));
        let rule = ends.queue.rule_arn(ARN);
        let let_in = answering(policy::mended(None, &unset.arn, std::slice::from_ref(&rule)));
        ends.heard(ARN, "f");
        assert!(ends.let_in().is_some());
        let rule = Rule {
            name: "stayput-f".to_owned(),
            arn: rule,
            event_pattern: Some(event_bridge::pattern::of(ARN).to_string()),
            state: "ENABLED".to_owned(),
        };
        let mut ends = Ends::new(&let_in, "eu-central-1", Ok(vec![rule.clone()]));
        assert_eq!(ends.heard(ARN, "f").mend, None);
        assert!(ends.let_in().is_none());
        let off = Rule { state: "DISABLED".to_owned(), ..rule };
        let mut ends = Ends::new(&let_in, "eu-central-1", Ok(vec![off]));
        let mend = ends.heard(ARN, "f").mend.unwrap();
        assert_eq!(mend, "aws events enable-rule --region eu-central-1 --name stayput-f");
    }
}
