//! From a function's source to the program that answers for it, by language.
//!
//! A language or package that is missing makes its functions unavailable, with what to install; the others run.

pub(crate) mod machine;
mod node;
mod python;
#[cfg(test)]
pub(crate) mod script;
mod sources;
mod tools;

use std::path::{Path, PathBuf};

pub use sources::{Sources, sources};
pub use tools::Tools;

use crate::{
    function::{Code, Function, Program, Unavailable, Version},
    rust_build::{self, BuildMode, Request},
    template::TemplateFunction,
};

/// What a runtime's name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Language {
    /// `provided.*`: the folder's own `bootstrap`.
    Provided,
    /// `python3.*`.
    Python,
    /// `nodejs*.x`.
    Node,
    /// A language that AWS runs and this machine does not: Java, .NET, Ruby, Go's old runtime.
    Other,
}

impl Language {
    /// `None`: no runtime is called that. New versions of known languages are known.
    ///
    /// Source: Lambda developer guide, "Lambda runtimes".
    pub fn of(runtime: &str) -> Option<Self> {
        let rest = |prefix| runtime.strip_prefix(prefix);
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| !text.is_empty() && text.split('.').all(digits);
        if matches!(runtime, "provided" | "provided.al2" | "provided.al2023") {
            Some(Self::Provided)
        } else if rest("python3.").is_some_and(digits) {
            Some(Self::Python)
        } else if rest("nodejs").and_then(|rest| rest.strip_suffix(".x")).is_some_and(digits) {
            Some(Self::Node)
        } else if rest("java").is_some_and(|rest| digits(rest) || rest == "8.al2")
            || ["dotnetcore", "dotnet", "ruby", "go"]
                .into_iter()
                .filter_map(rest)
                .any(|rest| number(rest) || rest == "1.x")
        {
            Some(Self::Other)
        } else {
            None
        }
    }
}

/// Makes every function ready to be started, building those in Rust. Progress goes to standard error.
///
/// Cancel by dropping: nothing that was started is left running.
pub async fn prepare(functions: Vec<TemplateFunction>, tools: &Tools, mode: BuildMode) -> Vec<Function> {
    // Asked once: a build changes what lies in the folders.
    let wanted: Vec<_> = functions.iter().map(rust_request).collect();
    let requests: Vec<_> = wanted.iter().flatten().cloned().collect();
    let mut built = rust_build::executables(&requests, tools, mode).await.into_iter();
    let mut languages = Languages::new(tools);
    let mut ready = Vec::with_capacity(functions.len());
    for (function, request) in functions.into_iter().zip(wanted) {
        let program = match request {
            Some(request) => {
                let executable = built.next().expect("one answer for each request, in order");
                executable.map(|executable| own_executable(executable, request.directory))
            }
            None => languages.own_program(&function).await,
        };
        let TemplateFunction {
            name,
            source,
            variables,
            timeout,
            memory_mb,
            reserved_concurrency,
            events,
            url,
            durable,
            alias,
            ..
        } = function;
        let (runtime, handler) = (source.runtime, source.handler);
        ready.push(Function {
            name,
            runtime,
            handler,
            program,
            variables,
            timeout,
            memory_mb,
            reserved_concurrency,
            events,
            url,
            version: Version::Latest,
            code: Code::default(),
            durable,
            alias,
        });
    }
    ready
}

/// What was found out about this machine's languages.
pub(crate) struct Languages<'a> {
    tools: &'a Tools,
    python: python::Python,
    /// Looked for once, when the first function needs it.
    node: Option<Result<node::Node, Unavailable>>,
}

impl<'a> Languages<'a> {
    pub(crate) fn new(tools: &'a Tools) -> Self {
        Self { tools, python: python::Python::default(), node: None }
    }

    async fn own_program(&mut self, function: &TemplateFunction) -> Result<Program, Unavailable> {
        let source = &function.source;
        let directory = absolute(source.code.as_ref().map_err(Clone::clone)?);
        if !directory.is_dir() {
            return Err(Unavailable(format!("the folder {} does not exist", directory.display())));
        }
        self.program(&source.runtime, &source.handler, directory).await
    }

    /// What answers for the code in `directory`, which is absolute.
    ///
    /// # Errors
    /// This machine cannot run it.
    pub(crate) async fn program(
        &mut self,
        runtime: &str,
        handler: &str,
        directory: PathBuf,
    ) -> Result<Program, Unavailable> {
        let unsupported = || Unavailable(format!("the runtime {runtime} does not run on this machine"));
        match Language::of(runtime).ok_or_else(unsupported)? {
            // Whether it exists is asked at each start: it may be built later, and Lambda has an error for it.
            Language::Provided => {
                let executable = directory.join(BOOTSTRAP);
                machine::check(&executable)?;
                Ok(own_executable(executable, directory))
            }
            Language::Python => self.python.program(self.tools, runtime, handler, directory).await,
            Language::Node => {
                if self.node.is_none() {
                    self.node = Some(node::Node::find(self.tools).await);
                }
                let node = self.node.as_ref().expect("found or not just above");
                node.as_ref().map_err(Clone::clone)?.program(runtime, handler, directory)
            }
            Language::Other => Err(unsupported()),
        }
    }
}

/// What is to be built for the function, unless it lies there already built (as `sam build` leaves it).
fn rust_request(function: &TemplateFunction) -> Option<Request> {
    let build = function.source.build.as_ref()?;
    let directory = absolute(function.source.code.as_ref().ok()?);
    let is_built = !directory.join("Cargo.toml").exists() && directory.join(BOOTSTRAP).exists();
    (!is_built).then(|| Request { directory, binary: build.binary.clone() })
}

fn own_executable(executable: PathBuf, directory: PathBuf) -> Program {
    Program { executable, arguments: Vec::new(), directory, variables: [].into() }
}

/// Of an unusual current directory, the path as it is: it then fails where it is used, with its name.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Source: Lambda developer guide, "Building a custom runtime".
pub(crate) const BOOTSTRAP: &str = "bootstrap";

#[cfg(test)]
mod tests;
