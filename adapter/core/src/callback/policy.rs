//! What the operator says of where callbacks may go.

use std::borrow::Cow;

use crate::keys::{Cidr, Key};

/// The operator's word on callback URLs. By default: any public host, and nothing else.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// The names under which the gateway itself is reached: no callback goes there.
    pub own_names: Vec<HostPattern>,
    /// `Some`: only these hosts, and the addresses in `addresses`. A host that is named here may be one of a local
    /// network; what it resolves to is judged like every other address.
    pub hosts: Option<Vec<HostPattern>>,
    /// Addresses that are allowed though they are not public. Counts for plain addresses only, never for an IPv4
    /// address inside an IPv6 one.
    pub addresses: Vec<Cidr>,
    /// May a URL hold a user's name and password? Over https only; they become an `Authorization` field. A right of
    /// [keys](Self::of) and not of the gateway.
    pub userinfo: bool,
    /// On a laptop: `localhost` and loopback addresses, too.
    pub dev: bool,
}

impl Policy {
    /// What holds for this key's callers.
    pub fn of(&self, key: &Key) -> Cow<'_, Self> {
        if key.userinfo { Cow::Owned(self.clone().of_promises()) } else { Cow::Borrowed(self) }
    }

    /// What holds for callbacks that are promised already: what their keys were allowed was asked then.
    #[must_use]
    pub fn of_promises(self) -> Self {
        Self { userinfo: true, ..self }
    }
}

/// A host's name, or all names below one.
///
/// Shape: `hook.example.com`, `*.example.com` (any depth, and not `example.com` itself). Letters count alike in
/// either case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostPattern {
    Exact(String),
    Below(String),
}

impl HostPattern {
    /// `None`: no such pattern.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (name, pattern): (_, fn(String) -> Self) = match text.strip_prefix("*.") {
            Some(name) => (name, Self::Below),
            None => (&*text, Self::Exact),
        };
        is_name(name).then(|| pattern(name.to_owned()))
    }

    /// `host` is in lower case and has no dot at its end.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host == name,
            Self::Below(name) => host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

/// Labels of letters, digits, hyphens and underscores with dots between them; within the bounds of RFC 1035 §2.3.4.
/// Underscores are no part of a host's name by RFC 952, and in use.
pub(super) fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let odd = |byte: u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (1..=MAX_LABEL_BYTES).contains(&label.len()) && !label.bytes().any(odd)
    };
    host.len() <= MAX_NAME_BYTES && host.split('.').all(is_label)
}

const MAX_LABEL_BYTES: usize = 63;
const MAX_NAME_BYTES: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, host: &str, expected: bool) {
        let parsed = HostPattern::parse(pattern).unwrap();
        assert_eq!(parsed.matches(host), expected, "{host} by {pattern}");
    }

    #[test]
    fn a_pattern_is_one_host_or_all_below_one() {
        check("Hook.Example.com", "hook.example.com", true);
        check("hook.example.com", "a.hook.example.com", false);
        check("*.example.com", "a.b.example.com", true);
        check("*.example.com", "example.com", false);
        check("*.example.com", "badexample.com", false);
        check("runner", "runner", true);
    }

    #[test]
    fn nonsense_is_no_pattern() {
        for text in ["", "*", "*.", "a.*.b", "*a.b", "a..b", "a b", "a/b", "a:80", "[::1]", ".a", "é.example"]
        {
            assert_eq!(HostPattern::parse(text), None, "{text:?}");
        }
        assert_eq!(HostPattern::parse(&"a".repeat(64)), None);
        assert_eq!(HostPattern::parse(&["a"; 128].join(".")), None);
    }
}
