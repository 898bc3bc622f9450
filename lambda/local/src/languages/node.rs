//! `nodejs*`: through AWS's own client if the function has it, else through a small loop of ours.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::tools::{Tools, ask};
use crate::function::{Program, Unavailable};

/// A Node.js that is new enough, and our loop beside it.
#[derive(Debug)]
pub(super) struct Node {
    executable: PathBuf,
    major: u32,
    runtime_loop: PathBuf,
}

impl Node {
    pub(super) async fn find(tools: &Tools) -> Result<Self, Unavailable> {
        let missing = || Unavailable(format!("install Node.js {OLDEST} or newer"));
        let found = tools.find("node").ok_or_else(missing)?;
        // The path as Node knows it: what was found may be a version manager's shim, which needs more than it will get.
        let answer =
            ask(&found, &["-p", "process.version + '\\n' + process.execPath"]).await.ok_or_else(missing)?;
        let (version, executable) = answer.trim().split_once('\n').ok_or_else(missing)?;
        let major = major(version).filter(|major| *major >= OLDEST).ok_or_else(missing)?;
        let runtime_loop = tools.data_directory.join(LOOP_FILE);
        write_once(&runtime_loop, LOOP)
            .map_err(|error| Unavailable(format!("{} cannot be written: {error}", runtime_loop.display())))?;
        Ok(Self { executable: executable.into(), major, runtime_loop })
    }

    pub(super) fn program(
        &self,
        runtime: &str,
        handler: &str,
        directory: PathBuf,
    ) -> Result<Program, Unavailable> {
        let client = official_client(&directory, self.major).unwrap_or_else(|| self.runtime_loop.clone());
        let variables = BTreeMap::from([("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{runtime}"))]);
        let arguments = vec![client.into_os_string(), handler.into()];
        Ok(Program { executable: self.executable.clone(), arguments, directory, variables })
    }
}

/// The start file of `aws-lambda-ric`, resolved as Node would from `directory`, if this Node is new enough for it.
fn official_client(directory: &Path, major_here: u32) -> Option<PathBuf> {
    let package = directory.ancestors().map(|folder| folder.join(CLIENT)).find(|path| path.is_dir())?;
    let manifest = fs::read(package.join("package.json")).ok()?;
    let Manifest { bin: Bin { start }, engines } = serde_json::from_slice(&manifest).ok()?;
    let needed =
        engines.and_then(|engines| major(engines.node.trim_start_matches(['>', '=', '^', '~', ' '])));
    let start = package.join(start);
    (needed.is_none_or(|needed| needed <= major_here) && start.is_file()).then_some(start)
}

/// What `package.json` says that matters here.
#[derive(Deserialize)]
struct Manifest {
    bin: Bin,
    engines: Option<Engines>,
}

#[derive(Deserialize)]
struct Bin {
    #[serde(rename = "aws-lambda-ric")]
    start: String,
}

#[derive(Deserialize)]
struct Engines {
    node: String,
}

/// 22 of `v22.3.0`, `22` or `22.x`.
fn major(version: &str) -> Option<u32> {
    let version = version.trim().trim_start_matches('v');
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Leaves `text` at `path`. A second process that does the same at the same time does no harm.
fn write_once(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}

const LOOP: &str = include_str!("node_runtime.mjs");
const LOOP_FILE: &str = "node_runtime.mjs";
const CLIENT: &str = "node_modules/aws-lambda-ric";

/// The oldest major version that our loop is tested on.
const OLDEST: u32 = 20;

#[cfg(test)]
mod tests {
    use super::{Manifest, major, official_client};

    #[test]
    fn a_major_version_is_the_first_number() {
        for (text, expected) in
            [("v20.20.2\n", Some(20)), ("22", Some(22)), ("18.x", Some(18)), ("latest", None)]
        {
            assert_eq!(major(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_official_client_is_found_where_node_would_find_it_and_only_if_this_node_can_run_it() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("node_modules/aws-lambda-ric");
        std::fs::create_dir_all(package.join("bin")).unwrap();
        std::fs::write(package.join("bin/index.mjs"), "").unwrap();
        let manifest = r#"{"bin":{"aws-lambda-ric":"bin/index.mjs"},"engines":{"node":">=22.0.0"}}"#;
        std::fs::write(package.join("package.json"), manifest).unwrap();
        let function = folder.path().join("functions/one");
        assert_eq!(official_client(&function, 22), Some(package.join("bin/index.mjs")));
        assert_eq!(official_client(&function, 20), None);
    }

    #[test]
    fn a_manifest_without_our_command_is_not_the_client() {
        assert!(serde_json::from_str::<Manifest>(r#"{"bin":{"other":"x"}}"#).is_err());
    }
}
