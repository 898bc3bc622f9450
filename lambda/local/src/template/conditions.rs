//! `Conditions`: names for yes and no.

use super::{
    evaluator::{Evaluator, Progress},
    findings::{Place, Reported, did_you_mean},
    tree::{Node, Value},
};

impl Evaluator<'_> {
    /// Decides every condition, so that a broken one is named even where nothing uses it.
    pub(super) fn decide_conditions(&mut self) {
        for entry in self.document.conditions {
            let _already_reported = self.condition(&entry.key, entry.place);
        }
    }

    /// The condition called `name`, as `place` refers to it.
    pub(super) fn condition(&mut self, name: &str, place: Place) -> Result<bool, Reported> {
        let conditions = self.document.conditions;
        let Some(entry) = conditions.iter().find(|entry| entry.key == name) else {
            let name = did_you_mean(name, conditions.iter().map(|entry| entry.key.as_str()));
            return Err(self.found.mistake(place, format!("not a condition: {name}")));
        };
        match self.conditions.get(name) {
            Some(Progress::Done(result)) => return *result,
            Some(Progress::Running) => {
                return Err(self.found.mistake(place, format!("the condition `{name}` refers to itself")));
            }
            None => {}
        }
        self.conditions.insert(&entry.key, Progress::Running);
        let result = self.decide(&entry.value);
        self.conditions.insert(&entry.key, Progress::Done(result));
        result
    }

    fn decide(&mut self, node: &Node) -> Result<bool, Reported> {
        let Some([entry]) = node.entries() else {
            return Err(self.wrong_shape(node.place, "a condition", "one of the condition functions", node));
        };
        let argument = &entry.value;
        match entry.key.as_str() {
            "Condition" => match argument.as_text() {
                Some(name) => self.condition(name, argument.place),
                None => Err(self.wrong_shape(argument.place, "`Condition`", "a condition's name", argument)),
            },
            "Fn::Equals" => {
                let [left, right] = self.arguments(argument, node.place, "Fn::Equals", "[value, value]")?;
                let left = self.text(left, "what `Fn::Equals` compares");
                let right = self.text(right, "what `Fn::Equals` compares");
                Ok(left? == right?)
            }
            "Fn::Not" => {
                let [inner] = self.arguments(argument, node.place, "Fn::Not", "[condition]")?;
                self.decide(inner).map(|value| !value)
            }
            "Fn::And" => {
                self.members(argument, node.place, "Fn::And").map(|values| values.iter().all(|value| *value))
            }
            "Fn::Or" => self.members(argument, node.place, "Fn::Or").map(|values| values.contains(&true)),
            other => {
                let name = did_you_mean(other, FUNCTIONS.iter().copied());
                Err(self.found.mistake(node.place, format!("not a condition function: {name}")))
            }
        }
    }

    fn members(&mut self, argument: &Node, place: Place, name: &str) -> Result<Vec<bool>, Reported> {
        match &argument.value {
            Value::List(items) if MEMBERS.contains(&items.len()) => {
                let values: Vec<_> = items.iter().map(|item| self.decide(item)).collect();
                values.into_iter().collect()
            }
            Value::Null | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                let (least, most) = (MEMBERS.start(), MEMBERS.end());
                Err(self
                    .found
                    .mistake(place, format!("`{name}` takes a list of {least} to {most} conditions")))
            }
        }
    }
}

const FUNCTIONS: &[&str] = &["Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"];

/// Source: CloudFormation user guide, "Condition functions": two to ten conditions.
const MEMBERS: std::ops::RangeInclusive<usize> = 2..=10;
