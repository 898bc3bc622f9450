//! With the cargo that runs the tests, on small workspaces without dependencies.

use std::{fs, path::Path, process, time::Duration};

use tokio::time::timeout;

use super::{BuildMode, Request, executables, inputs};
use crate::languages::{Tools, script};

/// Cargo with a target directory for each workspace, wherever the tests' own is.
fn tools(folder: &Path) -> Tools {
    let tools = Tools::from_environment("unused".into());
    let cargo = folder.join("cargo.sh");
    script::write(
        &cargo,
        &format!("unset CARGO_TARGET_DIR\nexec '{}' \"$@\"", Path::new(&tools.cargo).display()),
    );
    Tools { cargo: cargo.into(), ..tools }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A workspace of packages, each with a `main.rs`.
fn workspace(packages: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let members: Vec<_> = packages.iter().map(|(name, _)| *name).collect();
    let manifest = format!(
        "[workspace]
resolver = \"3\"
members = {members:?}
"
    );
    write(&folder.path().join("Cargo.toml"), &manifest);
    for (name, main) in packages {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write(&folder.path().join(name).join("Cargo.toml"), &manifest);
        write(&folder.path().join(name).join("src/main.rs"), main);
    }
    folder
}

fn request(folder: &Path, binary: Option<&str>) -> Request {
    Request { directory: folder.to_owned(), binary: binary.map(str::to_owned) }
}

#[tokio::test]
async fn what_compiles_runs_and_what_does_not_says_so() {
    let folder =
        workspace(&[("good", "fn main() { println!(\"hello\") }"), ("bad", "fn main() { nonsense }")]);
    let folder = folder.path();
    let tools = tools(folder);
    let requests = [
        request(&folder.join("bad"), None),
        request(&folder.join("good"), None),
        request(folder, Some("good")),
        request(&folder.join("good"), Some("goood")),
        request(folder, None),
        request(&folder.join("absent"), None),
    ];
    let before = executables(&requests[1..2], &tools, BuildMode::NoBuild).await;
    assert_eq!(before[0].as_ref().unwrap_err().0, "`good` is not built; run without --no-build");

    let built = executables(&requests, &tools, BuildMode::Debug).await;
    let reason = |index: usize| built[index].as_ref().unwrap_err().0.clone();
    assert_eq!(reason(0), "`bad` did not build; cargo says why above");
    let good = built[1].as_ref().unwrap();
    assert_eq!(process::Command::new(good).output().unwrap().stdout, b"hello\n");
    assert_eq!(built[2].as_ref(), Ok(good));
    assert_eq!(reason(3), "good has no binary `goood`; it has `good`");
    assert!(reason(4).ends_with("is a whole workspace; say which with BuildProperties: Binary"));
    assert!(reason(5).starts_with("there is no Cargo.toml in "));

    let after = executables(&requests[1..2], &tools, BuildMode::NoBuild).await;
    assert_eq!(after[0].as_ref(), Ok(good));
}

#[tokio::test]
async fn a_build_inside_another_cargo_does_not_undo_the_outer_ones_work() {
    let folder = workspace(&[("watcher", "fn main() {}")]);
    let package = folder.path().join("watcher");
    // Runs again whenever cargo's own variables about a package change, and leaves a mark each time.
    write(
        &package.join("build.rs"),
        "use std::{fs::OpenOptions, io::Write};
fn main() {
    for name in [\"CARGO_PKG_NAME\", \"CARGO_MANIFEST_DIR\", \"CARGO_MANIFEST_PATH\", \"CARGO_PKG_VERSION\"] {
        println!(\"cargo::rerun-if-env-changed={name}\");
    }
    let mut marks = OpenOptions::new().create(true).append(true).open(\"marks\").unwrap();
    marks.write_all(b\"x\").unwrap();
}",
    );
    let tools = tools(folder.path());
    let mut by_hand = process::Command::new(&tools.cargo);
    for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_VERSION"] {
        by_hand.env_remove(name);
    }
    let by_hand = by_hand.args(["build", "--quiet", "--bin", "watcher"]).current_dir(folder.path()).status();
    assert!(by_hand.unwrap().success());
    // This test itself runs under cargo, so these are set to this package's values.
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some() && std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let built = executables(&[request(&package, None)], &tools, BuildMode::Debug).await;
    assert!(built[0].is_ok());
    assert_eq!(fs::read(package.join("marks")).unwrap(), b"x", "the build script ran once");
}

#[tokio::test]
async fn what_cargo_lambda_built_is_found_too() {
    let folder = workspace(&[("one", "fn main() {}")]);
    write(&folder.path().join("target/lambda/one/bootstrap"), "");
    let found =
        executables(&[request(&folder.path().join("one"), None)], &tools(folder.path()), BuildMode::NoBuild)
            .await;
    assert!(found[0].as_ref().unwrap().ends_with("target/lambda/one/bootstrap"));
}

#[tokio::test]
async fn a_package_with_several_binaries_asks_which() {
    let folder = workspace(&[("many", "fn main() {}")]);
    let package = folder.path().join("many");
    write(&package.join("src/bin/other.rs"), "fn main() {}");
    let found = executables(&[request(&package, None)], &tools(folder.path()), BuildMode::NoBuild).await;
    let reason = found[0].as_ref().unwrap_err().0.clone();
    assert_eq!(reason, "many has `many`, `other`; say which with BuildProperties: Binary");
}

#[tokio::test]
async fn a_program_is_built_from_its_package_and_all_that_it_depends_on_by_path() {
    let folder = workspace(&[("app", "fn main() {}"), ("near", ""), ("test-kit", ""), ("stranger", "")]);
    let elsewhere = workspace(&[("far", ""), ("farther", "")]);
    let depends = |package: &Path, on: &str| {
        let manifest = package.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap() + on;
        fs::write(manifest, text).unwrap();
    };
    let at = |name: &str| folder.path().join(name);
    depends(
        &at("app"),
        "[dependencies]\nnear.path = \"../near\"\n[dev-dependencies]\ntest-kit.path = \"../test-kit\"\n",
    );
    let far = elsewhere.path().join("far");
    depends(&at("near"), &format!("[build-dependencies]\nfar.path = {far:?}\n"));
    depends(&far, "[dependencies]\nfarther.path = \"../farther\"\n");

    let tools = tools(folder.path());
    let requests =
        [request(&at("app"), None), request(folder.path(), Some("app")), request(&at("gone"), None)];
    let found = inputs(&requests, &tools, BuildMode::Debug).await;
    let farther = elsewhere.path().join("farther");
    let expected = [at("app"), at("near"), far, farther, at("Cargo.toml"), at("Cargo.lock")];
    assert_eq!(found[0], Some(expected.into()));
    assert_eq!(found[1], found[0]);
    assert_eq!(found[2], None);

    let built = inputs(&requests[..1], &tools, BuildMode::NoBuild).await;
    let places = ["debug/app", "release/app", "lambda/app/bootstrap"];
    assert_eq!(built[0], Some(places.map(|place| at("target").join(place)).into()));
}

#[tokio::test]
async fn a_manifest_that_cargo_cannot_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("Cargo.toml"), "[package");
    let found = executables(&[request(folder.path(), None)], &tools(folder.path()), BuildMode::Debug).await;
    let reason = found[0].as_ref().unwrap_err().0.clone();
    assert_eq!(reason, format!("cargo cannot read {}: it says why above", folder.path().display()));
}

#[tokio::test]
async fn a_dropped_build_leaves_no_process() {
    let folder = workspace(&[("slow", "fn main() {}")]);
    let marker = folder.path().join("started");
    // Says that it is there, then stays longer than this test waits.
    let script = format!(
        "use std::{{fs, process, thread, time}};
fn main() {{
    fs::write({marker:?}, process::id().to_string()).unwrap();
    thread::sleep(time::Duration::from_secs({}));
}}",
        2 * PATIENCE.as_secs()
    );
    write(&folder.path().join("slow/build.rs"), &script);
    let requests = [request(&folder.path().join("slow"), None)];
    let tools = tools(folder.path());
    let build = executables(&requests, &tools, BuildMode::Debug);
    let started = until(|| fs::read_to_string(&marker).is_ok_and(|id| !id.is_empty()));
    tokio::select! {
        _ = build => panic!("it cannot have ended"),
        () = started => {}
    }
    let process = Path::new("/proc").join(fs::read_to_string(&marker).unwrap());
    until(|| !is_running(&process)).await;
}

async fn until(is_true: impl Fn() -> bool) {
    let asking = async {
        while !is_true() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it becomes true in time");
}

/// Whether the process is there and not merely unburied.
fn is_running(process: &Path) -> bool {
    fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// How long a process may take to come or go. Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
