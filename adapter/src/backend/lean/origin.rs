//! Where Lambda's API is: scheme, host, port, and the path before its own.

use std::fmt;

use http::{HeaderValue, Uri, uri::Scheme};

/// An endpoint, taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    pub https: bool,
    /// Without brackets around an IPv6 address.
    pub host: String,
    pub port: u16,
    /// `Host`: the port only where it is not the scheme's own (RFC 9110 section 7.2).
    pub authority: HeaderValue,
    /// Empty, or with a slash before and none behind.
    pub base_path: String,
}

/// Why a text is no endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OriginError {
    #[error("it is not a URL; write e.g. https://lambda.eu-central-1.amazonaws.com")]
    NotAUrl,
    #[error("it must begin with http:// or https://")]
    Scheme,
    #[error("it must not hold a user or a password")]
    UserInfo,
    #[error("it must not have a query")]
    Query,
}

impl Origin {
    /// # Errors
    /// The first rule that `url` breaks.
    pub fn parse(url: &str) -> Result<Self, OriginError> {
        let uri: Uri = url.parse().map_err(|_| OriginError::NotAUrl)?;
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) | None => return Err(OriginError::Scheme),
        };
        let authority = uri.authority().ok_or(OriginError::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(OriginError::UserInfo);
        }
        if uri.query().is_some() {
            return Err(OriginError::Query);
        }
        let bare = authority.host();
        let host = bare.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(bare);
        let usual_port = if https { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(usual_port);
        let shown = if port == usual_port { bare.to_owned() } else { format!("{bare}:{port}") };
        Ok(Self {
            https,
            host: host.to_owned(),
            port,
            authority: HeaderValue::try_from(shown).map_err(|_| OriginError::NotAUrl)?,
            base_path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority.to_str().unwrap_or_default(), self.base_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: (bool, &str, u16, &str, &str)) {
        let origin = Origin::parse(url).unwrap();
        let authority = origin.authority.to_str().unwrap();
        assert_eq!(
            (origin.https, &*origin.host, origin.port, authority, &*origin.base_path),
            expected,
            "{url}"
        );
    }

    #[test]
    fn endpoints_are_taken_apart() {
        let host = "lambda.eu-central-1.amazonaws.com";
        check(&format!("https://{host}"), (true, host, 443, host, ""));
        check(&format!("https://{host}:443/"), (true, host, 443, host, ""));
        check("http://127.0.0.1:9000", (false, "127.0.0.1", 9000, "127.0.0.1:9000", ""));
        check("http://[::1]:9000/a/b/", (false, "::1", 9000, "[::1]:9000", "/a/b"));
        check("http://h:443", (false, "h", 443, "h:443", ""));
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for (url, expected) in [
            ("", OriginError::NotAUrl),
            ("lambda", OriginError::Scheme),
            ("ftp://a", OriginError::Scheme),
            ("http://user:secret@a", OriginError::UserInfo),
            ("http://a/?b", OriginError::Query),
        ] {
            assert_eq!(Origin::parse(url), Err(expected), "{url}");
        }
    }
}
