//! Where the gateway's own keys come from.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use stayput_core::{
    Credential,
    token::{KeyError, SealingKeys},
};

use crate::data_dir::{DataDir, DataDirError};

/// Why the gateway has no keys of its own. Never quotes one.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    #[error("STAYPUT_GATEWAY_KEY: {0}")]
    Variable(KeyError),
    #[error("STAYPUT_GATEWAY_KEY is not text")]
    VariableText,
    #[error("key_file {}: {problem}", path.display())]
    File { path: PathBuf, problem: KeyError },
    #[error("key_file {} can be read or changed by others; chmod it to 600", path.display())]
    Open { path: PathBuf },
    #[error("key_file {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// Those that the environment gives, or else those of the file, or else one that is kept in the data directory.
///
/// # Errors
/// What was given is no key, or cannot be read.
pub fn load(
    variable: Option<&Credential>,
    file: Option<&Path>,
    data_dir: &DataDir,
) -> Result<SealingKeys, SealingError> {
    given(variable, file).unwrap_or_else(|| Ok(data_dir.gateway_keys()?))
}

/// The same without taking the data directory, or making a key: so that it can be asked of one that is in use.
///
/// # Errors
/// As [`load`]; or there is no key yet.
pub fn peek(
    variable: Option<&Credential>,
    file: Option<&Path>,
    data_dir: &Path,
) -> Result<SealingKeys, SealingError> {
    given(variable, file).unwrap_or_else(|| Ok(DataDir::kept_gateway_keys(data_dir)?))
}

/// Only those that somebody gives: for who must have the same ones as another.
///
/// # Errors
/// As [`load`].
pub fn shared(
    variable: Option<&Credential>,
    file: Option<&Path>,
) -> Result<Option<SealingKeys>, SealingError> {
    given(variable, file).transpose()
}

/// `None`: none are.
fn given(variable: Option<&Credential>, file: Option<&Path>) -> Option<Result<SealingKeys, SealingError>> {
    match (variable, file) {
        (Some(variable), _) => Some(match std::str::from_utf8(variable.expose()) {
            Ok(text) => SealingKeys::parse(text).map_err(SealingError::Variable),
            Err(_) => Err(SealingError::VariableText),
        }),
        (None, Some(path)) => Some(read(path).and_then(|text| {
            SealingKeys::parse(&text).map_err(|problem| SealingError::File { path: path.to_owned(), problem })
        })),
        (None, None) => None,
    }
}

fn read(path: &Path) -> Result<String, SealingError> {
    let unreadable = |cause| SealingError::Unreadable { path: path.to_owned(), cause };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.permissions().mode() & OTHERS != 0 {
        return Err(SealingError::Open { path: path.to_owned() });
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Anything for everybody, or writing for the group. (Reading for the group is how some secret stores hand files over.)
const OTHERS: u32 = 0o027;

/// More than a file of keys has.
const MAX_FILE_BYTES: u64 = 4_096;

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};

    use super::*;

    #[test]
    fn the_environment_is_stronger_than_the_file_than_the_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(&folder.path().join("data")).unwrap();
        let path = folder.path().join("keys");
        write(&path, "02".repeat(32)).unwrap();
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let variable = Credential::new("01".repeat(32));
        let shown = |variable, file| format!("{:?}", load(variable, file, &data_dir).unwrap());
        let expected = |hex: &str| format!("{:?}", SealingKeys::parse(&hex.repeat(32)).unwrap());
        assert_eq!(shown(Some(&variable), Some(&path)), expected("01"));
        assert_eq!(shown(None, Some(&path)), expected("02"));
        assert_eq!(shown(None, None), shown(None, None), "it is kept");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(&folder.path().join("data")).unwrap();
        let path = folder.path().join("keys");
        write(&path, "02".repeat(32)).unwrap();
        for (mode, fits) in [(0o600, true), (0o440, true), (0o644, false), (0o660, false)] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let loaded = load(None, Some(&path), &data_dir);
            assert_eq!(loaded.is_ok(), fits, "{mode:o}");
            assert!(fits || matches!(loaded, Err(SealingError::Open { .. })));
        }
    }

    #[test]
    fn no_message_quotes_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(folder.path()).unwrap();
        let secret = Credential::new("hunter2");
        let error = load(Some(&secret), None, &data_dir).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
