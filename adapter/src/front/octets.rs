//! Which bytes may stand where in a request's head (RFC 9110 5, RFC 9112 3, RFC 3986).

/// `token`: a method, a field's name.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| CLASSES[usize::from(byte)] & TOKEN != 0)
}

/// What may stand behind a field's colon. Bytes over 127 are tolerated, as old callers write names in Latin-1.
pub(super) fn is_field_value(bytes: &[u8]) -> bool {
    // Without a way out of the loop it runs on vectors.
    bytes.iter().fold(true, |fits, &byte| fits & ((byte >= b' ' && byte != 0x7f) | (byte == b'\t')))
}

/// A path and a query. Only what a URL may hold, and the few bytes beyond it that callers are known to leave unencoded.
pub(super) fn is_origin_form(bytes: &[u8]) -> bool {
    if bytes.first() != Some(&b'/') {
        return false;
    }
    bytes.iter().all(|&byte| CLASSES[usize::from(byte)] & TARGET != 0)
}

/// `uri-host [ ":" port ]`.
pub(super) fn is_host(bytes: &[u8]) -> bool {
    let port_after = |rest: &[u8]| match rest {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    match bytes {
        [b'[', rest @ ..] => match memchr::memchr(b']', rest) {
            Some(end) if end > 0 => {
                let literal = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
                rest[..end].iter().all(literal) && port_after(&rest[end + 1..])
            }
            _ => false,
        },
        _ => {
            let end = memchr::memchr(b':', bytes).unwrap_or(bytes.len());
            let name = &bytes[..end];
            !name.is_empty()
                && name.iter().all(|&byte| CLASSES[usize::from(byte)] & HOST != 0)
                && port_after(&bytes[end..])
        }
    }
}

/// Without the blanks on either side.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const HOST: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "under 128")]
        let c = byte as u8;
        let alphanumeric = c.is_ascii_alphanumeric();
        if alphanumeric || is_one_of(c, b"!#$%&'*+-.^_`|~") {
            classes[byte] |= TOKEN;
        }
        if alphanumeric || is_one_of(c, b"-._~!$&'()*+,;=:@/?%[]{}|\\^") {
            classes[byte] |= TARGET;
        }
        // Without the comma, by which two hosts would be joined.
        if alphanumeric || is_one_of(c, b"-._~!$&'()*+;=%") {
            classes[byte] |= HOST;
        }
        byte += 1;
    }
    classes
};

const fn is_one_of(byte: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes here is not refused, nor changed, further in.
    #[test]
    fn what_a_target_may_hold_is_kept_by_the_type_behind() {
        for byte in 0..=255_u8 {
            for target in [vec![b'/', byte], vec![b'/', b'?', byte], vec![b'/', byte, b'?', b'x']] {
                if !is_origin_form(&target) {
                    continue;
                }
                let uri = http::Uri::try_from(target.as_slice());
                let uri = uri.unwrap_or_else(|error| panic!("{byte:#x}: {error}"));
                assert_eq!(uri.to_string().as_bytes(), target, "{byte:#x}");
            }
        }
        assert!(!is_origin_form(b"/#fragment"));
    }

    #[test]
    fn tokens_are_names_of_fields_to_the_type_behind() {
        for byte in 0..=255_u8 {
            let name = [b'a', byte];
            let known =
                http::HeaderName::from_bytes(&name).is_ok() && http::Method::from_bytes(&name).is_ok();
            assert_eq!(is_token(&name), known, "{byte:#x}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses_with_a_port_perhaps() {
        for host in
            ["a", "a.b-c.example:8080", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080", "a_b", "a:"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "", ":80", "a b", "a,b", "a/b", "u@a", "a:b", "a:80:80", "a:123456", "::1", "[]", "[::1",
            "[::1]x", "a\\",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
