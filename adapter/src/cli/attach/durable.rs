//! A durable function: of its executions' ends EventBridge tells, and no destination. What is missing for that is said as commands, as it
//! is the account's, not the function's.

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use lambda_protocol::function::{FunctionRef, Qualifier};
use serde_json::json;

use super::Change;
use crate::{
    aws::{Rule, ServiceError},
    cli::{
        Failure,
        event_bridge::{self, Queue, Teller, policy, teller},
        terminal::{print, print_json},
    },
};

/// How executions of a function are started, and told of.
#[derive(Debug)]
pub(super) struct Durable {
    /// Without a qualifier.
    arn: String,
    qualifier: Qualifier,
}

/// What differs, and the commands for it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    commands: Vec<String>,
}

impl Durable {
    /// `None`: it is a plain function.
    ///
    /// # Errors
    /// It is durable, and no version or alias is named.
    pub(super) fn of(
        found: &GetFunctionConfigurationOutput,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        if found.durable_config.is_none() {
            return Ok(None);
        }
        let named = FunctionRef::parse(function).ok().and_then(|named| named.qualifier);
        let qualifier = match qualifier {
            Some(qualifier) => Some(Qualifier::parse(qualifier).map_err(Failure::usage)?),
            None => named,
        };
        let Some(qualifier) = qualifier else {
            return Err(Failure::usage(format_args!(
                "{function} is durable: AWS starts its executions by a version or an alias alone; say by which callers reach it, \
                 as --qualifier live"
            )));
        };
        let arn = FunctionRef::parse(found.function_arn().unwrap_or(function)).map_err(Failure::usage)?;
        Ok(Some(Self { arn: FunctionRef { qualifier: None, ..arn }.to_string(), qualifier }))
    }

    /// What is to be done so that the queue, which has this policy, is told.
    pub(super) fn plan(
        &self,
        rules: &Result<Vec<Rule>, ServiceError>,
        queue: Queue<'_>,
        policy: Option<&str>,
    ) -> Plan {
        let mut plan = Plan::default();
        let new = queue.rule_arn(&self.arn);
        let known = rules.as_deref().unwrap_or_default();
        let rule = match teller(known, &self.arn) {
            Teller::Rule(rule) => rule.arn.clone(),
            Teller::Sleeping(rule) => {
                plan.add("rule", Some(format!("{}, turned off", rule.name)), rule.name.clone());
                plan.commands.push(queue.enable_rule(rule));
                rule.arn.clone()
            }
            Teller::Nobody => {
                let unknown = rules.as_ref().err();
                let unknown =
                    unknown.map(|why| format!("unknown ({why}; it takes {})", event_bridge::RIGHTS));
                plan.add("rule", unknown, new.clone());
                plan.commands.extend(queue.put_rule(&self.arn));
                new
            }
        };
        if let Some(hindrance) = policy::hindrance(policy, &rule) {
            plan.add("the queue's policy", Some(hindrance.to_string()), format!("lets {rule} send"));
            let mended = policy::mended(policy, queue.arn, &[rule]);
            plan.commands.extend(mended.map(|policy| queue.set_policy(&policy)));
        }
        plan
    }

    /// `applied`: of the changes, the alias was made.
    pub(super) fn tell(&self, function: &str, alias: Option<Change>, plan: Plan, applied: bool, json: bool) {
        let Self { arn, qualifier } = self;
        let (is_alias_missing, is_rest_missing) = (alias.is_some() && !applied, !plan.changes.is_empty());
        let changes: Vec<_> = alias.into_iter().chain(plan.changes).collect();
        let rights = [
            ("gateway", "lambda:InvokeFunction", format!("{arn}:{qualifier}")),
            ("deliverer", "lambda:GetDurableExecution", format!("{arn}:*")),
        ];
        if json {
            let rights = rights.map(|(who, action, on)| json!({ "who": who, "action": action, "on": on }));
            print_json(&json!({
                "function": function, "applied": applied, "changes": changes,
                "commands": plan.commands, "rights": rights,
            }));
            return;
        }
        changes.iter().for_each(print);
        print("it is durable: of its executions' ends EventBridge tells, and no destination");
        plan.commands.iter().for_each(print);
        for (who, action, on) in rights {
            print(format_args!("the {who} needs {action} on {on}"));
        }
        print(match (is_rest_missing, is_alias_missing) {
            (false, false) if changes.is_empty() => "nothing differs",
            (false, false) => "set",
            (false, true) => "not set; do so with --apply",
            (true, false) => "not set; do so by these commands",
            (true, true) => "not set; make the alias with --apply, and do the rest by these commands",
        });
    }
}

