//! May EventBridge send to the queue? What its policy says of that, and the policy that lets it.
//!
//! Source: IAM user guide, "Policy evaluation logic", "Condition operators", and "aws:PrincipalIsAWSService".

use std::fmt;

use serde_json::{Map, Value, json};

/// What hinders a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) enum Hindrance {
    /// No statement lets it send.
    NotAllowed,
    /// This statement stops a service of AWS, which is in no account.
    Denied { statement: String },
    /// The policy is none.
    Unreadable,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed => f.write_str("does not let EventBridge send"),
            Self::Denied { statement } => {
                write!(f, "statement {statement} denies AWS's services, which are in no account")
            }
            Self::Unreadable => f.write_str("unknown: it cannot be read"),
        }
    }
}

/// What hinders the rule with this ARN from sending to a queue with this policy.
pub(in crate::cli) fn hindrance(policy: Option<&str>, rule_arn: &str) -> Option<Hindrance> {
    let Ok(policy) = read(policy) else { return Some(Hindrance::Unreadable) };
    let statements = statements(&policy);
    if let Some(denying) = statements.iter().find(|statement| denies(statement)) {
        let statement = denying["Sid"].as_str().unwrap_or("without a Sid").to_owned();
        return Some(Hindrance::Denied { statement });
    }
    let is_allowed = statements.iter().any(|statement| allows(statement, rule_arn));
    (!is_allowed).then_some(Hindrance::NotAllowed)
}

/// The same policy, but for what hinders these rules. `None`: it is none.
pub(in crate::cli) fn mended(policy: Option<&str>, queue_arn: &str, rule_arns: &[String]) -> Option<String> {
    let mut policy = read(policy).ok()?;
    let mut statements = statements(&policy);
    for denying in statements.iter_mut().filter(|statement| denies(statement)) {
        // Who is anonymous has no such key, and stays denied.
        denying["Condition"]["BoolIfExists"][IS_SERVICE] = "false".into();
    }
    let mut rules: Vec<Value> = rule_arns.iter().map(|arn| arn.as_str().into()).collect();
    // That of an earlier time, whose rules stay.
    if let Some(at) = statements.iter().position(|statement| statement["Sid"] == SID) {
        let before = statements.remove(at);
        let before = list(&before["Condition"]["ArnEquals"][SOURCE_ARN]);
        rules.extend(before.into_iter().filter(|arn| !rule_arns.iter().any(|rule| arn == rule)));
    }
    statements.push(json!({
        "Sid": SID, "Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": ACTION, "Resource": queue_arn,
        "Condition": {"ArnEquals": {SOURCE_ARN: rules}},
    }));
    policy.insert("Statement".to_owned(), statements.into());
    Some(Value::Object(policy).to_string())
}

fn read(policy: Option<&str>) -> Result<Map<String, Value>, serde_json::Error> {
    let none = r#"{"Version":"2012-10-17","Statement":[]}"#;
    serde_json::from_str(policy.filter(|policy| !policy.is_empty()).unwrap_or(none))
}

fn statements(policy: &Map<String, Value>) -> Vec<Value> {
    policy.get("Statement").map(list).unwrap_or_default()
}

/// Where a policy may say one thing or several.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    }
}

fn is_about_sending(statement: &Value) -> bool {
    let is_ours = |principal: &Value| {
        let names_it = |names: &Value, name: &str| list(names).iter().any(|one| one == "*" || one == name);
        principal == "*" || principal["AWS"] == "*" || names_it(&principal["Service"], SERVICE)
    };
    let is_sending = |action: &Value| {
        action.as_str().is_some_and(|action| is_like(&ACTION.to_lowercase(), &action.to_lowercase()))
    };
    is_ours(&statement["Principal"]) && list(&statement["Action"]).iter().any(is_sending)
}

/// Conditions about other things than the rule are taken to hold.
fn allows(statement: &Value, rule_arn: &str) -> bool {
    statement["Effect"] == "Allow"
        && is_about_sending(statement)
        && conditions(statement).all(|(operator, key, wanted)| {
            let is_positive = matches!(operator, "ArnEquals" | "ArnLike" | "StringEquals" | "StringLike");
            let is_rules = |arn: &Value| arn.as_str().is_some_and(|pattern| is_like(rule_arn, pattern));
            !(is_positive && key.eq_ignore_ascii_case(SOURCE_ARN)) || list(wanted).iter().any(is_rules)
        })
}

/// A statement stops EventBridge if each of its conditions holds for it. Those that are not understood are taken not to.
fn denies(statement: &Value) -> bool {
    statement["Effect"] == "Deny"
        && is_about_sending(statement)
        && conditions(statement).all(|(operator, key, wanted)| {
            let key = key.to_lowercase();
            if key == IS_SERVICE.to_lowercase() {
                return list(wanted).iter().any(|wanted| wanted == "true" || *wanted == true);
            }
            // A service has no account, role or organisation, and a negated condition holds for what is not there.
            operator.contains("Not") && key.starts_with("aws:principal") && key != "aws:principalservicename"
        })
}

