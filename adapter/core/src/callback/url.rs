//! A callback URL: read once, with the parser that browsers agree on, and judged and dialled as read.
//!
//! Source of the reading: the WHATWG URL standard, as the `url` crate has it. Numbers in any base, short forms and the
//! like come out of it as the one host that they mean, so the judge sees what the connector will dial.

use std::{fmt, net::IpAddr};

use http::HeaderValue;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use url::{Host, Position, Url};

use super::{Policy, Verdict, classify, policy};

mod ports;

/// Where a callback goes. Prints as scheme, host and a hash: the rest may hold its owner's secrets.
///
/// Shape: `http://` or `https://`, at most [`MAX_URL_BYTES`] bytes of visible ASCII; without a fragment.
#[derive(Clone, Eq, PartialEq)]
pub struct CallbackUrl(Url);

/// Whom a connection is for: what limits and breakers go by.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    pub https: bool,
    /// A name in lower case, or an address; without brackets or a dot at the end.
    pub host: String,
    pub port: u16,
}

/// Why no callback goes to a URL. Never quotes it; the caller may read it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UrlRefusal {
    #[error("it is empty")]
    Empty,
    #[error("there is more than one")]
    Repeated,
    #[error("it is over the limit of {MAX_URL_BYTES} bytes")]
    Long,
    #[error("it has a blank, a control character, a backslash or a character beyond ASCII")]
    Character,
    #[error("it does not begin with http:// or https://")]
    Scheme,
    #[error("its host is escaped")]
    EscapedHost,
    #[error("it cannot be read")]
    Unreadable,
    #[error("it holds a user's name or password")]
    Userinfo,
    #[error("its host is not a full domain name")]
    Name,
    #[error("its host is one of a local network")]
    Local,
    #[error("it leads back to this gateway")]
    Own,
    #[error("its host is none of those that are allowed")]
    NotAllowed,
    #[error("its port is none that callbacks go to")]
    Port,
    #[error("its address is not a public one")]
    Address,
}

impl CallbackUrl {
    /// Reads and judges.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(bytes: &[u8], policy: &Policy) -> Result<Self, UrlRefusal> {
        let url = Self::read(bytes)?;
        url.check(policy)?;
        Ok(url)
    }

    /// Reads alone. What cannot be understood in one way only is not read.
    ///
    /// # Errors
    /// The first rule of shape that it breaks.
    pub fn read(bytes: &[u8]) -> Result<Self, UrlRefusal> {
        if bytes.is_empty() {
            return Err(UrlRefusal::Empty);
        }
        if bytes.len() > MAX_URL_BYTES {
            return Err(UrlRefusal::Long);
        }
        if !bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\') {
            return Err(UrlRefusal::Character);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| UrlRefusal::Character)?;
        let authority = authority(text).ok_or(UrlRefusal::Scheme)?;
        let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if userinfo.contains('@') {
            return Err(UrlRefusal::Userinfo);
        }
        if host.contains('%') {
            return Err(UrlRefusal::EscapedHost);
        }
        let mut url = Url::parse(text).map_err(|_| UrlRefusal::Unreadable)?;
        url.set_fragment(None);
        if authority.contains('@') && !has_userinfo(&url) {
            return Err(UrlRefusal::Userinfo);
        }
        // Escaping may have made it longer. What is read once must read the same again.
        if url.as_str().len() > MAX_URL_BYTES { Err(UrlRefusal::Long) } else { Ok(Self(url)) }
    }

    /// Judges what was read: also again, before an attempt, as policies change while callbacks wait.
    ///
    /// # Errors
    /// The first rule of the policy that it breaks. That names resolve to public addresses is for the connector to ask,
    /// of [`classify`].
    pub fn check(&self, policy: &Policy) -> Result<(), UrlRefusal> {
        if has_userinfo(&self.0) && !(policy.userinfo && self.is_https()) {
            return Err(UrlRefusal::Userinfo);
        }
        if !ports::is_allowed(self.port()) {
            return Err(UrlRefusal::Port);
        }
        match self.address() {
            Some(address) => check_address(address, policy),
            None => check_name(&self.host(), policy),
        }
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().expect("http and https have one")
    }

    /// The host, if it is an address: dialled as it is, after [`classify`] was asked.
    pub fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// A name to resolve and for TLS, or an address without brackets; without the dot at the end.
    pub fn host(&self) -> String {
        match self.address() {
            Some(address) => address.to_string(),
            None => {
                let name = self.0.host_str().unwrap_or_default();
                name.strip_suffix('.').unwrap_or(name).to_owned()
            }
        }
    }

    pub fn origin(&self) -> Origin {
        Origin { https: self.is_https(), host: self.host(), port: self.port() }
    }

    /// The `Host` field: from the URL alone.
    pub fn host_field(&self) -> HeaderValue {
        let host = self.0[Position::BeforeHost..Position::AfterPort].to_owned();
        HeaderValue::try_from(host).expect("a host is visible ASCII")
    }

    /// Path and query, as they go into the request line.
    pub fn target(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }

    /// What a user's name and password become: HTTP's `Basic` (RFC 7617), as clients of the old platforms made it.
    pub fn authorization(&self) -> Option<HeaderValue> {
        if !has_userinfo(&self.0) {
            return None;
        }
        let part = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let pair = [part(self.0.username()), part(self.0.password().unwrap_or_default())].join(&b':');
        let field = format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair));
        let mut field = HeaderValue::try_from(field).expect("base64 is visible ASCII");
        field.set_sensitive(true);
        Some(field)
    }

    /// All of it. For the ticket; never for a log.
    pub(super) fn expose(&self) -> &str {
        self.0.as_str()
    }
}

