//! From code and configuration that were deployed to a function that can be run.

use std::{fs::File, io::Read, path::Path, sync::Arc, time::Duration};

use super::{
    configuration::{ARM64, X86_64},
    record::Edition,
};
use crate::{
    function::{Code, Folder, Function, FunctionEvents, FunctionUrl, Unavailable, Version},
    languages::{BOOTSTRAP, Language, Languages, Tools},
};

/// What the edition runs as. `folder` is its code.
pub(super) async fn function(
    name: &str,
    version: Version,
    edition: &Edition,
    folder: Arc<Folder>,
    url: Option<FunctionUrl>,
    tools: &Tools,
) -> Function {
    let configuration = &edition.configuration;
    let (runtime, handler) = (&*configuration.runtime, &*configuration.handler);
    let program = match is_for_this_machine(runtime, folder.path()) {
        Ok(()) => Languages::new(tools).program(runtime, handler, folder.path().to_owned()).await,
        Err(unavailable) => Err(unavailable),
    };
    Function {
        name: name.to_owned(),
        runtime: runtime.to_owned(),
        handler: handler.to_owned(),
        program,
        variables: configuration.variables.clone().unwrap_or_default(),
        timeout: Duration::from_secs(configuration.timeout.into()),
        memory_mb: configuration.memory_mb,
        reserved_concurrency: None,
        events: FunctionEvents {
            dead_letter: configuration.dead_letter.clone(),
            ..FunctionEvents::default()
        },
        url,
        version,
        code: Code::held(folder),
    }
}

/// # Errors
/// Its `bootstrap` was built for another machine, which one would otherwise hear of as "exec format error".
fn is_for_this_machine(runtime: &str, folder: &Path) -> Result<(), Unavailable> {
    if Language::of(runtime) != Some(Language::Provided) {
        return Ok(());
    }
    let machine = machine_of(&folder.join(BOOTSTRAP));
    match (machine, here()) {
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

const ELF_HEAD_BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn bootstrap(machine: u16) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut head = [0; 64];
        head[..4].copy_from_slice(b"\x7fELF");
        head[18..20].copy_from_slice(&machine.to_le_bytes());
        fs::write(folder.path().join(BOOTSTRAP), head).unwrap();
        folder
    }

    #[test]
    fn an_executable_says_what_it_is_for() {
        for (machine, name) in [(62, Some(X86_64)), (183, Some(ARM64)), (8, None)] {
            assert_eq!(machine_of(&bootstrap(machine).path().join(BOOTSTRAP)), name);
        }
        let script = tempfile::NamedTempFile::new().unwrap();
        fs::write(script.path(), "#!/bin/sh").unwrap();
        assert_eq!(machine_of(script.path()), None);
    }

    #[test]
    fn one_for_another_machine_is_unavailable_and_says_what_to_do() {
        let other = if here() == Some(ARM64) { 62 } else { 183 };
        let Unavailable(why) = is_for_this_machine("provided.al2023", bootstrap(other).path()).unwrap_err();
        assert!(why.contains("build it with --target"), "{why}");
        assert_eq!(is_for_this_machine("python3.13", bootstrap(other).path()), Ok(()));
    }
}
