//! One function resource: from evaluated properties to what the service runs.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use super::{
    RustBuild, Source, TemplateFunction, asynchronous,
    document::{Kind, Resource},
    durable,
    evaluator::Evaluator,
    findings::{Group, Place, Reported, did_you_mean},
    limits,
    properties::{self, Role},
    tree::{Entry, Node, Value},
    url,
};
use crate::{function::Unavailable, languages::Language};

/// Reads one function. `folder` is the template's own: `CodeUri` is relative to it.
pub(super) fn read(
    evaluator: &mut Evaluator<'_>,
    resource: &Resource<'_>,
    folder: &Path,
) -> Result<TemplateFunction, Reported> {
    let properties = match resource.kind {
        Kind::ServerlessFunction => properties::merge(&globals(evaluator, resource), resource.properties()),
        Kind::LambdaFunction | Kind::Other(_) => resource.properties().to_vec(),
    };
    let mut reader = Reader { evaluator, resource, properties };
    reader.look_for_strangers();
    // Every property is read before the first `?`, so that every mistake is reported.
    let name = reader.name();
    let timeout = reader.number("Timeout", limits::TIMEOUT_S, "s");
    let memory = reader.number("MemorySize", limits::MEMORY_MB, "MB");
    let reserved =
        reader.number("ReservedConcurrentExecutions", limits::RESERVED_CONCURRENCY, "environments");
    let variables = reader.variables();
    let source = reader.source(folder);
    let events = asynchronous::read(reader.evaluator, resource.id, &reader.properties);
    let config = reader.value(url::PROPERTY);
    let url = config.and_then(|node| node.map(|node| url::read(reader.evaluator, &node)).transpose());
    let config = reader.value(durable::PROPERTY);
    let durable = config.and_then(|node| node.map(|node| durable::read(reader.evaluator, &node)).transpose());
    let alias = reader.alias();
    Ok(TemplateFunction {
        logical_id: resource.id.to_owned(),
        place: resource.place,
        name: name?,
        timeout: Duration::from_secs(timeout?.unwrap_or(limits::DEFAULT_TIMEOUT_S).into()),
        memory_mb: memory?.unwrap_or(limits::DEFAULT_MEMORY_MB),
        reserved_concurrency: reserved?,
        variables: variables?,
        events: events?,
        url: url?,
        durable: durable?,
        alias: alias?,
        source: source?,
    })
}

/// Whether the template says that a function is for AWS only: `Metadata: {StayputDev: LeftOut}`.
pub(super) fn is_left_out(evaluator: &mut Evaluator<'_>, resource: &Resource<'_>) -> Result<bool, Reported> {
    let said = resource.node.get("Metadata").and_then(|metadata| metadata.get(DEV));
    let Some(node) = said else { return Ok(false) };
    match &*evaluator.text(node, "`StayputDev`")? {
        LEFT_OUT => Ok(true),
        _ => Err(evaluator.found.mistake(node.place, format!("`{DEV}` is `{LEFT_OUT}`, or not there"))),
    }
}

/// The global properties, less those that the function's `IgnoreGlobals` names.
fn globals(evaluator: &mut Evaluator<'_>, resource: &Resource<'_>) -> Vec<Entry> {
    let all = evaluator.document.global_properties;
    match resource.node.get("IgnoreGlobals") {
        None => all.to_vec(),
        Some(node) => match &node.value {
            Value::Text(text) if text == "*" => Vec::new(),
            Value::List(names) => {
                let ignored = |entry: &&Entry| names.iter().any(|name| name.as_text() == Some(&entry.key));
                all.iter().filter(|entry| !ignored(entry)).cloned().collect()
            }
            Value::Null | Value::Text(_) | Value::Map(_) => {
                evaluator.wrong_shape(node.place, "`IgnoreGlobals`", "`*` or a list of properties", node);
                Vec::new()
            }
        },
    }
}

struct Reader<'e, 't> {
    evaluator: &'e mut Evaluator<'t>,
    resource: &'e Resource<'e>,
    /// Own and global ones, merged, not evaluated.
    properties: Vec<Entry>,
}

impl Reader<'_, '_> {
    fn look_for_strangers(&mut self) {
        let Resource { id, kind, node, .. } = *self.resource;
        let found = &mut self.evaluator.found;
        for entry in node.entries().unwrap_or_default() {
            if !properties::ATTRIBUTES.contains(&entry.key.as_str()) {
                let name = did_you_mean(&entry.key, properties::ATTRIBUTES.iter().copied());
                found.mistake(entry.place, format!("unknown attribute of a resource {name}"));
            }
        }
        for entry in &self.properties {
            match properties::role(kind, &entry.key) {
                Role::ActedOn | Role::Neutral => {}
                Role::Noted => found.note_member(Group::Property(entry.key.clone()), entry.place, id),
                Role::Unknown => {
                    let name = did_you_mean(&entry.key, properties::known(kind));
                    found.mistake(entry.place, format!("unknown property of {} {name}", kind.name()));
                }
            }
        }
    }

