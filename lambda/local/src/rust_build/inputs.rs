//! What a program is built from, as far as somebody works on it: packages that lie in folders of this machine.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{BuildMode, Request, cargo, locate, workspace::Workspace};
use crate::languages::Tools;

/// For each request, in order, the folders and files whose change makes another program of it: those of its package and of
/// all packages that it depends on by path, and the manifest and lock file of its workspace. Where nothing is built, the
/// places where a built program may lie. `None`: cargo cannot tell now.
///
/// Registries' packages do not change, and paths in `[patch]` are not followed. Nothing is downloaded.
pub async fn inputs(requests: &[Request], tools: &Tools, mode: BuildMode) -> Vec<Option<BTreeSet<PathBuf>>> {
    let mut workspaces = Vec::new();
    let mut all = Vec::with_capacity(requests.len());
    for request in requests {
        // Whoever builds hears why; here the answer is that there is none.
        let Ok((at, target)) = locate(request, &mut workspaces, tools, cargo::Complaints::Unheard).await
        else {
            all.push(None);
            continue;
        };
        let workspace = &workspaces[at];
        all.push(Some(match mode {
            BuildMode::NoBuild => workspace.built_places(&target).into(),
            BuildMode::Debug | BuildMode::Release => {
                let own = ["Cargo.toml", "Cargo.lock"].map(|file| workspace.workspace_root.join(file));
                let package = workspace.folder(&target).to_owned();
                let mut found = packages(package, &mut workspaces, tools).await;
                found.extend(own);
                found
            }
        }));
    }
    all
}

/// The folders of a package and of those that it depends on by path, and so on.
async fn packages(first: PathBuf, workspaces: &mut Vec<Workspace>, tools: &Tools) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut unseen = vec![first];
    while let Some(folder) = unseen.pop() {
        if !found.contains(&folder) {
            unseen.extend(neighbours(&folder, workspaces, tools).await);
            found.insert(folder);
        }
    }
    found
}

/// What the package in `folder` depends on by path. Of a package that cargo cannot read, nothing is known.
async fn neighbours(folder: &Path, workspaces: &mut Vec<Workspace>, tools: &Tools) -> Vec<PathBuf> {
    if let Some(known) = workspaces.iter().find_map(|workspace| workspace.neighbours(folder)) {
        return known;
    }
    let Ok(workspace) = cargo::metadata(tools, folder, cargo::Complaints::Unheard).await else {
        return Vec::new();
    };
    let neighbours = workspace.neighbours(folder).unwrap_or_default();
    workspaces.push(workspace);
    neighbours
}
