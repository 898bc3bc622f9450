//! Functions change under a running `stayput dev`.

use std::{
    env, fs,
    io::{self, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use super::{
    calls::once,
    running::{Running, eventually, folder},
};
use http::Request;

#[test]
fn a_changed_function_is_built_and_takes_over_while_a_call_finishes_on_the_old_one() {
    let running = word("one", &[]);
    let (listener, url) = (TcpListener::bind("127.0.0.1:0").expect("a port"), url(&running, "word"));
    let event = listener.local_addr().expect("a port").port().to_string();
    let waiting = thread::spawn(move || call(&url, &event));
    let (mut meeting, _) = listener.accept().expect("the call runs");

    write_word(running.folder(), "two");
    eventually(PATIENCE, "the new code answers", || answer(&running, "word") == "two");
    meeting.write_all(b"g").expect("the call still runs");
    assert_eq!(waiting.join().expect("an answer"), "one", "the old code has answered");
    assert!(running.stderr().contains("word: updated in "), "{}", running.stderr());
}

#[test]
fn what_does_not_build_leaves_the_old_function_and_what_builds_again_replaces_it() {
    let running = word("one", &[]);
    fs::write(said(running.folder()), "pub const WORD: &str = nonsense;").expect("a file");
    eventually(PATIENCE, "it is told", || running.stderr().contains("the old one still runs"));
    assert!(running.stderr().contains("cannot find value `nonsense`"), "{}", running.stderr());
    assert_eq!(answer(&running, "word"), "one");
    write_word(running.folder(), "two");
    eventually(PATIENCE, "the new code answers", || answer(&running, "word") == "two");
}

#[test]
fn what_did_not_build_at_the_start_is_there_once_it_does() {
    let running = word("nonsense\";\"", &[]);
    assert!(answer(&running, "word").contains("cannot run on this machine"), "{}", running.stderr());
    write_word(running.folder(), "one");
    eventually(PATIENCE, "it answers", || answer(&running, "word") == "one");
}

#[test]
fn what_is_not_built_is_read_again() {
    let running = word("one", &[]);
    assert_eq!(answer(&running, "script"), "script");
    write_script(running.folder(), "other").expect("a script");
    eventually(PATIENCE, "the new code answers", || answer(&running, "script") == "other");
    assert!(!running.stderr().contains("word: updated"), "nothing else has changed: {}", running.stderr());
}

#[test]
fn where_nothing_is_built_what_somebody_else_builds_takes_over() {
    let running = word("one", &["--no-build"]);
    assert!(answer(&running, "word").contains("run without --no-build"), "{}", running.stderr());
    let cargo = env::var_os("CARGO").expect("cargo runs this");
    let built =
        Command::new(cargo).args(["build", "--quiet"]).current_dir(running.folder().join("word")).status();
    assert!(built.expect("cargo starts").success());
    eventually(PATIENCE, "it answers", || answer(&running, "word") == "one");
}

#[test]
fn a_changed_template_needs_another_start_and_that_is_said() {
    let running = word("one", &[]);
    running.write("template.yaml", &(TEMPLATE.to_owned() + "\n# more\n"));
    eventually(PATIENCE, "it is told", || running.stderr().contains("template.yaml has changed"));
    assert_eq!(answer(&running, "word"), "one");
}

/// A function in Rust that says `word` and one that is a script.
fn word(word: &str, words: &[&str]) -> Running {
    let folder = folder();
    let package = |name: &str, more: &str, file: &str, text: &str| {
        let package = folder.path().join(name);
        fs::create_dir_all(package.join("src")).expect("a folder");
        let manifest = format!("[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}");
        fs::write(package.join("Cargo.toml"), manifest).expect("a file");
        fs::write(package.join("src").join(file), text).expect("a file");
    };
    package(
        "word",
        "[dependencies]\nsaid.path = \"../said\"\n",
        "main.rs",
        include_str!("rebuild/function.rs"),
    );
    package("said", "", "lib.rs", "");
    write_word(folder.path(), word);
    write_script(folder.path(), "script").expect("a script");
    Running::with(folder, TEMPLATE, words)
}

fn said(folder: &Path) -> PathBuf {
    folder.join("said/src/lib.rs")
}

fn write_word(folder: &Path, word: &str) {
    fs::write(said(folder), format!("pub const WORD: &str = \"{word}\";\n")).expect("a file");
}

/// Puts another script in the place of the one that may be running.
fn write_script(folder: &Path, word: &str) -> io::Result<()> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("word/target"), PathBuf::from);
    let program = target.join("debug/word");
    fs::create_dir_all(folder.join("script"))?;
    let script = folder.join("script/bootstrap");
    let unfinished = script.with_extension("new");
    fs::write(&unfinished, format!("#!/bin/sh\nWORD={word} exec '{}'\n", program.display()))?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755))?;
    fs::rename(unfinished, script)
}

fn answer(running: &Running, function: &str) -> String {
    call(&url(running, function), "0")
}

fn url(running: &Running, function: &str) -> String {
    format!("{}/2015-03-31/functions/{function}/invocations", running.shown.lambda)
}

fn call(url: &str, event: &str) -> String {
    let answer = once(&Request::post(url).body(event.to_owned()).expect("a request"));
    String::from_utf8_lossy(&answer.body).trim_matches('"').to_owned()
}

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Word:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties: {FunctionName: word, Runtime: provided.al2023, Handler: x, CodeUri: word, Timeout: 60}
  Script:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: script, Runtime: provided.al2023, Handler: x, CodeUri: script, Timeout: 60}
";

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