    fn name(&mut self) -> Result<String, Reported> {
        let name = self.evaluator.physical_name(self.resource.id, self.resource.place)?;
        let place = self.resource.property("FunctionName").map_or(self.resource.place, |node| node.place);
        self.hold(limits::check_name(&name), place).map(|()| name)
    }

    fn alias(&mut self) -> Result<Option<String>, Reported> {
        let Some((place, alias)) = self.text("AutoPublishAlias")? else { return Ok(None) };
        self.hold(limits::check_alias(&alias), place).map(|()| Some(alias))
    }

    /// The property's value and where it stands; `None`: not given.
    fn value(&mut self, name: &str) -> Result<Option<Node>, Reported> {
        match self.properties.iter().find(|entry| entry.key == name) {
            Some(entry) => self.evaluator.evaluate(&entry.value),
            None => Ok(None),
        }
    }

    fn text(&mut self, name: &str) -> Result<Option<(Place, String)>, Reported> {
        match self.value(name)? {
            None => Ok(None),
            Some(Node { value: Value::Text(text), place }) => Ok(Some((place, text))),
            Some(other) => {
                Err(self.evaluator.wrong_shape(other.place, &format!("`{name}`"), "a text", &other))
            }
        }
    }

    fn number(
        &mut self,
        name: &str,
        limits: RangeInclusive<u32>,
        unit: &str,
    ) -> Result<Option<u32>, Reported> {
        let Some((place, text)) = self.text(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) if limits.contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                let (least, most) = (limits.start(), limits.end());
                let message =
                    format!("`{name}` is a whole number from {least} to {most} {unit}, not `{text}`");
                Err(self.evaluator.found.mistake(place, message))
            }
        }
    }

    fn variables(&mut self) -> Result<BTreeMap<String, String>, Reported> {
        let Some(environment) = self.value("Environment")? else { return Ok(BTreeMap::new()) };
        let Some(entries) = environment.entries() else {
            return Err(self.evaluator.wrong_shape(
                environment.place,
                "`Environment`",
                "a map",
                &environment,
            ));
        };
        if let Some(stranger) = entries.iter().find(|entry| entry.key != "Variables") {
            let name = did_you_mean(&stranger.key, ["Variables"]);
            return Err(self
                .evaluator
                .found
                .mistake(stranger.place, format!("unknown entry of `Environment` {name}")));
        }
        let Some(node) = environment.get("Variables") else { return Ok(BTreeMap::new()) };
        let Some(entries) = node.entries() else {
            return Err(self.evaluator.wrong_shape(node.place, "`Variables`", "a map", node));
        };
        let mut variables = BTreeMap::new();
        let mut outcome = Ok(());
        for entry in entries {
            match self.variable(entry) {
                Ok(value) => drop(variables.insert(entry.key.clone(), value)),
                Err(reported) => outcome = Err(reported),
            }
        }
        outcome?;
        self.hold(limits::check_variables(&variables), node.place).map(|()| variables)
    }

    fn variable(&mut self, Entry { key, place, value }: &Entry) -> Result<String, Reported> {
        self.hold(limits::check_variable_name(key), *place)?;
        let Some(text) = value.as_text() else {
            return Err(self.evaluator.wrong_shape(
                value.place,
                &format!("the variable `{key}`"),
                "a text",
                value,
            ));
        };
        if text.contains("{{resolve:") {
            let message = format!(
                "`{key}` holds a dynamic reference, which only AWS resolves; it is handed on as written"
            );
            self.evaluator.found.note(value.place, message);
        }
        Ok(text.to_owned())
    }

    fn source(&mut self, folder: &Path) -> Result<Source, Reported> {
        let code = self.code(folder);
        let is_zip = self.is_zip();
        let runtime = self.text("Runtime");
        let handler = self.text("Handler");
        let build = self.build();
        let (code, is_zip, runtime, handler, build) = (code?, is_zip?, runtime?, handler?, build?);
        if !is_zip {
            let code =
                Err(Unavailable("it is a container image, and only code in a folder runs here".to_owned()));
            return Ok(Source { code, runtime: String::new(), handler: String::new(), build: None });
        }
        let required = [("Runtime", &runtime), ("Handler", &handler)];
        for (name, value) in required {
            if value.is_none() {
                let message =
                    format!("`{}` has no `{name}`, neither of its own nor from `Globals`", self.resource.id);
                self.evaluator.found.mistake(self.resource.place, message);
            }
        }
        let (Some((runtime_place, runtime)), Some((handler_place, handler))) = (runtime, handler) else {
            return Err(Reported);
        };
        self.hold(limits::check_handler(&handler), handler_place)?;
        if Language::of(&runtime).is_none() {
            let message = format!("unknown runtime {}", did_you_mean(&runtime, RUNTIMES.iter().copied()));
            return Err(self.evaluator.found.mistake(runtime_place, message));
        }
        Ok(Source { code, runtime, handler, build })
    }

    /// `false`: a container image.
    fn is_zip(&mut self) -> Result<bool, Reported> {
        match self.text("PackageType")? {
            None => Ok(!self.properties.iter().any(|entry| entry.key == "ImageUri")),
            Some((_, text)) if text == "Zip" => Ok(true),
            Some((_, text)) if text == "Image" => Ok(false),
            Some((place, _)) => Err(self.evaluator.found.mistake(place, "`PackageType` is `Zip` or `Image`")),
        }
    }

    /// The folder of the code, or why there is none on this machine.
    fn code(&mut self, folder: &Path) -> Result<Result<PathBuf, Unavailable>, Reported> {
        let inline = self.properties.iter().any(|entry| entry.key == "InlineCode");
        let name = match self.resource.kind {
            Kind::ServerlessFunction => "CodeUri",
            Kind::LambdaFunction | Kind::Other(_) => "Code",
        };
        Ok(match self.value(name)? {
            None if inline => {
                Err(Unavailable("its code is inside the template; put it in a folder".to_owned()))
            }
            // What `sam build` does, too.
            None => Ok(clean(folder, ".")),
            Some(Node { value: Value::Map(_), .. }) => {
                Err(Unavailable(format!("its `{name}` is not a folder on this machine")))
            }
            Some(Node { value: Value::Text(text), .. }) => match text.as_str() {
                _ if text.contains("://") => {
                    Err(Unavailable(format!("its code is at {text}; name a folder")))
                }
                _ if text.ends_with(".zip") || text.ends_with(".jar") => {
                    Err(Unavailable(format!("its code is the archive {text}; unpack it and name the folder")))
                }
                _ => Ok(clean(folder, &text)),
            },
            Some(other) => {
                return Err(self.evaluator.wrong_shape(
                    other.place,
                    &format!("`{name}`"),
                    "a folder",
                    &other,
                ));
            }
        })
    }

    /// `Metadata.BuildMethod` and what belongs to it.
    fn build(&mut self) -> Result<Option<RustBuild>, Reported> {
        let Some(metadata) = self.resource.node.get("Metadata") else { return Ok(None) };
        let Some(method) = metadata.get("BuildMethod") else { return Ok(None) };
        let name = self.evaluator.text(method, "`BuildMethod`")?;
        if name != RUST {
            let message = format!("`BuildMethod: {name}` is not run here: the folder is taken as it lies");
            self.evaluator.found.note(method.place, message);
            return Ok(None);
        }
        let mut binary = None;
        for entry in metadata.get("BuildProperties").and_then(Node::entries).unwrap_or_default() {
            if entry.key == "Binary" {
                binary = Some(self.evaluator.text(&entry.value, "`Binary`")?);
            } else {
                let group = Group::Property(format!("BuildProperties.{}", entry.key));
                self.evaluator.found.note_member(group, entry.place, self.resource.id);
            }
        }
        Ok(Some(RustBuild { binary }))
    }

    fn hold(&mut self, rule: Result<(), String>, place: Place) -> Result<(), Reported> {
        rule.map_err(|message| self.evaluator.found.mistake(place, message))
    }
}

/// `folder/uri` without `.` in it, for people to read.
fn clean(folder: &Path, uri: &str) -> PathBuf {
    let path: PathBuf = folder.join(uri).components().filter(|part| *part != Component::CurDir).collect();
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

const RUST: &str = "rust-cargolambda";

/// Of our own, in `Metadata`, which CloudFormation leaves to others.
const DEV: &str = "StayputDev";
const LEFT_OUT: &str = "LeftOut";

/// To propose, not to check: what AWS offers for new functions in 2026.
const RUNTIMES: &[&str] = &[
    "dotnet8",
    "dotnet10",
    "java21",
    "java25",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2",
    "provided.al2023",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "ruby3.3",
    "ruby3.4",
];