impl Plan {
    fn add(&mut self, what: &'static str, from: Option<String>, to: String) {
        self.changes.push(Change { what, from, to: Some(to) });
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::DurableConfig;

    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:f";
    const RULE: &str = "arn:aws:events:eu-central-1:123456789012:rule/stayput-f";
    const QUEUE: Queue<'_> = Queue {
        url: "https://sqs.eu-central-1.amazonaws.com/123456789012/callbacks",
        arn: "arn:aws:sqs:eu-central-1:123456789012:callbacks",
        region: "eu-central-1",
    };

    fn found(arn: &str, config: Option<DurableConfig>) -> GetFunctionConfigurationOutput {
        GetFunctionConfigurationOutput::builder().function_arn(arn).set_durable_config(config).build()
    }

    fn durable() -> Option<DurableConfig> {
        Some(DurableConfig::builder().execution_timeout(60).build())
    }

    #[test]
    fn a_durable_function_is_reached_by_a_version_or_an_alias() {
        assert!(Durable::of(&found(ARN, None), "f", None).unwrap().is_none());
        for (function, qualifier) in [("f", Some("live")), ("f:live", None)] {
            let it = Durable::of(&found(&format!("{ARN}:live"), durable()), function, qualifier);
            let it = it.unwrap().unwrap();
            assert_eq!((&*it.arn, it.qualifier.as_str()), (ARN, "live"));
        }
        let refused = Durable::of(&found(ARN, durable()), "f", None).unwrap_err().to_string();
        assert!(refused.contains("by a version or an alias alone"), "{refused}");
    }

    /// What differs, and the commands' first three words.
    #[track_caller]
    fn check(
        rules: &Result<Vec<Rule>, ServiceError>,
        policy: Option<&str>,
        changes: &[&str],
        commands: &[&str],
    ) {
        let it = Durable { arn: ARN.to_owned(), qualifier: Qualifier::latest() };
        let plan = it.plan(rules, QUEUE, policy);
        assert_eq!(plan.changes.iter().map(|change| change.what).collect::<Vec<_>>(), changes);
        let short = |command: &String| command.split(' ').take(3).collect::<Vec<_>>().join(" ");
        assert_eq!(plan.commands.iter().map(short).collect::<Vec<_>>(), commands);
    }

    #[test]
    fn what_is_missing_has_its_commands() {
        let rule = |state: &str| Rule {
            name: "stayput-f".to_owned(),
            arn: RULE.to_owned(),
            event_pattern: Some(event_bridge::pattern::of(ARN).to_string()),
            state: state.to_owned(),
        };
        let policy = policy::mended(None, QUEUE.arn, &[RULE.to_owned()]);
        let policy = policy.as_deref();
        let (on, off) = (Ok(vec![rule("ENABLED")]), Ok(vec![rule("DISABLED")]));
        let put = ["aws events put-rule", "aws events put-targets"];
        check(&on, policy, &[], &[]);
        check(&off, policy, &["rule"], &["aws events enable-rule"]);
        check(&Ok(Vec::new()), policy, &["rule"], &put);
        check(&on, None, &["the queue's policy"], &["aws sqs set-queue-attributes"]);
        let unknown = Err(ServiceError::TimedOut { operation: "ListRuleNamesByTarget", limit_s: 10 });
        check(&unknown, policy, &["rule"], &put);
        check(&on, Some("["), &["the queue's policy"], &[]);
    }
}
