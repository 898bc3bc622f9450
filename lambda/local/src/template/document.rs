//! A template's sections, taken apart but not evaluated.

use super::{
    findings::{Findings, Place, Reported, did_you_mean},
    tree::{Entry, Node, Value},
};

#[derive(Debug)]
pub(super) struct Document<'t> {
    pub(super) parameters: &'t [Entry],
    pub(super) mappings: &'t [Entry],
    pub(super) conditions: &'t [Entry],
    pub(super) resources: Vec<Resource<'t>>,
    /// What every `AWS::Serverless::Function` starts from: `Globals.Function`.
    pub(super) global_properties: &'t [Entry],
}

#[derive(Debug)]
pub(super) struct Resource<'t> {
    pub(super) id: &'t str,
    /// Of the logical id.
    pub(super) place: Place,
    pub(super) kind: Kind<'t>,
    /// The whole resource, a map.
    pub(super) node: &'t Node,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind<'t> {
    /// `AWS::Serverless::Function`.
    ServerlessFunction,
    /// `AWS::Lambda::Function`.
    LambdaFunction,
    Other(&'t str),
}

impl<'t> Document<'t> {
    pub(super) fn read(root: &'t Node, found: &mut Findings) -> Result<Self, Reported> {
        let Some(entries) = root.entries() else {
            return Err(
                found.mistake(root.place, format!("a template is a map, and this is {}", root.describe()))
            );
        };
        for entry in entries {
            if !SECTIONS.contains(&entry.key.as_str()) {
                let name = did_you_mean(&entry.key, SECTIONS.iter().copied());
                found.mistake(entry.place, format!("unknown section {name}"));
            }
        }
        let resources = resources(section(root, "Resources", found), found);
        if root.get("Resources").is_none() {
            found.mistake(root.place, "`Resources` is missing");
        }
        let global_properties = globals(section(root, "Globals", found), found);
        let needs_sam = resources.iter().find(|resource| resource.kind == Kind::ServerlessFunction);
        if let Some(resource) = needs_sam
            && !root.get("Transform").is_some_and(names_sam)
        {
            let message = format!("`Transform: {SAM}` is missing, and {} needs it", resource.kind.name());
            found.mistake(resource.place, message);
        }
        Ok(Self {
            parameters: section(root, "Parameters", found),
            mappings: section(root, "Mappings", found),
            conditions: section(root, "Conditions", found),
            resources,
            global_properties,
        })
    }

    pub(super) fn resource(&self, id: &str) -> Option<&Resource<'t>> {
        self.resources.iter().find(|resource| resource.id == id)
    }
}

impl<'t> Resource<'t> {
    pub(super) fn properties(&self) -> &'t [Entry] {
        self.node.get("Properties").and_then(Node::entries).unwrap_or_default()
    }

    pub(super) fn property(&self, name: &str) -> Option<&'t Node> {
        self.properties().iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }
}

impl<'t> Kind<'t> {
    fn parse(name: &'t str) -> Self {
        match name {
            "AWS::Serverless::Function" => Self::ServerlessFunction,
            "AWS::Lambda::Function" => Self::LambdaFunction,
            other => Self::Other(other),
        }
    }

    pub(super) fn name(self) -> &'t str {
        match self {
            Self::ServerlessFunction => "AWS::Serverless::Function",
            Self::LambdaFunction => "AWS::Lambda::Function",
            Self::Other(name) => name,
        }
    }
}

fn section<'t>(root: &'t Node, name: &str, found: &mut Findings) -> &'t [Entry] {
    let Some(node) = root.get(name) else { return &[] };
    node.entries().unwrap_or_else(|| {
        found.mistake(node.place, format!("`{name}` is a map, and this is {}", node.describe()));
        &[]
    })
}

fn resources<'t>(entries: &'t [Entry], found: &mut Findings) -> Vec<Resource<'t>> {
    let mut resources = Vec::with_capacity(entries.len());
    for Entry { key, place, value } in entries {
        if key.starts_with("Fn::") {
            found.mistake(
                *place,
                format!("`{key}` makes resources, and is not supported here: write them out"),
            );
            continue;
        }
        let kind = match value.get("Type").map(|node| (node, node.as_text())) {
            Some((_, Some(name))) => Kind::parse(name),
            Some((node, None)) => {
                found.mistake(node.place, format!("`Type` is a text, and this is {}", node.describe()));
                continue;
            }
            None => {
                found.mistake(*place, format!("`{key}` has no `Type`"));
                continue;
            }
        };
        if let Some(properties) = value.get("Properties")
            && properties.entries().is_none()
        {
            found.mistake(
                properties.place,
                format!("`Properties` is a map, and this is {}", properties.describe()),
            );
        }
        resources.push(Resource { id: key, place: *place, kind, node: value });
    }
    resources
}

fn globals<'t>(entries: &'t [Entry], found: &mut Findings) -> &'t [Entry] {
    for entry in entries {
        if !GLOBALS.contains(&entry.key.as_str()) {
            let name = did_you_mean(&entry.key, GLOBALS.iter().copied());
            found.mistake(entry.place, format!("unknown section of `Globals` {name}"));
        }
    }
    let Some(function) = entries.iter().find(|entry| entry.key == "Function") else { return &[] };
    function.value.entries().unwrap_or_else(|| {
        let message = format!("`Globals.Function` is a map, and this is {}", function.value.describe());
        found.mistake(function.value.place, message);
        &[]
    })
}

fn names_sam(transform: &Node) -> bool {
    match &transform.value {
        Value::Text(name) => name == SAM,
        Value::List(names) => names.iter().any(|name| name.as_text() == Some(SAM)),
        Value::Null | Value::Map(_) => false,
    }
}

const SAM: &str = "AWS::Serverless-2016-10-31";

/// Source: CloudFormation user guide, "Template sections", and SAM's `Globals`.
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// Source: SAM developer guide, "Globals section", supported resources.
const GLOBALS: &[&str] = &[
    "Api",
    "CapacityProvider",
    "Function",
    "HttpApi",
    "LayerVersion",
    "SimpleTable",
    "StateMachine",
    "WebSocketApi",
];
