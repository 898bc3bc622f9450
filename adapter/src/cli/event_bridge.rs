//! How the ends of a durable function's executions come to the callbacks' queue on AWS: by a rule of EventBridge's, which the queue
//! must let send. What is there, and the commands for what is not.

pub(super) mod pattern;
pub(super) mod policy;

use serde_json::json;

use super::curl::quoted;
use crate::aws::Rule;

/// The callbacks' queue, as rules and policies name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue<'a> {
    pub(super) url: &'a str,
    pub(super) arn: &'a str,
    pub(super) region: &'a str,
}

/// Who tells the queue of a function's executions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Teller<'a> {
    Rule(&'a Rule),
    /// Only that it is turned off.
    Sleeping(&'a Rule),
    Nobody,
}

/// The rule that tells of the function with this ARN, which has no qualifier.
pub(super) fn teller<'a>(rules: &'a [Rule], function_arn: &str) -> Teller<'a> {
    let mut telling = rules.iter().filter(|rule| pattern::tells_of(rule, function_arn));
    match (telling.clone().find(|rule| rule.is_on()), telling.next()) {
        (Some(rule), _) => Teller::Rule(rule),
        (None, Some(rule)) => Teller::Sleeping(rule),
        (None, None) => Teller::Nobody,
    }
}

impl Queue<'_> {
    /// The commands that make a rule for the function.
    pub(super) fn put_rule(self, function_arn: &str) -> [String; 2] {
        let (name, region) = (rule_name(function_arn), self.region);
        let pattern = quoted(&pattern::of(function_arn).to_string());
        [
            format!("aws events put-rule --region {region} --name {name} --event-pattern {pattern}"),
            format!(
                "aws events put-targets --region {region} --rule {name} --targets Id=callbacks,Arn={}",
                self.arn
            ),
        ]
    }

    pub(super) fn enable_rule(self, rule: &Rule) -> String {
        format!("aws events enable-rule --region {} --name {}", self.region, rule.name)
    }

    /// The ARN of the rule that [`put_rule`](Self::put_rule) makes.
    pub(super) fn rule_arn(self, function_arn: &str) -> String {
        // arn, partition, service, region, account.
        let account = self.arn.split(':').nth(4).unwrap_or_default();
        let partition = self.arn.split(':').nth(1).unwrap_or_default();
        format!("arn:{partition}:events:{}:{account}:rule/{}", self.region, rule_name(function_arn))
    }

    /// The command that gives the queue a policy.
    pub(super) fn set_policy(self, policy: &str) -> String {
        let attributes = quoted(&json!({ "Policy": policy }).to_string());
        format!(
            "aws sqs set-queue-attributes --region {} --queue-url {} --attributes {attributes}",
            self.region, self.url
        )
    }
}

/// The function's own name, and if that is too long its end, where CloudFormation tells names apart.
fn rule_name(function_arn: &str) -> String {
    let name = function_arn.rsplit(':').next().unwrap_or_default();
    let start = name.len().saturating_sub(MAX_RULE_BYTES - PREFIX.len());
    format!("{PREFIX}{}", &name[start..])
}

/// What it takes to see who tells the queue.
pub(super) const RIGHTS: &str = "events:ListRuleNamesByTarget and events:DescribeRule";

const PREFIX: &str = "stayput-";

/// Source: EventBridge API reference, `PutRule`, `Name`. Functions' names are ASCII.
const MAX_RULE_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:book-trip";
    const QUEUE: Queue<'_> = Queue {
        url: "https://sqs.eu-central-1.amazonaws.com/123456789012/callbacks",
        arn: "arn:aws:sqs:eu-central-1:123456789012:callbacks",
        region: "eu-central-1",
    };

    fn rule(name: &str, state: &str, pattern: &serde_json::Value) -> Rule {
        Rule {
            name: name.to_owned(),
            arn: format!("arn:aws:events:eu-central-1:123456789012:rule/{name}"),
            event_pattern: Some(pattern.to_string()),
            state: state.to_owned(),
        }
    }

    #[test]
    fn a_rule_has_the_functions_name_as_far_as_it_goes() {
        assert_eq!(
            QUEUE.rule_arn(FUNCTION),
            "arn:aws:events:eu-central-1:123456789012:rule/stayput-book-trip"
        );
        let [rule, target] = QUEUE.put_rule(FUNCTION);
        assert!(rule.contains(r#""prefix":"arn:aws:lambda:eu-central-1:123456789012:function:book-trip:""#));
        assert!(target.ends_with("--rule stayput-book-trip --targets Id=callbacks,Arn=arn:aws:sqs:eu-central-1:123456789012:callbacks"));
        let long = format!("arn:aws:lambda:eu-central-1:123456789012:function:{}-end", "f".repeat(60));
        let name = rule_name(&long);
        assert!(name.len() == MAX_RULE_BYTES && name.ends_with("f-end"), "{name}");
    }

    #[test]
    fn a_rule_that_is_on_is_found_before_one_that_is_not() {
        let ours = pattern::of(FUNCTION);
        let rules = [rule("off", "DISABLED", &ours), rule("on", "ENABLED", &ours)];
        assert_eq!(teller(&rules, FUNCTION), Teller::Rule(&rules[1]));
        assert_eq!(teller(&rules[..1], FUNCTION), Teller::Sleeping(&rules[0]));
        let other = pattern::of(&format!("{FUNCTION}s"));
        assert_eq!(teller(&[rule("other", "ENABLED", &other)], FUNCTION), Teller::Nobody);
    }
}
