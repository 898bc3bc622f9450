//! `Fn::Sub`: texts with `${names}` in them.

use super::{
    evaluator::Evaluator,
    findings::{Place, Reported},
    tree::{Entry, Node, Value},
};

impl Evaluator<'_> {
    pub(super) fn substitute(&mut self, argument: &Node, place: Place) -> Result<Node, Reported> {
        let (template, own) = match &argument.value {
            Value::Text(text) => (text.as_str(), &[][..]),
            Value::Null => ("", &[][..]),
            Value::List(_) | Value::Map(_) => {
                let shape = "a text, or [text, {name: value}]";
                let [text, own] = self.arguments(argument, place, "Fn::Sub", shape)?;
                match (text.as_text(), own.entries()) {
                    (Some(text), Some(own)) => (text, own),
                    _ => return Err(self.found.mistake(place, format!("`Fn::Sub` takes {shape}"))),
                }
            }
        };
        let mut result = String::with_capacity(template.len());
        let mut outcome = Ok(());
        for part in parts(template) {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Literal(name) => result.extend(["${", name, "}"]),
                Part::Variable(name) => match self.variable(name, own, place) {
                    Ok(text) => result.push_str(&text),
                    Err(reported) => outcome = Err(reported),
                },
            }
            self.check_size(result.len(), place)?;
        }
        outcome.map(|()| Node::text(place, result))
    }

    fn variable(&mut self, name: &str, own: &[Entry], place: Place) -> Result<String, Reported> {
        let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_'));
        if name.is_empty() || name.contains(odd) {
            let message =
                format!("`${{{name}}}`: a name in `Fn::Sub` has letters, digits, `_`, `.` and `:` only");
            return Err(self.found.mistake(place, message));
        }
        let for_what = format!("`${{{name}}}` in `Fn::Sub`");
        if let Some(entry) = own.iter().find(|entry| entry.key == name) {
            return self.text(&entry.value, &for_what);
        }
        let value = match name.split_once('.') {
            Some((resource, attribute)) => Some(self.attribute(resource, attribute, place)?),
            None => self.named(name, place)?,
        };
        match value {
            Some(Node { value: Value::Text(text), .. }) => Ok(text),
            Some(other) => Err(self.wrong_shape(place, &for_what, "a text", &other)),
            None => Err(self.found.mistake(place, format!("{for_what} cannot be `AWS::NoValue`"))),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part<'a> {
    Text(&'a str),
    /// `${!Name}`, which stands for `${Name}` itself.
    Literal(&'a str),
    /// `${Name}` or `${Name.Attribute}`.
    Variable(&'a str),
}

fn parts(mut rest: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let name = &rest[start + 2..start + length];
        parts.push(Part::Text(&rest[..start]));
        parts.push(name.strip_prefix('!').map_or(Part::Variable(name), Part::Literal));
        rest = &rest[start + length + 1..];
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::{Part::*, parts};

    #[test]
    fn names_are_told_from_text_and_from_literals() {
        assert_eq!(parts("a${B}c${!D}"), [Text("a"), Variable("B"), Text("c"), Literal("D"), Text("")]);
        assert_eq!(parts("$5 ${open"), [Text("$5 ${open")]);
        assert_eq!(parts("${}"), [Text(""), Variable(""), Text("")]);
    }
}
