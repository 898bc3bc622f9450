//! Functions from a SAM `template.yaml`.
//!
//! The same file that `sam deploy` takes. What has a meaning on this machine is acted on; what is known and has none
//! is a [`Note`]; what is not understood is a [`Mistake`] with its line and column. Nothing is dropped silently.
//!
//! ```text
//! text ─► tree (YAML, short forms made long) ─► document (sections) ─► evaluator (intrinsics) ─► functions
//! ```

mod asynchronous;
mod conditions;
mod document;
mod durable;
mod evaluator;
mod findings;
mod function;
mod limits;
mod members;
mod parameters;
mod properties;
mod references;
mod stand_in;
mod substitution;
#[cfg(test)]
mod tests;
mod tree;
mod url;

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

pub use findings::{Mistake, Mistakes, Note, Place};

use crate::function::{DurableConfig, FunctionEvents, FunctionUrl, Unavailable};
pub(crate) use limits::{HANDLER_BYTES, is_reserved_variable, is_variable_name};

use document::{Document, Kind};
use evaluator::Evaluator;
use findings::{Findings, Group, Reported};
use tree::Node;

/// What a template says, as far as this machine is concerned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    /// In the file's order; names are unique.
    pub functions: Vec<TemplateFunction>,
    /// In the file's order.
    pub notes: Vec<Note>,
}

/// One function with everything AWS would check already checked.
#[derive(Clone, Eq, PartialEq)]
pub struct TemplateFunction {
    pub logical_id: String,
    /// Of the logical id.
    pub place: Place,
    /// `FunctionName`, or else the logical id.
    pub name: String,
    /// 1 to 900 s.
    pub timeout: Duration,
    /// 128 to 10,240 MB.
    pub memory_mb: u32,
    pub reserved_concurrency: Option<u32>,
    pub variables: BTreeMap<String, String>,
    pub events: FunctionEvents,
    /// `FunctionUrlConfig`, or the `AWS::Lambda::Url` that names it.
    pub url: Option<FunctionUrl>,
    /// `DurableConfig`.
    pub durable: Option<DurableConfig>,
    /// `AutoPublishAlias`.
    pub alias: Option<String>,
    pub source: Source,
}

/// Where a function's program comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// The folder that `CodeUri` names, relative like the template's own path; or why there is none.
    pub code: Result<PathBuf, Unavailable>,
    /// A known form of name, as `python3.13`. Empty for a container image.
    pub runtime: String,
    /// Empty for a container image.
    pub handler: String,
    /// `BuildMethod: rust-cargolambda`.
    pub build: Option<RustBuild>,
}

/// A function that cargo builds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RustBuild {
    /// The binary target, where the package has several.
    pub binary: Option<String>,
}

/// Reads the template at `path`. `overrides` are values for its parameters, by name.
///
/// # Errors
/// Every mistake in the file, or that it cannot be read.
pub fn load(path: &Path, overrides: &BTreeMap<String, String>) -> Result<Template, Mistakes> {
    match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => parse(&text, path, overrides),
        Ok(Err(_)) => Err(Mistakes::of_the_file(path, "not UTF-8".to_owned())),
        Err(error) => Err(Mistakes::of_the_file(path, format!("cannot be read: {error}"))),
    }
}

/// Evaluates a template's `text`. `file` is where it lies: it is named in mistakes, and `CodeUri` is relative to it.
///
/// # Errors
/// Every mistake in the text.
pub fn parse(text: &str, file: &Path, overrides: &BTreeMap<String, String>) -> Result<Template, Mistakes> {
    let mut found = Findings::default();
    let Ok(root) = Node::read(text, &mut found) else { return Err(failed(found, file)) };
    let Ok(document) = Document::read(&root, &mut found) else { return Err(failed(found, file)) };
    let mut evaluator = Evaluator::new(&document, overrides, found);
    evaluator.decide_conditions();
    let functions = functions(&mut evaluator, file.parent().unwrap_or_else(|| Path::new("")));
    let notes = evaluator.found.finish(file)?;
    Ok(Template { functions, notes })
}

fn failed(found: Findings, file: &Path) -> Mistakes {
    found.finish(file).expect_err("`Reported` means that a mistake is on the list")
}

fn functions(evaluator: &mut Evaluator<'_>, folder: &Path) -> Vec<TemplateFunction> {
    let document = evaluator.document;
    let (mut functions, mut about_functions) = (Vec::new(), Vec::new());
    let mut names = HashMap::new();
    for resource in &document.resources {
        let Ok(true) = evaluator.exists(resource) else { continue };
        match resource.kind {
            Kind::ServerlessFunction | Kind::LambdaFunction => {}
            // It is there as soon as something is in it.
            Kind::Other(stand_in::SQS_QUEUE) => continue,
            Kind::Other(asynchronous::RESOURCE | url::RESOURCE) => {
                about_functions.push(resource);
                continue;
            }
            Kind::Other(kind) => {
                evaluator.found.note_member(Group::ResourceTypes, resource.place, kind);
                continue;
            }
        }
        match function::is_left_out(evaluator, resource) {
            Ok(false) => {}
            Ok(true) => {
                evaluator.found.note_member(Group::LeftOut, resource.place, resource.id);
                continue;
            }
            Err(Reported) => continue,
        }
        let Ok(function) = function::read(evaluator, resource, folder) else { continue };
        if let Some(first) = names.insert(function.name.clone(), resource.place) {
            let message = format!(
                "the name `{}` is already taken by the function on line {}",
                function.name, first.line
            );
            evaluator.found.mistake(resource.place, message);
        }
        functions.push(function);
    }
    for resource in about_functions {
        // A mistake is on the list.
        let _ = match resource.kind {
            Kind::Other(url::RESOURCE) => url::read_resource(evaluator, resource, &mut functions),
            Kind::ServerlessFunction | Kind::LambdaFunction | Kind::Other(_) => {
                asynchronous::read_resource(evaluator, resource, &mut functions)
            }
        };
    }
    functions
}

/// The variables' values stay unsaid: they may be secrets.
impl fmt::Debug for TemplateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateFunction")
            .field("logical_id", &self.logical_id)
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .field("memory_mb", &self.memory_mb)
            .field("reserved_concurrency", &self.reserved_concurrency)
            .field("variables", &self.variables.keys())
            .field("events", &self.events)
            .field("url", &self.url)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
