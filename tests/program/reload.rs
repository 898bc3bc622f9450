//! The configuration changes under a running `stayput dev`.

use std::time::Duration;

use http::{Request, StatusCode};
use nix::sys::signal::Signal;

use super::{
    calls::once,
    running::{KEY, Running, eventually},
};

#[test]
fn a_changed_file_is_followed_and_a_broken_one_is_not() {
    let running = Running::misbehaving();
    assert_eq!(status(&running, "misbehave"), StatusCode::OK, "{}", running.stderr());

    running.write("stayput.toml", "[gateway]\nlisen = \"x\"\n[[functoin]]\n");
    eventually(PATIENCE, "the mistakes are told", || says(&running, "did you mean \"function\"?"));
    assert!(says(&running, "did you mean \"listen\"?"), "{}", running.stderr());
    eventually(PATIENCE, "it is told in figures", || {
        figures(&running).contains("last_reload_successful 0\n")
    });
    assert_eq!(status(&running, "misbehave"), StatusCode::OK, "the old rules hold");
    assert_eq!(admin(&running, "/readyz").0, StatusCode::OK, "a broken file turns no traffic away");

    running.write(
        "stayput.toml",
        "[gateway]\nlisten = \"127.0.0.1:1\"\n[[function]]\nlambda = \"misbehave\"\nopenfaas = \"renamed\"\n",
    );
    eventually(PATIENCE, "the new name answers", || status(&running, "renamed") == StatusCode::OK);
    assert_eq!(status(&running, "misbehave"), StatusCode::NOT_FOUND, "the old name is gone");
    assert!(figures(&running).contains("last_reload_successful 1\n"));

    let before = reloads(&running);
    running.signal(Signal::SIGHUP);
    eventually(PATIENCE, "SIGHUP loads again", || reloads(&running) > before);
    assert!(!says(&running, "gateway.listen"), "a flag is stronger than the file: {}", running.stderr());
}

fn status(running: &Running, function: &str) -> StatusCode {
    let request = Request::post(format!("{}/function/{function}", running.shown.gateway));
    once(&request.header("authorization", format!("Bearer {KEY}")).body("{}".to_owned()).expect("a request"))
        .status
}

fn admin(running: &Running, path: &str) -> (StatusCode, String) {
    let answer =
        once(&Request::get(format!("{}{path}", running.shown.admin)).body(String::new()).expect("a request"));
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

fn figures(running: &Running) -> String {
    admin(running, "/metrics").1
}

fn says(running: &Running, what: &str) -> bool {
    // Text as the log writes it has its quotes escaped.
    running.stderr().replace('\\', "").contains(what)
}

fn reloads(running: &Running) -> usize {
    running.stderr().matches("the configuration was reloaded").count()
}

const PATIENCE: Duration = Duration::from_secs(60);
