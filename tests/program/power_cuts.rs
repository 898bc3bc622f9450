//! The power is cut: what the program had not synced is gone, and not one call that it answered with 202 is. The exam R2 in
//! small; `cargo run --release --example exams -- power_cut` is the long one.

use std::{fs, path::Path, process::Command, time::Duration};

use super::{cuts::survive, limits::alone, power::Power, running::folder};

#[test]
fn no_accepted_call_is_lost_when_the_power_is_cut() {
    let _alone = alone();
    let outcome = survive(10, 60, true);
    println!("{outcome:?}");
    assert_eq!(outcome.refused, None, "it does not go on");
    assert!(outcome.account.lost.is_empty() && outcome.account.wrong.is_empty(), "{outcome:?}");
    assert!(outcome.account.accepted > 100, "{} calls are no exam", outcome.account.accepted);
    assert!(outcome.unready > 0, "no start was cut");
    assert!(outcome.slowest_start < Duration::from_secs(5), "a start took {:?}", outcome.slowest_start);
    assert!(outcome.undone > 100, "{} undone changes are no exam", outcome.undone);
}

#[test]
fn what_was_not_synced_is_gone_and_what_was_is_not() {
    let place = folder();
    let data = place.path().join("data");
    fs::create_dir(&data).expect("a folder");
    for (file, text) in [("changed", "before"), ("cut", "before"), ("removed", "before"), ("under", "before")]
    {
        fs::write(data.join(file), text).expect("a file");
    }
    let power = Power::over(&data);
    let mut python = Command::new("python3");
    let ended = python.args(["-c", WRITES]).current_dir(&data).envs(power.environment(None)).status();
    assert!(!ended.expect("python3").success(), "it kills itself");
    assert_eq!(read(&data, "changed").as_deref(), Some("AFTERe and more"), "before the cut all is there");
    assert_eq!(power.cut(|| false), 8);
    let found = |file: &str| read(&data, file);
    assert_eq!(found("changed").as_deref(), Some("BEFore"));
    assert_eq!(found("cut").as_deref(), Some("before"));
    assert_eq!(found("removed").as_deref(), Some("before"));
    assert_eq!(found("under").as_deref(), Some("before"));
    assert_eq!(found("over"), None);
    assert_eq!(found("made"), None);
    assert_eq!(found("synced").as_deref(), Some("synced"));
}

fn read(folder: &Path, file: &str) -> Option<String> {
    fs::read_to_string(folder.join(file)).ok()
}

/// Three letters are synced; eight changes are not.
const WRITES: &str = r#"
import os, signal
def sync(path):
    it = os.open(path, os.O_RDONLY)
    os.fsync(it)
    os.close(it)
it = os.open("synced", os.O_CREAT | os.O_WRONLY, 0o600)
os.write(it, b"synced")
os.fdatasync(it)
sync(".")
it = os.open("changed", os.O_WRONLY)
os.pwrite(it, b"BEF", 0)
os.fsync(it)
os.pwrite(it, b"AFTER", 0)
os.lseek(it, 0, os.SEEK_END)
os.write(it, b" and more")
os.ftruncate(os.open("cut", os.O_WRONLY), 2)
os.unlink("removed")
os.rename("under", "over")
it = os.open("made", os.O_CREAT | os.O_WRONLY, 0o600)
os.write(it, b"made")
it = os.open("synced", os.O_WRONLY | os.O_TRUNC)
os.kill(os.getpid(), signal.SIGKILL)
"#;
