//! Running cargo.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    BuildMode,
    workspace::{Target, Workspace},
};
use crate::{function::Unavailable, languages::Tools};

/// Whether people read what cargo has to say about a manifest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Complaints {
    /// On standard error.
    Heard,
    /// Somebody else asks the same, and listens.
    Unheard,
}

/// Asks cargo what workspace `directory` belongs to. Nothing is downloaded.
pub(super) async fn metadata(
    tools: &Tools,
    directory: &Path,
    complaints: Complaints,
) -> Result<Workspace, Unavailable> {
    if !directory.join("Cargo.toml").is_file() {
        return Err(Unavailable(format!("there is no Cargo.toml in {}", directory.display())));
    }
    let mut command = cargo(tools, directory);
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    command.stderr(match complaints {
        Complaints::Heard => Stdio::inherit(),
        Complaints::Unheard => Stdio::null(),
    });
    command.kill_on_drop(true);
    let output =
        command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(&error))?.wait_with_output().await;
    let unreadable = |why: &str| Unavailable(format!("cargo cannot read {}: {why}", directory.display()));
    match output {
        Ok(output) if output.status.success() => {
            serde_json::from_slice(&output.stdout).map_err(|error| unreadable(&error.to_string()))
        }
        Ok(_) => Err(unreadable("it says why above")),
        Err(error) => Err(unreadable(&error.to_string())),
    }
}

/// Builds all targets in one go. For each, in order, its executable; `None` where it did not build.
pub(super) async fn build(
    tools: &Tools,
    workspace: &Workspace,
    targets: &[&Target],
    mode: BuildMode,
) -> Vec<Option<PathBuf>> {
    let mut command = cargo(tools, &workspace.workspace_root);
    // One function that does not compile leaves the others be.
    command.args(["build", "--keep-going", "--message-format", "json-render-diagnostics"]);
    match mode {
        BuildMode::Release => drop(command.arg("--release")),
        BuildMode::Debug | BuildMode::NoBuild => {}
    }
    for package in targets.iter().map(|target| &target.package_id).collect::<BTreeSet<_>>() {
        command.args(["--package", package]);
    }
    for binary in targets.iter().map(|target| &target.binary).collect::<BTreeSet<_>>() {
        command.args(["--bin", binary]);
    }
    let mut found = vec![None; targets.len()];
    if let Err(error) = run(command, targets, &mut found).await {
        tracing::error!(%error, workspace = %workspace.workspace_root.display(), "cargo build");
    }
    found
}

async fn run(mut command: Command, targets: &[&Target], found: &mut [Option<PathBuf>]) -> io::Result<()> {
    // A group of its own, so that one signal reaches cargo and every compiler that it started.
    command.stdout(Stdio::piped()).stderr(Stdio::inherit()).process_group(0);
    let mut group = Group(command.spawn()?);
    let mut messages = BufReader::new(group.0.stdout.take().expect("piped above"));
    let mut line = Vec::new();
    while (&mut messages).take(MAX_MESSAGE_BYTES).read_until(b'\n', &mut line).await? > 0 {
        if let Some((package_id, name, executable)) = artifact(&line) {
            for (target, found) in targets.iter().zip(&mut *found) {
                if target.package_id == package_id && target.binary == name {
                    *found = Some(executable.clone());
                }
            }
        }
        line.clear();
    }
    group.0.wait().await.map(drop)
}

/// Kills cargo and what it started when dropped before its end.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // No id: it has ended and was waited for, and its number may already be another's.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id {
            let _already_gone = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

fn cargo(tools: &Tools, directory: &Path) -> Command {
    let mut command = Command::new(&tools.cargo);
    // Rustup picks the toolchain by the current directory.
    command.current_dir(directory).stdin(Stdio::null());
    for (name, _) in env::vars_os().filter(|(name, _)| is_set_by_an_outer_cargo(name)) {
        command.env_remove(name);
    }
    command
}

/// Variables that `cargo run` and `cargo test` set about *their* package. Build scripts that watch them would run again
/// at every change between an inner and an outer cargo. What people set (`CARGO_HOME`, `CARGO_TARGET_DIR`,
/// `CARGO_BUILD_*`, `RUSTFLAGS`) stays. Source: Cargo book, "Environment variables Cargo sets".
fn is_set_by_an_outer_cargo(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let prefixes = ["CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_"];
    let names =
        ["CARGO_CRATE_NAME", "CARGO_MAKEFLAGS", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Package, target and executable, if `line` says that a binary is there (new or as it was).
fn artifact(line: &[u8]) -> Option<(String, String, PathBuf)> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        package_id: String,
        target: MessageTarget,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct MessageTarget {
        name: String,
        kind: Vec<String>,
    }
    let message: Message = serde_json::from_slice(line).ok()?;
    let is_binary =
        message.reason == "compiler-artifact" && message.target.kind.iter().any(|kind| kind == "bin");
    let executable = message.executable.filter(|_| is_binary)?;
    Some((message.package_id, message.target.name, executable))
}

fn not_started(error: &io::Error) -> Unavailable {
    Unavailable(match error.kind() {
        io::ErrorKind::NotFound => "install Rust: https://rustup.rs".to_owned(),
        _ => format!("cargo does not start: {error}"),
    })
}

/// Bytes of one message of cargo. Ours: those about binaries are a few hundred; the rest is not read.
const MAX_MESSAGE_BYTES: u64 = 1_048_576;

#[cfg(test)]
mod tests {
    use super::{artifact, is_set_by_an_outer_cargo};

    #[test]
    fn what_an_outer_cargo_says_about_its_package_is_taken_away_and_the_rest_stays() {
        for name in
            ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_EXE_x", "OUT_DIR"]
        {
            assert!(is_set_by_an_outer_cargo(name.as_ref()), "{name}");
        }
        for name in [
            "CARGO",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_JOBS",
            "RUSTUP_HOME",
            "RUSTFLAGS",
            "PATH",
        ] {
            assert!(!is_set_by_an_outer_cargo(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn only_binaries_are_taken_from_cargos_messages() {
        let line = |kind: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"p","target":{{"name":"t","kind":["{kind}"]}},"executable":{executable}}}"#
            )
        };
        let found = artifact(line("bin", r#""/x/t""#).as_bytes());
        assert_eq!(found, Some(("p".to_owned(), "t".to_owned(), "/x/t".into())));
        for other in [
            line("lib", "null"),
            line("bin", "null"),
            r#"{"reason":"build-finished"}"#.to_owned(),
            "{".to_owned(),
        ] {
            assert_eq!(artifact(other.as_bytes()), None, "{other}");
        }
    }
}
