//! The house keeps its floors: what may depend on what, read from the manifests themselves (ARCHITECTURE.md).

use std::{collections::BTreeMap, fs, path::Path};

/// The floor of each package. A dependency between our own packages goes down, never up or sideways.
const FLOORS: &[(&str, u8)] = &[
    ("event-queue", 0),
    ("lambda-durable", 0),
    ("lambda-protocol", 0),
    ("stayput-core", 1),
    ("stayput-runtime", 1),
    ("lambda-local", 2),
    ("misbehave", 3),
    ("witness", 3),
    ("stock-stream", 3),
    ("stayput", 3),
    ("download", 3),
    ("echo", 3),
    ("fail", 3),
    ("hello", 3),
    ("sleep", 3),
    ("steps", 3),
    ("stock", 3),
    ("ticker", 3),
];

/// Crates without sockets, files, clocks, randomness, environment or logs.
const PURE: &[&str] = &["lambda-durable", "lambda-protocol", "stayput-core"];

/// What a pure crate must not even be able to name.
const IMPURE: &[&str] = &["hyper", "hyper-util", "nix", "rand", "tokio", "tracing", "tracing-subscriber"];

/// `std` paths that would smuggle the world in where Cargo cannot see it.
const IMPURE_STD: &[&str] =
    &["std::env", "std::fs", "std::net::Tcp", "std::process", "SystemTime::now", "Instant::now", "println!"];

#[test]
fn dependencies_point_down() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    for (package, manifest, _) in packages() {
        let floor =
            floors.get(package.as_str()).unwrap_or_else(|| panic!("{package} has no floor; give it one"));
        for dependency in dependencies(&manifest) {
            if let Some(below) = floors.get(dependency.as_str()) {
                assert!(
                    below < floor,
                    "{package} (floor {floor}) may not depend on {dependency} (floor {below})"
                );
            }
        }
    }
}

#[test]
fn the_service_and_the_runtime_do_not_know_dialects() {
    for (package, manifest, _) in packages() {
        if ["lambda-local", "stayput-runtime", "lambda-protocol"].contains(&package.as_str()) {
            assert!(
                !dependencies(&manifest).contains(&"stayput-core".to_owned()),
                "{package} knows dialects"
            );
        }
    }
}

#[test]
fn the_middle_is_pure() {
    for (package, manifest, folder) in packages() {
        if !PURE.contains(&package.as_str()) {
            continue;
        }
        for dependency in dependencies(&manifest) {
            assert!(
                !IMPURE.contains(&dependency.as_str()),
                "{package} is pure and may not depend on {dependency}"
            );
        }
        for (file, text) in sources(&folder.join("src")) {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in IMPURE_STD {
                assert!(!code.contains(word), "{} is pure and may not use {word}", file.display());
            }
        }
    }
}

#[test]
fn versions_live_in_the_root_manifest() {
    for (package, manifest, _) in packages() {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
            for (name, value) in table {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherited, "{package}: {name} must say `workspace = true`");
            }
        }
    }
}

/// Every member: its name, manifest and folder.
fn packages() -> Vec<(String, toml::Value, std::path::PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the adapter lies in the workspace");
    let mut folders: Vec<_> =
        ["adapter", "adapter/core", "lambda/local", "lambda/protocol", "lambda/queue", "runtime"]
            .map(|f| root.join(f))
            .into();
    let samples = fs::read_dir(root.join("samples")).expect("samples/");
    folders.extend(
        samples.map(|entry| entry.expect("an entry").path()).filter(|f| f.join("Cargo.toml").exists()),
    );
    folders
        .into_iter()
        .map(|folder| {
            let text = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
            let manifest: toml::Value = toml::from_str(&text).expect("a manifest is TOML");
            let name = manifest["package"]["name"].as_str().expect("a name").to_owned();
            (name, manifest, folder)
        })
        .collect()
}

fn dependencies(manifest: &toml::Value) -> Vec<String> {
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

fn sources(folder: &Path) -> Vec<(std::path::PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((path, text));
        }
    }
    found
}