/// Operator, key and what is wanted.
fn conditions(statement: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    operators.flat_map(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(move |(key, wanted)| (operator.as_str(), key.as_str(), wanted))
    })
}

/// `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| is_like(text, rest)))
        }),
    }
}

const SID: &str = "ExecutionsEnd";
const SERVICE: &str = "events.amazonaws.com";
const ACTION: &str = "sqs:SendMessage";
const SOURCE_ARN: &str = "aws:SourceArn";
const IS_SERVICE: &str = "aws:PrincipalIsAWSService";

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:callbacks";
    const RULE: &str = "arn:aws:events:eu-central-1:123456789012:rule/stayput-f";

    fn denied(sid: &str) -> Hindrance {
        Hindrance::Denied { statement: sid.to_owned() }
    }

    fn policy(statements: &Value) -> String {
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }

    /// What hinders the rule, and that nothing does once the policy is mended.
    #[track_caller]
    fn check(statements: &Value, expected: Option<&Hindrance>) {
        let written = policy(statements);
        assert_eq!(hindrance(Some(&written), RULE).as_ref(), expected, "{written}");
        let mended = mended(Some(&written), QUEUE, &[RULE.to_owned()]).unwrap();
        assert_eq!(hindrance(Some(&mended), RULE), None, "{mended}");
    }

    fn allow(source: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sqs:SendMessage", "Resource": QUEUE,
               "Condition": source})
    }

    #[test]
    fn a_queue_without_a_policy_takes_nothing_from_eventbridge() {
        assert_eq!(hindrance(None, RULE), Some(Hindrance::NotAllowed));
        assert_eq!(hindrance(Some(""), RULE), Some(Hindrance::NotAllowed));
        assert_eq!(hindrance(mended(None, QUEUE, &[RULE.to_owned()]).as_deref(), RULE), None);
        check(&json!([]), Some(&Hindrance::NotAllowed));
    }

    #[test]
    fn a_statement_lets_the_rules_send_that_it_names() {
        check(&json!(allow(&json!({}))), None);
        check(
            &json!([allow(
                &json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:123456789012:rule/stayput-*"}})
            )]),
            None,
        );
        check(&json!([allow(&json!({"ArnEquals": {"aws:SourceArn": [RULE, "arn:other"]}}))]), None);
        check(&json!([allow(&json!({"StringEquals": {"aws:SourceAccount": "123456789012"}}))]), None);
        let other = allow(
            &json!({"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-central-1:123456789012:rule/other"}}),
        );
        check(&json!([other]), Some(&Hindrance::NotAllowed));
        let reads = json!([{"Effect": "Allow", "Principal": "*", "Action": ["sqs:ReceiveMessage"]}]);
        check(&reads, Some(&Hindrance::NotAllowed));
    }

    #[test]
    fn who_denies_other_accounts_denies_services_that_are_in_none() {
        let deny = |condition: Value| json!([allow(&json!({})), {"Sid": "Ours", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Condition": condition}]);
        let account = json!({"aws:PrincipalAccount": "123456789012"});
        check(&deny(json!({ "StringNotEquals": account })), Some(&denied("Ours")));
        check(
            &deny(json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}})),
            Some(&denied("Ours")),
        );
        check(&deny(Value::Null), Some(&denied("Ours")));
        for spared in ["Bool", "BoolIfExists"] {
            check(
                &deny(json!({ "StringNotEquals": account, spared: {"aws:PrincipalIsAWSService": "false"} })),
                None,
            );
        }
        check(&deny(json!({"Bool": {"aws:SecureTransport": "false"}})), None);
        check(&deny(json!({"StringNotEquals": {"aws:SourceAccount": "123456789012"}})), None);
    }

    #[test]
    fn what_was_allowed_before_stays() {
        let first = mended(None, QUEUE, &["arn:first".to_owned()]);
        let both = mended(first.as_deref(), QUEUE, &[RULE.to_owned()]).unwrap();
        for rule in ["arn:first", RULE] {
            assert_eq!(hindrance(Some(&both), rule), None, "{both}");
        }
        let again = mended(Some(&both), QUEUE, &[RULE.to_owned()]).unwrap();
        assert_eq!(again, both);
    }

    #[test]
    fn what_is_no_policy_is_not_replaced() {
        assert_eq!(hindrance(Some("["), RULE), Some(Hindrance::Unreadable));
        assert_eq!(mended(Some("["), QUEUE, &[RULE.to_owned()]), None);
    }
}
