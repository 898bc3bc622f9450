//! Small executables for tests.

use std::{path::Path, process::Command};

/// Leaves a shell script at `path`. Another process writes it: if this one did, a test that forks meanwhile would hold
/// it open, and Linux refuses to start a file that is open for writing.
pub(crate) fn write(path: &Path, script: &str) {
    let writer = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod +x \"$0\"";
    let status = Command::new("sh").args(["-c", writer]).arg(path).arg(script).status();
    assert!(status.unwrap().success());
}
