//! Cross-origin requests: what a browser is told before it sends one, and with its answer.
//!
//! Source: AWS Lambda developer guide, "Function URLs: cross-origin resource sharing"; what AWS answers, as its users report
//! it: the caller's own origin, also where all are allowed, and beside the function's own words rather than instead.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
    request,
};

use crate::function::Cors;

/// Is it a browser's question? Then the service answers it, with [`preflight_headers`] and nothing else.
pub(crate) fn is_preflight(head: &request::Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Of an origin that is not allowed, nothing is said, and its browser sends no request.
pub(crate) fn preflight_headers(cors: &Cors, asked: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(origin) = allowed_origin(cors, asked) else { return headers };
    add_origin(&mut headers, cors, origin);
    let lists = [
        (ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods, ACCESS_CONTROL_REQUEST_METHOD),
        (ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers, ACCESS_CONTROL_REQUEST_HEADERS),
    ];
    for (name, allowed, asked_in) in lists {
        // Browsers take `*` for less than everything: not for `Authorization`, and not with credentials.
        let value = if is_any(allowed) { asked.get(asked_in).cloned() } else { joined(allowed) };
        set(&mut headers, name, value);
    }
    set(&mut headers, ACCESS_CONTROL_MAX_AGE, cors.max_age_s.map(HeaderValue::from));
    headers
}

/// Adds to an answer's headers.
pub(crate) fn add_to_answer(cors: &Cors, asked: &HeaderMap, headers: &mut HeaderMap) {
    let Some(origin) = allowed_origin(cors, asked) else { return };
    add_origin(headers, cors, origin);
    set(headers, ACCESS_CONTROL_EXPOSE_HEADERS, joined(&cors.expose_headers));
}

fn allowed_origin<'a>(cors: &Cors, asked: &'a HeaderMap) -> Option<&'a HeaderValue> {
    let origin = asked.get(ORIGIN)?;
    let is_allowed = is_any(&cors.allow_origins)
        || cors.allow_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    is_allowed.then_some(origin)
}

fn add_origin(headers: &mut HeaderMap, cors: &Cors, origin: &HeaderValue) {
    headers.append(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if cors.allow_credentials {
        headers.append(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.append(name, value);
    }
}

/// `None`: nothing is in it.
fn joined(list: &[String]) -> Option<HeaderValue> {
    let text = (!list.is_empty()).then(|| list.join(","))?;
    HeaderValue::try_from(text).ok()
}

fn is_any(list: &[String]) -> bool {
    list.iter().any(|entry| entry == "*")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    type Fields<'a> = &'a [(&'static str, &'static str)];

    fn map(fields: Fields<'_>) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn cors(origins: &[&str], methods: &[&str], headers: &[&str]) -> Cors {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Cors {
            allow_origins: texts(origins),
            allow_methods: texts(methods),
            allow_headers: texts(headers),
            expose_headers: texts(&["X-B", "X-C"]),
            max_age_s: Some(300),
            allow_credentials: false,
        }
    }

    const ASKED: Fields<'_> = &[
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization"),
    ];

    #[test]
    fn a_browser_is_told_what_its_page_may_do() {
        let expected = map(&[
            ("access-control-allow-origin", "https://a.example"),
            ("vary", "Origin"),
            ("access-control-allow-methods", "GET,PUT"),
            ("access-control-allow-headers", "X-A"),
            ("access-control-max-age", "300"),
        ]);
        let cors = cors(&["https://b.example", "https://a.example"], &["GET", "PUT"], &["X-A"]);
        assert_eq!(preflight_headers(&cors, &map(ASKED)), expected);
    }

    #[test]
    fn where_everything_is_allowed_what_was_asked_for_is_named() {
        let expected = map(&[
            ("access-control-allow-origin", "https://a.example"),
            ("vary", "Origin"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "PUT"),
            ("access-control-allow-headers", "authorization"),
            ("access-control-max-age", "300"),
        ]);
        let cors = Cors { allow_credentials: true, ..cors(&["*"], &["*"], &["*"]) };
        assert_eq!(preflight_headers(&cors, &map(ASKED)), expected);
    }

    #[test]
    fn an_answer_names_the_origin_beside_what_the_function_says() {
        let mut headers = map(&[("access-control-allow-origin", "*"), ("vary", "Accept")]);
        add_to_answer(&cors(&["*"], &[], &[]), &map(ASKED), &mut headers);
        let expected = map(&[
            ("access-control-allow-origin", "*"),
            ("access-control-allow-origin", "https://a.example"),
            ("vary", "Accept"),
            ("vary", "Origin"),
            ("access-control-expose-headers", "X-B,X-C"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn of_other_origins_and_to_others_than_browsers_nothing_is_said() {
        for asked in [&[("origin", "https://a.example.evil.example")][..], &[]] {
            let cors = cors(&["https://a.example"], &["*"], &["*"]);
            assert_eq!(preflight_headers(&cors, &map(asked)), HeaderMap::new());
            let mut headers = HeaderMap::new();
            add_to_answer(&cors, &map(asked), &mut headers);
            assert_eq!(headers, HeaderMap::new());
        }
    }

    #[test]
    fn only_a_browsers_question_is_one() {
        let check = |method: Method, fields: Fields<'_>, expected: bool| {
            let mut head = Request::new(()).into_parts().0;
            (head.method, head.headers) = (method, map(fields));
            assert_eq!(is_preflight(&head), expected, "{head:?}");
        };
        check(Method::OPTIONS, ASKED, true);
        check(Method::OPTIONS, &ASKED[..1], false);
        check(Method::OPTIONS, &ASKED[1..], false);
        check(Method::PUT, ASKED, false);
    }
}
