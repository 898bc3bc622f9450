//! Intrinsic functions: from a template's tree to a tree of plain values.
//!
//! Only what the embedded Lambda acts on is evaluated, so an intrinsic that has no meaning here is a mistake exactly
//! where its value would have been needed.

use std::collections::BTreeMap;

use super::{
    document::Document,
    findings::{Findings, Place, Reported, did_you_mean},
    parameters::Parameter,
    tree::{Entry, Node, Value},
};

#[derive(Debug)]
pub(super) struct Evaluator<'t> {
    pub(super) document: &'t Document<'t>,
    pub(super) parameters: BTreeMap<&'t str, Parameter>,
    /// Conditions by name, each decided once.
    pub(super) conditions: BTreeMap<&'t str, Progress<bool>>,
    /// Physical names by logical id, each found once.
    pub(super) names: BTreeMap<&'t str, Progress<String>>,
    pub(super) found: Findings,
}

/// How far something that may refer to itself has come.
#[derive(Clone, Debug)]
pub(super) enum Progress<T> {
    Running,
    Done(Result<T, Reported>),
}

impl<'t> Evaluator<'t> {
    pub(super) fn new(
        document: &'t Document<'t>,
        overrides: &BTreeMap<String, String>,
        mut found: Findings,
    ) -> Self {
        let parameters = Parameter::read_all(document.parameters, overrides, &mut found);
        Self { document, parameters, conditions: BTreeMap::new(), names: BTreeMap::new(), found }
    }