/// Between the two slashes after the scheme and the next that ends it. `http:host` and `http:///host`, which the
/// standard reads kindly, are not read here: others read them otherwise.
fn authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    (known && !authority.is_empty()).then_some(authority)
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn check_address(address: IpAddr, policy: &Policy) -> Result<(), UrlRefusal> {
    match classify(address, policy) {
        Verdict::Forbidden(_) => Err(UrlRefusal::Address),
        Verdict::Allowed if policy.hosts.is_none() => Ok(()),
        Verdict::Allowed if policy.addresses.iter().any(|block| block.contains(address)) => Ok(()),
        Verdict::Allowed if policy.dev && address.is_loopback() => Ok(()),
        Verdict::Allowed => Err(UrlRefusal::NotAllowed),
    }
}

fn check_name(host: &str, policy: &Policy) -> Result<(), UrlRefusal> {
    if !policy::is_name(host) {
        return Err(UrlRefusal::Name);
    }
    if policy.own_names.iter().any(|own| own.matches(host)) {
        return Err(UrlRefusal::Own);
    }
    let is_localhost = host == "localhost" || host.ends_with(".localhost");
    if policy.dev && is_localhost {
        return Ok(());
    }
    match &policy.hosts {
        Some(hosts) if hosts.iter().any(|pattern| pattern.matches(host)) => Ok(()),
        Some(_) => Err(UrlRefusal::NotAllowed),
        None if is_localhost || LOCAL.iter().any(|suffix| host.ends_with(suffix)) => Err(UrlRefusal::Local),
        None if !host.contains('.') => Err(UrlRefusal::Name),
        None => Ok(()),
    }
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = Sha256::digest(self.expose());
        let hash = u64::from_be_bytes(*digest.first_chunk().expect("SHA-256 is longer"));
        write!(f, "{} #{hash:016x}", self.origin())
    }
}

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackUrl({self})")
    }
}

impl fmt::Display for Origin {
    /// `https://host:443`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, host, port } = self;
        let scheme = if *https { "https" } else { "http" };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

/// Bytes of a callback URL, as sent and as read. Ours: what every HTTP server and proxy takes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Names that mean something else on every network (RFC 6762, RFC 8375, and ICANN's reservation of `internal`).
const LOCAL: [&str; 3] = [".local", ".internal", ".home.arpa"];

#[cfg(test)]
mod tests;
