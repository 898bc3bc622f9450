//! Which language a runtime is, and what is said where one is missing.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Language, Tools, prepare, script};
use crate::{function::Function, rust_build::BuildMode, template};

#[test]
fn runtimes_are_known_by_the_form_of_their_names() {
    for (runtime, expected) in [
        ("provided.al2023", Some(Language::Provided)),
        ("provided", Some(Language::Provided)),
        ("python3.13", Some(Language::Python)),
        ("nodejs24.x", Some(Language::Node)),
        ("java21", Some(Language::Other)),
        ("java8.al2", Some(Language::Other)),
        ("dotnet8", Some(Language::Other)),
        ("dotnetcore3.1", Some(Language::Other)),
        ("ruby3.4", Some(Language::Other)),
        ("go1.x", Some(Language::Other)),
        ("python3", None),
        ("python313", None),
        ("nodejs22", None),
        ("nodejs.x", None),
        ("provided.al2024", None),
        ("ruby", None),
        ("", None),
    ] {
        assert_eq!(Language::of(runtime), expected, "{runtime:?}");
    }
}

/// A machine on which nothing is installed but what `programs` puts on the search path.
async fn prepare_on(folder: &Path, resources: &str, programs: &[(&str, &str)]) -> Vec<Function> {
    let path = folder.join("path");
    fs::create_dir_all(&path).unwrap();
    for (name, text) in programs {
        script::write(&path.join(name), text);
    }
    let text = format!("Resources:\n{resources}");
    let template = template::parse(&text, &folder.join("t.yaml"), &BTreeMap::new()).unwrap();
    let tools = Tools {
        search_path: path.clone().into_os_string(),
        virtual_env: None,
        cargo: path.join("cargo").into_os_string(),
        data_directory: folder.join("data"),
    };
    prepare(template.functions, &tools, BuildMode::NoBuild).await
}

fn function(runtime: &str) -> String {
    format!(
        "  F: {{Type: AWS::Lambda::Function, Properties: {{Runtime: {runtime}, Handler: app.run, Code: .}}}}\n"
    )
}

#[track_caller]
fn reason(functions: &[Function]) -> String {
    functions[0].program.as_ref().expect_err("unavailable").to_string()
}

#[tokio::test]
async fn where_nothing_is_installed_each_function_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    for (runtime, expected) in [
        ("python3.13", "unavailable (install Python 3.13)"),
        ("nodejs22.x", "unavailable (install Node.js 20 or newer)"),
        ("java21", "unavailable (the runtime java21 does not run on this machine)"),
    ] {
        let functions = prepare_on(folder.path(), &function(runtime), &[]).await;
        assert_eq!(reason(&functions), expected);
    }
}

#[tokio::test]
async fn a_bootstrap_need_not_exist_yet() {
    let folder = tempfile::tempdir().unwrap();
    let functions = prepare_on(folder.path(), &function("provided.al2023"), &[]).await;
    let program = functions[0].program.as_ref().unwrap();
    assert_eq!(program.executable, folder.path().join("bootstrap"));
    assert_eq!(program.directory, folder.path());
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = function("provided.al2023").replace("Code: .", "Code: gone");
    let functions = prepare_on(folder.path(), &text, &[]).await;
    let gone = folder.path().join("gone");
    assert_eq!(reason(&functions), format!("unavailable (the folder {} does not exist)", gone.display()));
}

/// Answers as Python would: `sys.executable` is `/opt/python`, and the package is there or not.
fn fake_python(has_client: bool) -> String {
    let status = i32::from(!has_client);
    format!("case \"$2\" in *awslambdaric*) exit {status};; *) echo /opt/python;; esac")
}

#[tokio::test]
async fn python_runs_through_the_runtime_client_of_the_version_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let programs = [("python3.13", "exit 127"), ("python3", &fake_python(true))];
    let functions = prepare_on(folder.path(), &function("python3.13"), &programs).await;
    let program = functions[0].program.as_ref().unwrap();
    assert_eq!(program.executable, Path::new("/opt/python"));
    assert_eq!(program.arguments, ["-m", "awslambdaric", "app.run"]);
    assert_eq!(program.directory, folder.path());
    assert_eq!(program.variables["AWS_EXECUTION_ENV"], "AWS_Lambda_python3.13");
    assert_eq!(Path::new(&program.variables["PYTHONPATH"]), folder.path());
}

#[tokio::test]
async fn python_without_the_runtime_client_says_how_to_install_it() {
    let folder = tempfile::tempdir().unwrap();
    let programs = [("python3", fake_python(false))];
    let programs = programs.each_ref().map(|(name, script)| (*name, script.as_str()));
    let functions = prepare_on(folder.path(), &function("python3.13"), &programs).await;
    let expected = "unavailable (install awslambdaric: /opt/python -m pip install awslambdaric)";
    assert_eq!(reason(&functions), expected);
    fs::create_dir_all(folder.path().join("awslambdaric")).unwrap();
    fs::write(folder.path().join("awslambdaric/__init__.py"), "").unwrap();
    let functions = prepare_on(folder.path(), &function("python3.13"), &programs).await;
    assert!(functions[0].program.is_ok(), "the folder brings its own");
}

#[tokio::test]
async fn node_runs_our_loop_unless_it_is_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let old = [("node", "printf 'v18.1.0\\n/opt/node\\n'")];
    let functions = prepare_on(folder.path(), &function("nodejs22.x"), &old).await;
    assert_eq!(reason(&functions), "unavailable (install Node.js 20 or newer)");
    let new = [("node", "printf 'v22.1.0\\n/opt/node\\n'")];
    let functions = prepare_on(folder.path(), &function("nodejs22.x"), &new).await;
    let program = functions[0].program.as_ref().unwrap();
    let runtime_loop = folder.path().join("data/node_runtime.mjs");
    assert_eq!(program.executable, Path::new("/opt/node"));
    assert_eq!(program.arguments, [runtime_loop.as_os_str(), "app.run".as_ref()]);
    assert!(runtime_loop.is_file());
}

#[tokio::test]
async fn without_cargo_the_rust_functions_say_so_and_built_folders_still_run() {
    let folder = tempfile::tempdir().unwrap();
    let rust = "Metadata: {BuildMethod: rust-cargolambda}";
    let resources = |id: &str| {
        format!(
            "  {id}: {{Type: AWS::Lambda::Function, {rust}, Properties: {{Runtime: provided.al2023, Handler: x, Code: {id}}}}}\n"
        )
    };
    fs::create_dir_all(folder.path().join("source")).unwrap();
    fs::write(folder.path().join("source/Cargo.toml"), "[package]\nname = \"source\"\n").unwrap();
    fs::create_dir_all(folder.path().join("built")).unwrap();
    fs::write(folder.path().join("built/bootstrap"), "").unwrap();
    let functions = prepare_on(folder.path(), &(resources("source") + &resources("built")), &[]).await;
    assert_eq!(reason(&functions), "unavailable (install Rust: https://rustup.rs)");
    let program = functions[1].program.as_ref().unwrap();
    assert_eq!(program.executable, folder.path().join("built/bootstrap"));
}
