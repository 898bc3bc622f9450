//! Secrets: by a variable, or by a file that another variable names, as systemd and Kubernetes hand them over. Never by
//! the configuration file, which everybody may read, nor by a flag, which everybody may list.

use std::{fs::File, io::Read, path::PathBuf};

use stayput_core::Credential;

/// Where one secret may come from.
#[derive(Clone, Copy, Debug)]
pub struct Secret {
    /// Holds the secret itself.
    pub variable: &'static str,
    /// Names a file that holds it; one line break at its end is not the secret's.
    pub file_variable: &'static str,
}

/// The key of whoever runs `stayput dev`.
pub const DEV_KEY: Secret = Secret { variable: "STAYPUT_DEV_KEY", file_variable: "STAYPUT_DEV_KEY_FILE" };

/// The gateway's own keys.
pub const GATEWAY_KEY: Secret =
    Secret { variable: "STAYPUT_GATEWAY_KEY", file_variable: "STAYPUT_GATEWAY_KEY_FILE" };

/// Why a secret cannot be had. Says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{} and {} are both set; leave one of the two out", .0.variable, .0.file_variable)]
    Both(Secret),
    #[error("{}: {} cannot be read", of.file_variable, path.display())]
    Unreadable {
        of: Secret,
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("{}: {} is empty, or over the limit of {MAX_BYTES} bytes", of.file_variable, path.display())]
    Size { of: Secret, path: PathBuf },
}

impl Secret {
    /// `None`: neither variable is set, or both are empty.
    ///
    /// # Errors
    /// Both are, or the file is of no use.
    pub fn from_environment(self) -> Result<Option<Credential>, SecretError> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        match (set(self.variable), set(self.file_variable)) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(SecretError::Both(self)),
            (Some(secret), None) => Ok(Some(Credential::new(secret.into_encoded_bytes()))),
            (None, Some(path)) => self.read(path.into()).map(Some),
        }
    }

    fn read(self, path: PathBuf) -> Result<Credential, SecretError> {
        let mut secret = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut secret));
        if let Err(cause) = read {
            return Err(SecretError::Unreadable { of: self, path, cause });
        }
        let is_too_long = secret.len() as u64 > MAX_BYTES;
        let secret = secret.strip_suffix(b"\n").unwrap_or(&secret);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.is_empty() || is_too_long {
            return Err(SecretError::Size { of: self, path });
        }
        Ok(Credential::new(secret))
    }
}

/// Ours; the longest credentials of callers are some hundred bytes.
const MAX_BYTES: u64 = 4_096;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn check(content: &[u8], expected: Option<&[u8]>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, content).unwrap();
        let read = DEV_KEY.read(path);
        let error = read.as_ref().err();
        assert_eq!(read.as_ref().ok().map(Credential::expose), expected, "{error:?}");
    }

    #[test]
    fn a_file_holds_the_secret_and_at_most_a_line_break() {
        check(b"s3cret\n", Some(b"s3cret"));
        check(b"s3cret\r\n", Some(b"s3cret"));
        check(b" s3cret", Some(b" s3cret"));
        check(b"s3cret\n\n", Some(b"s3cret\n"));
        check(b"\n", None);
        check(b"", None);
        check(&[b'x'; 5_000], None);
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_the_variable() {
        let error = DEV_KEY.read("no/such/key".into()).unwrap_err();
        assert_eq!(error.to_string(), "STAYPUT_DEV_KEY_FILE: no/such/key cannot be read");
    }
}