    /// `node` with every intrinsic replaced by its value. `None`: `AWS::NoValue`, as if it were not written.
    pub(super) fn evaluate(&mut self, node: &Node) -> Result<Option<Node>, Reported> {
        if let Some((name, argument)) = node.intrinsic() {
            return self.call(name, argument, node.place);
        }
        let value = match &node.value {
            Value::Null | Value::Text(_) => return Ok(Some(node.clone())),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.evaluate(item)).collect();
                let items: Result<Vec<_>, _> = items.into_iter().collect();
                Value::List(items?.into_iter().flatten().collect())
            }
            Value::Map(entries) => {
                let values: Vec<_> = entries.iter().map(|entry| self.evaluate(&entry.value)).collect();
                let values: Result<Vec<_>, _> = values.into_iter().collect();
                let entry = |(entry, value): (&Entry, Option<Node>)| {
                    value.map(|value| Entry { key: entry.key.clone(), place: entry.place, value })
                };
                Value::Map(entries.iter().zip(values?).filter_map(entry).collect())
            }
        };
        Ok(Some(Node { value, place: node.place }))
    }

    /// Evaluates to a text, as `for_what` needs one.
    pub(super) fn text(&mut self, node: &Node, for_what: &str) -> Result<String, Reported> {
        match self.evaluate(node)? {
            Some(Node { value: Value::Text(text), .. }) => Ok(text),
            Some(other) => Err(self.wrong_shape(node.place, for_what, "a text", &other)),
            None => Err(self.found.mistake(node.place, format!("{for_what} cannot be `AWS::NoValue`"))),
        }
    }

    fn list(&mut self, node: &Node, for_what: &str) -> Result<Vec<Node>, Reported> {
        match self.evaluate(node)? {
            Some(Node { value: Value::List(items), .. }) => Ok(items),
            Some(other) => Err(self.wrong_shape(node.place, for_what, "a list", &other)),
            None => Err(self.found.mistake(node.place, format!("{for_what} cannot be `AWS::NoValue`"))),
        }
    }

    pub(super) fn wrong_shape(&mut self, place: Place, for_what: &str, wanted: &str, got: &Node) -> Reported {
        self.found.mistake(place, format!("{for_what} is {wanted}, and this is {}", got.describe()))
    }

    fn call(&mut self, name: &str, argument: &Node, place: Place) -> Result<Option<Node>, Reported> {
        match name {
            "Ref" => self.reference(argument, place),
            "Fn::GetAtt" => self.get_attribute(argument, place).map(Some),
            "Fn::Sub" => self.substitute(argument, place).map(Some),
            "Fn::If" => self.choose(argument, place),
            "Fn::Join" => self.join(argument, place).map(Some),
            "Fn::Select" => self.select(argument, place).map(Some),
            "Fn::Split" => self.split(argument, place).map(Some),
            "Fn::FindInMap" => self.find_in_map(argument, place).map(Some),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => Err(self.found.mistake(
                place,
                format!("`{name}` belongs under `Conditions`; use `Fn::If` with its name here"),
            )),
            _ if WITHOUT_MEANING.contains(&name) => Err(self.found.mistake(
                place,
                format!(
                    "`{name}` has no value on this machine; put a parameter in its place and give it one here"
                ),
            )),
            _ => {
                let known = UNDERSTOOD.iter().chain(WITHOUT_MEANING).copied();
                Err(self.found.mistake(place, format!("unknown function {}", did_you_mean(name, known))))
            }
        }
    }

    fn choose(&mut self, argument: &Node, place: Place) -> Result<Option<Node>, Reported> {
        let [condition, yes, no] =
            self.arguments(argument, place, "Fn::If", "[condition, value if true, value if false]")?;
        let Some(name) = condition.as_text() else {
            return Err(self.wrong_shape(
                condition.place,
                "the condition of `Fn::If`",
                "a condition's name",
                condition,
            ));
        };
        let chosen = if self.condition(name, condition.place)? { yes } else { no };
        self.evaluate(chosen)
    }

    fn join(&mut self, argument: &Node, place: Place) -> Result<Node, Reported> {
        let [delimiter, values] = self.arguments(argument, place, "Fn::Join", "[delimiter, [values]]")?;
        let delimiter = self.text(delimiter, "the delimiter of `Fn::Join`")?;
        let mut parts = Vec::new();
        for value in self.list(values, "the second argument of `Fn::Join`")? {
            match value.value {
                Value::Text(text) => parts.push(text),
                Value::Null | Value::List(_) | Value::Map(_) => {
                    return Err(self.wrong_shape(value.place, "what `Fn::Join` joins", "a text", &value));
                }
            }
        }
        let bytes =
            parts.iter().map(String::len).sum::<usize>() + delimiter.len().saturating_mul(parts.len());
        self.check_size(bytes, place)?;
        Ok(Node::text(place, parts.join(&delimiter)))
    }

    fn select(&mut self, argument: &Node, place: Place) -> Result<Node, Reported> {
        let [index, values] = self.arguments(argument, place, "Fn::Select", "[index, [values]]")?;
        let text = self.text(index, "the index of `Fn::Select`")?;
        let Ok(at) = text.parse::<usize>() else {
            return Err(self.found.mistake(index.place, "the index of `Fn::Select` is a number from 0"));
        };
        let mut values = self.list(values, "the second argument of `Fn::Select`")?;
        if at >= values.len() {
            let message =
                format!("`Fn::Select` wants item {at}, and the list has {} (the first is 0)", values.len());
            return Err(self.found.mistake(index.place, message));
        }
        Ok(values.swap_remove(at))
    }

    fn split(&mut self, argument: &Node, place: Place) -> Result<Node, Reported> {
        let [delimiter, text] = self.arguments(argument, place, "Fn::Split", "[delimiter, text]")?;
        let separator = self.text(delimiter, "the delimiter of `Fn::Split`")?;
        let text = self.text(text, "the second argument of `Fn::Split`")?;
        if separator.is_empty() {
            return Err(self.found.mistake(delimiter.place, "the delimiter of `Fn::Split` cannot be empty"));
        }
        let items = text.split(&separator).map(|part| Node::text(place, part)).collect();
        Ok(Node { value: Value::List(items), place })
    }

    fn find_in_map(&mut self, argument: &Node, place: Place) -> Result<Node, Reported> {
        let shape = "[map, first key, second key]";
        let [map, first, second] = self.arguments(argument, place, "Fn::FindInMap", shape)?;
        let name = self.text(map, "the map of `Fn::FindInMap`")?;
        let mappings = self.document.mappings;
        let top = self.lookup(mappings, &name, map.place, "a mapping")?;
        let key = self.text(first, "the first key of `Fn::FindInMap`")?;
        let row =
            self.lookup(top.entries().unwrap_or_default(), &key, first.place, &format!("a key of `{name}`"))?;
        let last = self.text(second, "the second key of `Fn::FindInMap`")?;
        let of = format!("a key of `{name}.{key}`");
        self.lookup(row.entries().unwrap_or_default(), &last, second.place, &of).cloned()
    }

    fn lookup<'n>(
        &mut self,
        entries: &'n [Entry],
        key: &str,
        place: Place,
        what: &str,
    ) -> Result<&'n Node, Reported> {
        match entries.iter().find(|entry| entry.key == key) {
            Some(entry) => Ok(&entry.value),
            None => {
                let name = did_you_mean(key, entries.iter().map(|entry| entry.key.as_str()));
                Err(self.found.mistake(place, format!("not {what}: {name}")))
            }
        }
    }

    pub(super) fn arguments<'n, const N: usize>(
        &mut self,
        argument: &'n Node,
        place: Place,
        name: &str,
        shape: &str,
    ) -> Result<&'n [Node; N], Reported> {
        if let Value::List(items) = &argument.value
            && let Ok(items) = items.as_slice().try_into()
        {
            return Ok(items);
        }
        Err(self.found.mistake(place, format!("`{name}` takes {shape}")))
    }

    pub(super) fn check_size(&mut self, bytes: usize, place: Place) -> Result<(), Reported> {
        if bytes <= MAX_VALUE_BYTES {
            return Ok(());
        }
        Err(self.found.mistake(place, format!("the value is over the limit of {MAX_VALUE_BYTES} bytes")))
    }
}

/// Bytes of one computed text. Ours: functions may nest, and each may repeat what is inside it. Far above what a
/// function's variables may hold (4,096 bytes).
const MAX_VALUE_BYTES: usize = 65_536;

const UNDERSTOOD: &[&str] = &[
    "Fn::And",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::Join",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
];

/// Functions that CloudFormation has and whose values lie in an account, in another stack or in a macro.
/// Source: CloudFormation user guide, "Intrinsic function reference".
const WITHOUT_MEANING: &[&str] = &[
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::GetAZs",
    "Fn::ImportValue",
    "Fn::Length",
    "Fn::RefAll",
    "Fn::ToJsonString",
    "Fn::Transform",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
];
