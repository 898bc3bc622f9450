//! `python3.*`: through AWS's own runtime client, the package `awslambdaric`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::tools::{Tools, ask};
use crate::function::{Program, Unavailable};

/// What was found out about each interpreter: asked once.
#[derive(Debug, Default)]
pub(super) struct Python {
    asked: BTreeMap<PathBuf, Option<Interpreter>>,
}

#[derive(Clone, Debug)]
struct Interpreter {
    /// As Python knows it: what was found may be a version manager's shim, which needs more than it will get.
    executable: PathBuf,
    has_client: bool,
}

impl Python {
    pub(super) async fn program(
        &mut self,
        tools: &Tools,
        runtime: &str,
        handler: &str,
        directory: PathBuf,
    ) -> Result<Program, Unavailable> {
        let mut without_client = None;
        for candidate in candidates(tools, runtime, &directory) {
            let Some(interpreter) = self.ask(candidate).await else { continue };
            if interpreter.has_client || is_vendored(&directory) {
                return Ok(program(interpreter.executable, runtime, handler, directory));
            }
            without_client.get_or_insert(interpreter.executable);
        }
        Err(Unavailable(match without_client {
            Some(python) => format!("install awslambdaric: {} -m pip install awslambdaric", python.display()),
            None => format!("install {}", runtime.replacen("python", "Python ", 1)),
        }))
    }

    async fn ask(&mut self, candidate: PathBuf) -> Option<Interpreter> {
        if let Some(known) = self.asked.get(&candidate) {
            return known.clone();
        }
        // A shim may stand for a version that is not there, so that a file is no proof.
        let interpreter = match ask(&candidate, &["-c", "import sys; print(sys.executable)"]).await {
            Some(path) => {
                let has_client = ask(&candidate, &["-c", "import awslambdaric"]).await.is_some();
                Some(Interpreter { executable: PathBuf::from(path.trim()), has_client })
            }
            None => None,
        };
        self.asked.insert(candidate, interpreter.clone());
        interpreter
    }
}

/// The function's own environment first, then the active one, then the asked version, then whatever Python 3 there is.
fn candidates(tools: &Tools, runtime: &str, directory: &Path) -> Vec<PathBuf> {
    let environments = [Some(directory.join(".venv")), tools.virtual_env.clone()];
    let from_environments = environments.into_iter().flatten().map(|folder| folder.join("bin/python"));
    let from_path = [runtime, "python3"].into_iter().filter_map(|name| tools.find(name));
    from_environments.filter(|path| path.is_file()).chain(from_path).collect()
}

/// `pip install --target <folder> awslambdaric`, as people do for container images.
fn is_vendored(directory: &Path) -> bool {
    directory.join("awslambdaric/__init__.py").is_file()
}

fn program(executable: PathBuf, runtime: &str, handler: &str, directory: PathBuf) -> Program {
    let arguments = ["-m", "awslambdaric", handler].map(Into::into).into();
    let variables = BTreeMap::from([
        ("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{runtime}")),
        ("PYTHONPATH".to_owned(), directory.to_string_lossy().into_owned()),
        // On a pipe, Python holds `print` back: lines would come after the answer that they belong to.
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
    ]);
    Program { executable, arguments, directory, variables }
}
