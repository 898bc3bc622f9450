//! What an executable was built for, and what this machine is, in Lambda's words.

use std::{fs::File, io::Read, path::Path};

use crate::function::Unavailable;

/// # Errors
/// It was built for another machine, which one would otherwise hear of as "exec format error". What is no executable of Linux, or
/// not there, is nobody's.
pub(super) fn check(executable: &Path) -> Result<(), Unavailable> {
    match (machine_of(executable), here()) {
        (Some(theirs), Some(ours)) if theirs != ours => Err(Unavailable(format!(
            "its bootstrap is built for {theirs}, and this machine is {ours}; build it with --target {}",
            if ours == ARM64 { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" }
        ))),
        _ => Ok(()),
    }
}

/// Lambda's name of what an executable was built for. `None`: another, or no executable of Linux: a script for one.
fn machine_of(executable: &Path) -> Option<&'static str> {
    let mut head = [0; ELF_HEAD_BYTES];
    File::open(executable).ok()?.read_exact(&mut head).ok()?;
    let [0x7f, b'E', b'L', b'F', ..] = head else { return None };
    // Source: ELF-64 object file format, `e_machine`, in the file's own byte order, which is little on both.
    match u16::from_le_bytes([head[18], head[19]]) {
        62 => Some(X86_64),
        183 => Some(ARM64),
        _ => None,
    }
}

/// Lambda's name of this machine. `None`: Lambda has none like it.
pub(crate) fn here() -> Option<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Some(X86_64),
        "aarch64" => Some(ARM64),
        _ => None,
    }
}

pub(crate) const X86_64: &str = "x86_64";
pub(crate) const ARM64: &str = "arm64";

const ELF_HEAD_BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn executable(machine: u16) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut head = [0; 64];
        head[..4].copy_from_slice(b"\x7fELF");
        head[18..20].copy_from_slice(&machine.to_le_bytes());
        fs::write(file.path(), head).unwrap();
        file
    }

    #[test]
    fn an_executable_says_what_it_is_for() {
        for (machine, name) in [(62, Some(X86_64)), (183, Some(ARM64)), (8, None)] {
            assert_eq!(machine_of(executable(machine).path()), name);
        }
        let script = tempfile::NamedTempFile::new().unwrap();
        fs::write(script.path(), "#!/bin/sh").unwrap();
        assert_eq!(machine_of(script.path()), None);
    }

    #[test]
    fn one_for_another_machine_is_unavailable_and_says_what_to_do() {
        let other = executable(if here() == Some(ARM64) { 62 } else { 183 });
        let Unavailable(why) = check(other.path()).unwrap_err();
        assert!(why.contains("build it with --target"), "{why}");
        assert_eq!(check(Path::new("/not/there")), Ok(()));
    }
}
