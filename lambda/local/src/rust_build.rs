//! Functions in Rust: built with cargo, all of a workspace at once.
//!
//! Cargo's progress and the compiler's messages go to standard error as they come. What was built is learnt from
//! cargo's own messages, so a program that failed to compile is never mistaken for its older self.

mod cargo;
mod inputs;
mod workspace;

use std::path::PathBuf;

pub use inputs::inputs;

use crate::{function::Unavailable, languages::Tools};
use workspace::{Target, Workspace};

/// One program that a function needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The package's folder (or a workspace's, if `binary` says which), absolute.
    pub directory: PathBuf,
    /// The binary target; `None`: the package's only one.
    pub binary: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BuildMode {
    Debug,
    Release,
    /// Take what was built before, by cargo or by `cargo lambda build`.
    NoBuild,
}

/// The executable for each request, in their order; or why there is none.
///
/// Cancel by dropping: cargo and the compilers under it are killed.
pub async fn executables(
    requests: &[Request],
    tools: &Tools,
    mode: BuildMode,
) -> Vec<Result<PathBuf, Unavailable>> {
    let mut workspaces: Vec<Workspace> = Vec::new();
    let mut targets = Vec::with_capacity(requests.len());
    for request in requests {
        targets.push(locate(request, &mut workspaces, tools, cargo::Complaints::Heard).await);
    }
    let mut results: Vec<_> = targets.iter().map(|target| Err(reason_for_none(target, mode))).collect();
    for (index, workspace) in workspaces.iter().enumerate() {
        let wanted = targets.iter().zip(&mut results).filter_map(|(target, result)| match target {
            Ok((at, target)) if *at == index => Some((target, result)),
            Ok(_) | Err(_) => None,
        });
        let (wanted, mut results): (Vec<_>, Vec<_>) = wanted.unzip();
        let found = match mode {
            BuildMode::NoBuild => wanted.iter().map(|target| workspace.find_built(target)).collect(),
            BuildMode::Debug | BuildMode::Release => cargo::build(tools, workspace, &wanted, mode).await,
        };
        for (result, executable) in results.iter_mut().zip(found) {
            if let Some(executable) = executable {
                **result = Ok(executable);
            }
        }
    }
    results
}

type Located = Result<(usize, Target), Unavailable>;

/// The request's workspace, by its place in `workspaces`, and the target in it.
async fn locate(
    request: &Request,
    workspaces: &mut Vec<Workspace>,
    tools: &Tools,
    complaints: cargo::Complaints,
) -> Located {
    for (index, workspace) in workspaces.iter().enumerate() {
        if workspace.has(&request.directory) {
            return workspace.target(request).map(|target| (index, target));
        }
    }
    let workspace = cargo::metadata(tools, &request.directory, complaints).await?;
    let target = workspace.target(request)?;
    workspaces.push(workspace);
    Ok((workspaces.len() - 1, target))
}

/// What to say if the request comes to nothing.
fn reason_for_none(target: &Located, mode: BuildMode) -> Unavailable {
    match (target, mode) {
        (Err(reason), _) => reason.clone(),
        (Ok((_, target)), BuildMode::NoBuild) => {
            Unavailable(format!("`{}` is not built; run without --no-build", target.binary))
        }
        (Ok((_, target)), BuildMode::Debug | BuildMode::Release) => {
            Unavailable(format!("`{}` did not build; cargo says why above", target.binary))
        }
    }
}

#[cfg(test)]
mod tests;
