//! Which events a rule is for, where they are the ends of executions.
//!
//! Source: EventBridge user guide, "Event patterns"; of what a pattern may say, only what such a rule needs is understood.

use serde_json::{Value, json};

use crate::aws::Rule;

/// The ends of the executions of the function with this ARN. An execution's ARN begins with that of the version that ran.
pub(in crate::cli) fn of(function_arn: &str) -> Value {
    json!({
        "source": [SOURCE],
        "detail-type": [DETAIL_TYPE],
        "detail": {"status": ENDS, "durableExecutionArn": [{"prefix": format!("{function_arn}:")}]},
    })
}

/// Does it tell of every end of every execution of the function? A rule that says more than is understood here does not, as far as is
/// known.
pub(super) fn tells_of(rule: &Rule, function_arn: &str) -> bool {
    let pattern = rule.event_pattern.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let Some(Value::Object(pattern)) = pattern else { return false };
    pattern.iter().all(|(member, wanted)| match (member.as_str(), wanted) {
        ("source", wanted) => takes(wanted, SOURCE),
        ("detail-type", wanted) => takes(wanted, DETAIL_TYPE),
        ("detail", Value::Object(detail)) => {
            detail.iter().all(|(member, wanted)| match member.as_str() {
                "status" => ENDS.iter().all(|status| takes(wanted, status)),
                // Both name the version, behind a colon.
                "functionArn" | "durableExecutionArn" => begins(wanted, &format!("{function_arn}:")),
                _ => false,
            })
        }
        _ => false,
    })
}

/// Is the text one of those that are wanted?
fn takes(wanted: &Value, text: &str) -> bool {
    wanted.as_array().is_some_and(|wanted| wanted.iter().any(|one| one == text))
}

/// Is everything wanted that begins with `start`?
fn begins(wanted: &Value, start: &str) -> bool {
    let is_wide = |one: &Value| one["prefix"].as_str().is_some_and(|prefix| start.starts_with(prefix));
    wanted.as_array().is_some_and(|wanted| wanted.iter().any(is_wide))
}

const SOURCE: &str = "aws.lambda";
const DETAIL_TYPE: &str = "Durable Execution Status Change";
const ENDS: [&str; 4] = ["SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &Value, expected: bool) {
        let rule = Rule {
            name: "ends".to_owned(),
            arn: String::new(),
            event_pattern: Some(pattern.to_string()),
            state: "ENABLED".to_owned(),
        };
        let told = tells_of(&rule, "arn:aws:lambda:eu-central-1:123456789012:function:f");
        assert_eq!(told, expected, "{pattern}");
    }

    /// The pattern for the function `f`, with another `detail`.
    fn with(detail: &Value) -> Value {
        json!({"source": ["aws.lambda"], "detail-type": [DETAIL_TYPE], "detail": detail})
    }

    #[test]
    fn a_rule_for_the_function_or_for_all_tells_of_it() {
        check(&of("arn:aws:lambda:eu-central-1:123456789012:function:f"), true);
        check(&with(&json!({"status": ENDS})), true);
        check(&json!({"source": ["aws.lambda", "aws.sqs"]}), true);
        check(
            &with(&json!({"functionArn": [{"prefix": "arn:aws:lambda:eu-central-1:123456789012:"}]})),
            true,
        );
        check(&with(&json!({"durableExecutionArn": [{"prefix": "arn:aws:lambda:"}]})), true);
    }

    #[test]
    fn a_rule_for_others_or_for_some_ends_does_not() {
        check(&of("arn:aws:lambda:eu-central-1:123456789012:function:f2"), false);
        check(&of("arn:aws:lambda:eu-central-1:123456789012:function:f:live"), false);
        check(&with(&json!({"status": ["FAILED"]})), false);
        check(
            &with(&json!({"functionArn": ["arn:aws:lambda:eu-central-1:123456789012:function:f:3"]})),
            false,
        );
        check(&with(&json!({"somethingNew": ["1"]})), false);
        check(&json!({"source": ["aws.s3"]}), false);
        check(&json!(["source"]), false);
    }
}
