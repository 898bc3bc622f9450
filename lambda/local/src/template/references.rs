//! `Ref` and `Fn::GetAtt`: the names and ARNs of a template's resources, as they would be on this machine.

use super::{
    document::{Kind, Resource},
    evaluator::{Evaluator, Progress},
    findings::{Group, Place, Reported, did_you_mean},
    parameters::{ACCOUNT, PSEUDO, REGION, pseudo},
    stand_in::StandIn,
    tree::{Node, Value},
};

impl<'t> Evaluator<'t> {
    pub(super) fn reference(&mut self, argument: &Node, place: Place) -> Result<Option<Node>, Reported> {
        match argument.as_text() {
            Some(name) => self.named(name, place),
            None => Err(self.wrong_shape(place, "what `Ref` refers to", "a name", argument)),
        }
    }

    /// A parameter's value or a resource's name. `None`: `AWS::NoValue`.
    pub(super) fn named(&mut self, name: &str, place: Place) -> Result<Option<Node>, Reported> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(node) = pseudo(name, place) {
            return Ok(Some(node));
        }
        if let Some(parameter) = self.parameters.get(name) {
            let (value, unresolved) = (parameter.node(place), parameter.unresolved);
            if unresolved {
                self.found.note_member(Group::MadeUp, place, name);
            }
            let message =
                || format!("the parameter `{name}` has no `Default`, and no value was given for it");
            return value.map(Some).ok_or_else(|| self.found.mistake(place, message()));
        }
        if let Some(resource) = self.document.resource(name) {
            let physical = self.physical_name(name, place)?;
            let text = match resource.kind {
                Kind::ServerlessFunction | Kind::LambdaFunction => physical,
                Kind::Other(kind) => {
                    self.found.note_member(Group::MadeUp, place, name);
                    StandIn::of(kind).reference(&physical)
                }
            };
            return Ok(Some(Node::text(place, text)));
        }
        // Source: SAM developer guide, "Referencing generated resources".
        if let Some((function, "Alias")) = name.split_once('.') {
            return self.attribute(function, "Alias", place).map(Some);
        }
        if self.is_made_by_sam(name) {
            self.found.note_member(Group::MadeUp, place, name);
            return Ok(Some(Node::text(place, name)));
        }
        let document = self.document;
        let known =
            self.parameters.keys().copied().chain(document.resources.iter().map(|resource| resource.id));
        let name = did_you_mean(name, known.chain(PSEUDO.iter().copied()));
        Err(self.found.mistake(place, format!("neither a parameter nor a resource: {name}")))
    }

    pub(super) fn get_attribute(&mut self, argument: &Node, place: Place) -> Result<Node, Reported> {
        match &argument.value {
            Value::Text(text) if text.contains('.') => {
                let (resource, attribute) = text.split_once('.').expect("checked by the guard");
                self.attribute(resource, attribute, place)
            }
            Value::Null | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                let [resource, attribute] =
                    self.arguments(argument, place, "Fn::GetAtt", "[resource, attribute]")?;
                let Some(resource) = resource.as_text() else {
                    return Err(self.wrong_shape(place, "the resource of `Fn::GetAtt`", "a name", resource));
                };
                let attribute = self.text(attribute, "the attribute of `Fn::GetAtt`")?;
                self.attribute(resource, &attribute, place)
            }
        }
    }

    pub(super) fn attribute(&mut self, id: &str, attribute: &str, place: Place) -> Result<Node, Reported> {
        let document = self.document;
        let Some(resource) = document.resource(id) else {
            if attribute == "Arn" && self.is_role_made_by_sam(id) {
                self.found.note_member(Group::MadeUp, place, &format!("{id}.Arn"));
                return Ok(Node::text(place, format!("arn:aws:iam::{ACCOUNT}:role/{id}")));
            }
            let name = did_you_mean(id, document.resources.iter().map(|resource| resource.id));
            return Err(self.found.mistake(place, format!("not a resource: {name}")));
        };
        let physical = self.physical_name(id, place)?;
        let value = match resource.kind {
            Kind::ServerlessFunction | Kind::LambdaFunction => {
                let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{physical}");
                match attribute {
                    "Arn" => Some(arn),
                    "Alias" => self.alias(resource)?.map(|alias| format!("{arn}:{alias}")),
                    _ => None,
                }
            }
            Kind::Other(kind) => {
                let value = StandIn::of(kind).attribute(attribute, &physical);
                if value.is_some() && !StandIn::is_here(kind, attribute) {
                    self.found.note_member(Group::MadeUp, place, &format!("{id}.{attribute}"));
                }
                value
            }
        };
        match value {
            Some(text) => Ok(Node::text(place, text)),
            None => {
                let kind = resource.kind.name();
                Err(self.found.mistake(
                    place,
                    format!("`{id}.{attribute}`: no value is known here for `{attribute}` of {kind}"),
                ))
            }
        }
    }

    /// `AutoPublishAlias`, the function's own or that of all.
    fn alias(&mut self, function: &Resource<'t>) -> Result<Option<String>, Reported> {
        let all = self.document.global_properties;
        let of_all = || all.iter().find(|entry| entry.key == ALIAS).map(|entry| &entry.value);
        let said = function.property(ALIAS).or_else(of_all);
        said.map(|node| self.text(node, "`AutoPublishAlias`")).transpose()
    }

    /// What the resource is called once it exists: its own name property, or else its logical id.
    pub(super) fn physical_name(&mut self, id: &str, place: Place) -> Result<String, Reported> {
        let document = self.document;
        let resource = document.resource(id).expect("looked up by the caller");
        match self.names.get(id) {
            Some(Progress::Done(result)) => return result.clone(),
            Some(Progress::Running) => {
                return Err(self.found.mistake(place, format!("the name of `{id}` refers to itself")));
            }
            None => {}
        }
        self.names.insert(resource.id, Progress::Running);
        let result = self.find_name(resource, place);
        self.names.insert(resource.id, Progress::Done(result.clone()));
        result
    }

    fn find_name(&mut self, resource: &Resource<'t>, place: Place) -> Result<String, Reported> {
        if !self.exists(resource)? {
            let message = format!("`{}` is absent: its condition is false", resource.id);
            return Err(self.found.mistake(place, message));
        }
        let property = match resource.kind {
            Kind::ServerlessFunction | Kind::LambdaFunction => "FunctionName",
            Kind::Other(kind) => StandIn::of(kind).name_property,
        };
        let value = match resource.property(property) {
            Some(node) => self.evaluate(node)?,
            None => None,
        };
        match value {
            Some(Node { value: Value::Text(name), .. }) => Ok(name),
            Some(other) => Err(self.wrong_shape(other.place, &format!("`{property}`"), "a text", &other)),
            None => Ok(resource.id.to_owned()),
        }
    }

    /// Whether the resource's `Condition` holds, if it has one.
    pub(super) fn exists(&mut self, resource: &Resource<'t>) -> Result<bool, Reported> {
        match resource.node.get("Condition") {
            None => Ok(true),
            Some(node) => match node.as_text() {
                Some(name) => self.condition(name, node.place),
                None => Err(self.wrong_shape(node.place, "`Condition`", "a condition's name", node)),
            },
        }
    }

    /// Resources that nobody writes down because SAM adds them: `ServerlessHttpApi`, `<function>Role`.
    fn is_made_by_sam(&self, id: &str) -> bool {
        matches!(id, "ServerlessHttpApi" | "ServerlessRestApi") || self.is_role_made_by_sam(id)
    }

    fn is_role_made_by_sam(&self, id: &str) -> bool {
        let function = id.strip_suffix("Role").and_then(|id| self.document.resource(id));
        function.is_some_and(|resource| resource.kind == Kind::ServerlessFunction)
    }
}

/// A property of functions, and what SAM calls the alias that it makes.
const ALIAS: &str = "AutoPublishAlias";
