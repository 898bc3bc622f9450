//! What `cargo metadata` says about a workspace, and which target a function means.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::Request;
use crate::function::Unavailable;

/// Shape: `cargo metadata --no-deps --format-version 1`. Source: Cargo book, "cargo metadata".
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    packages: Vec<Package>,
    pub(super) workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    default_run: Option<String>,
    targets: Vec<PackageTarget>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    /// `None`: it comes from elsewhere.
    path: Option<PathBuf>,
    /// `None`, `build` or `dev`.
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PackageTarget {
    name: String,
    kind: Vec<String>,
}

/// One binary of one package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    pub(super) package_id: String,
    pub(super) binary: String,
}

impl Workspace {
    /// Whether `directory` is its root or the folder of one of its packages.
    pub(super) fn has(&self, directory: &Path) -> bool {
        is_same(directory, &self.workspace_root)
            || self.packages.iter().any(|package| package.is_in(directory))
    }

    pub(super) fn target(&self, request: &Request) -> Result<Target, Unavailable> {
        let Request { directory, binary } = request;
        let own = self.packages.iter().find(|package| package.is_in(directory));
        match (own, binary) {
            (Some(package), Some(name)) if package.binaries().any(|known| known == name) => {
                Ok(package.target(name))
            }
            (Some(package), None) => package.only_target(),
            (own, Some(name)) => {
                // The folder of a whole workspace, and the name of a binary somewhere in it.
                let somewhere =
                    self.packages.iter().find(|package| package.binaries().any(|known| known == name));
                match somewhere {
                    Some(package) if is_same(directory, &self.workspace_root) => Ok(package.target(name)),
                    Some(_) | None => Err(Unavailable(match own {
                        Some(package) => {
                            format!("{} has no binary `{name}`; it has {}", package.name, package.list())
                        }
                        None => format!("no package in {} has a binary `{name}`", directory.display()),
                    })),
                }
            }
            (None, None) => {
                let folder = directory.display();
                Err(Unavailable(format!(
                    "{folder} is a whole workspace; say which with BuildProperties: Binary"
                )))
            }
        }
    }

    /// The target's executable, if it was built before.
    pub(super) fn find_built(&self, target: &Target) -> Option<PathBuf> {
        self.built_places(target).into_iter().find(|path| path.is_file())
    }

    /// Where the target's executable may lie, as cargo or cargo lambda leave it; the first that is there counts.
    pub(super) fn built_places(&self, target: &Target) -> [PathBuf; 3] {
        let name = &target.binary;
        [
            self.target_directory.join("debug").join(name),
            self.target_directory.join("release").join(name),
            self.target_directory.join("lambda").join(name).join("bootstrap"),
        ]
    }

    /// The folder of the target's package.
    pub(super) fn folder(&self, target: &Target) -> &Path {
        let package = self.packages.iter().find(|package| package.id == target.package_id);
        package.and_then(|package| package.manifest_path.parent()).unwrap_or(&self.workspace_root)
    }

    /// The folders that the package in `folder` depends on, tests aside; `None`: no package of ours is there.
    pub(super) fn neighbours(&self, folder: &Path) -> Option<Vec<PathBuf>> {
        let package = self.packages.iter().find(|package| package.is_in(folder))?;
        let built = package.dependencies.iter().filter(|needed| needed.kind.as_deref() != Some("dev"));
        Some(built.filter_map(|needed| needed.path.clone()).collect())
    }
}

impl Package {
    fn is_in(&self, directory: &Path) -> bool {
        self.manifest_path.parent().is_some_and(|folder| is_same(folder, directory))
    }

    fn binaries(&self) -> impl Iterator<Item = &str> {
        let binaries = self.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bin"));
        binaries.map(|target| target.name.as_str())
    }

    fn only_target(&self) -> Result<Target, Unavailable> {
        let names: Vec<_> = self.binaries().collect();
        match (names.as_slice(), &self.default_run) {
            ([], _) => Err(Unavailable(format!("{} has no binary", self.name))),
            ([name], _) => Ok(self.target(name)),
            (_, Some(name)) => Ok(self.target(name)),
            (_, None) => {
                let several = self.list();
                Err(Unavailable(format!(
                    "{} has {several}; say which with BuildProperties: Binary",
                    self.name
                )))
            }
        }
    }

    fn target(&self, binary: &str) -> Target {
        Target { package_id: self.id.clone(), binary: binary.to_owned() }
    }

    fn list(&self) -> String {
        let names: Vec<_> = self.binaries().map(|name| format!("`{name}`")).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

/// Whether both are the same folder, symbolic links followed.
fn is_same(left: &Path, right: &Path) -> bool {
    left == right
        || matches!((fs::canonicalize(left), fs::canonicalize(right)), (Ok(left), Ok(right)) if left == right)
}
