//! What a signer is given and a verifier knows.

use std::fmt;

use http::HeaderValue;

/// An access key, with the session token that belongs to it where it is a temporary one.
#[derive(Clone, Debug)]
pub struct Credentials {
    access_key_id: String,
    secret: SecretKey,
    /// Marked sensitive: it prints as such, and is not kept in compression tables.
    session_token: Option<HeaderValue>,
}

impl Credentials {
    /// # Errors
    /// The first part that could not stand in a request.
    pub fn new(
        access_key_id: impl Into<String>,
        secret: SecretKey,
        session_token: Option<&str>,
    ) -> Result<Self, CredentialsError> {
        let access_key_id = access_key_id.into();
        let in_id = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b',' | b'=');
        if !(1..=MAX_ID_BYTES).contains(&access_key_id.len()) || !access_key_id.bytes().all(in_id) {
            return Err(CredentialsError::AccessKeyId);
        }
        if secret.0.is_empty() {
            return Err(CredentialsError::Secret);
        }
        let session_token = session_token.map(|token| {
            let value =
                HeaderValue::from_str(token).ok().filter(|_| token.bytes().all(|b| b.is_ascii_graphic()));
            let mut value = value.filter(|value| !value.is_empty()).ok_or(CredentialsError::SessionToken)?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self { access_key_id, secret, session_token: session_token.transpose()? })
    }

    /// No secret: it stands in every request.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    pub fn session_token(&self) -> Option<&HeaderValue> {
        self.session_token.as_ref()
    }
}

/// A secret access key. Prints as dots.
#[derive(Clone)]
pub struct SecretKey(String);

impl SecretKey {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// Which part of an access key is unusable. Says nothing of what it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialsError {
    #[error("an access key id has 1 to {MAX_ID_BYTES} visible ASCII characters, without / , or =")]
    AccessKeyId,
    #[error("the secret access key is empty")]
    Secret,
    #[error("a session token has one or more visible ASCII characters")]
    SessionToken,
}

/// Source: IAM API reference, `AccessKey`, `AccessKeyId`. Its shortest is 16, but stand-ins take `test`.
const MAX_ID_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, secret: &str, token: Option<&str>, expected: Option<CredentialsError>) {
        assert_eq!(Credentials::new(id, SecretKey::new(secret), token).err(), expected);
    }

    #[test]
    fn only_what_a_request_can_carry_is_taken() {
        check("AKIDEXAMPLE", "s", None, None);
        check("test", "s", Some("IQoJb3JpZ2luX2VjEJr/a+b=="), None);
        check("", "s", None, Some(CredentialsError::AccessKeyId));
        check("a/b", "s", None, Some(CredentialsError::AccessKeyId));
        check("a b", "s", None, Some(CredentialsError::AccessKeyId));
        check(&"a".repeat(129), "s", None, Some(CredentialsError::AccessKeyId));
        check("a", "", None, Some(CredentialsError::Secret));
        check("a", "s", Some(""), Some(CredentialsError::SessionToken));
        check("a", "s", Some("a\nb"), Some(CredentialsError::SessionToken));
        check("a", "s", Some("a b"), Some(CredentialsError::SessionToken));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let credentials = Credentials::new("AKID", SecretKey::new("hush"), Some("whisper")).unwrap();
        let printed = format!("{credentials:?}");
        assert!(!printed.contains("hush") && !printed.contains("whisper"), "{printed}");
    }
}
