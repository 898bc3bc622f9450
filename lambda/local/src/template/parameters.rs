//! `Parameters`: values from outside, and those that CloudFormation itself provides.

use std::collections::BTreeMap;

use super::{
    findings::{Findings, Place, did_you_mean},
    tree::{Entry, Node, Value},
};

/// One parameter with the value that it has here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Parameter {
    /// `None`: neither an override nor a `Default`.
    text: Option<String>,
    is_list: bool,
    /// AWS would read the value from SSM under this text; nobody said what it is here.
    pub(super) unresolved: bool,
}

impl Parameter {
    pub(super) fn read_all<'t>(
        entries: &'t [Entry],
        overrides: &BTreeMap<String, String>,
        found: &mut Findings,
    ) -> BTreeMap<&'t str, Self> {
        for name in overrides.keys().filter(|name| !entries.iter().any(|entry| entry.key == **name)) {
            let name = did_you_mean(name, entries.iter().map(|entry| entry.key.as_str()));
            found.mistake_elsewhere(format!("an override is given for the unknown parameter {name}"));
        }
        entries.iter().map(|entry| (entry.key.as_str(), Self::read(entry, overrides, found))).collect()
    }

    fn read(entry: &Entry, overrides: &BTreeMap<String, String>, found: &mut Findings) -> Self {
        let Entry { key, place, value } = entry;
        let kind = value.get("Type").and_then(Node::as_text).unwrap_or_else(|| {
            found.mistake(*place, format!("the parameter `{key}` has no `Type`"));
            "String"
        });
        for attribute in value.entries().unwrap_or_default() {
            if !ATTRIBUTES.contains(&attribute.key.as_str()) {
                let name = did_you_mean(&attribute.key, ATTRIBUTES.iter().copied());
                found.mistake(attribute.place, format!("unknown attribute of a parameter {name}"));
            }
        }
        let default = value.get("Default").and_then(|node| match &node.value {
            Value::Text(text) => Some(text.clone()),
            // `Default:` with nothing behind it is how people write the empty text.
            Value::Null => Some(String::new()),
            Value::List(_) | Value::Map(_) => {
                found.mistake(node.place, format!("`Default` is a text, and this is {}", node.describe()));
                None
            }
        });
        let given = overrides.get(key).cloned();
        let from_ssm = kind.starts_with("AWS::SSM::Parameter::Value<");
        let unresolved = from_ssm && given.is_none();
        let text = given.or(default);
        if let Some(text) = &text
            && let Some(Node { value: Value::List(allowed), .. }) = value.get("AllowedValues")
            && !allowed.iter().any(|allowed| allowed.as_text() == Some(text))
        {
            // The value stays unsaid: it may be a secret.
            found.mistake(*place, format!("the value of `{key}` is not one of its `AllowedValues`"));
        }
        Self { text, is_list: kind == "CommaDelimitedList" || kind.contains("List<"), unresolved }
    }

    /// What `Ref` gives; `None` if nobody gave the parameter a value.
    pub(super) fn node(&self, place: Place) -> Option<Node> {
        let text = self.text.as_deref()?;
        if !self.is_list {
            return Some(Node::text(place, text));
        }
        let items = text.split(',').map(|item| Node::text(place, item.trim())).collect();
        Some(Node { value: Value::List(items), place })
    }
}

/// What `Ref` gives for one of CloudFormation's own parameters, `AWS::NoValue` aside.
pub(super) fn pseudo(name: &str, place: Place) -> Option<Node> {
    let text = match name {
        "AWS::AccountId" => ACCOUNT,
        "AWS::NotificationARNs" => return Some(Node { value: Value::List(Vec::new()), place }),
        "AWS::Partition" => "aws",
        "AWS::Region" => REGION,
        "AWS::StackId" => STACK_ID,
        "AWS::StackName" => STACK,
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    };
    Some(Node::text(place, text))
}

/// The account and region of everything on this machine.
pub(super) const ACCOUNT: &str = "000000000000";
pub(super) const REGION: &str = "us-east-1";
const STACK: &str = "local";
const STACK_ID: &str =
    "arn:aws:cloudformation:us-east-1:000000000000:stack/local/00000000-0000-0000-0000-000000000000";

/// Source: CloudFormation user guide, "Pseudo parameters reference".
pub(super) const PSEUDO: &[&str] = &[
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Source: CloudFormation user guide, "Parameters", properties.
const ATTRIBUTES: &[&str] = &[
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];
