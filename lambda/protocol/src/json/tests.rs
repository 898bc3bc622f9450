use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

#[track_caller]
fn check_flaw(json: impl AsRef<[u8]>, line: usize, column: usize, kind: &str) {
    let json = json.as_ref();
    let error = check(json).expect_err("not JSON");
    let shown = String::from_utf8_lossy(json);
    assert_eq!((error.line, error.column, &*error.kind.to_string()), (line, column, kind), "{shown:?}");
}

#[test]
fn values_of_every_kind_are_json() {
    for json in [
        "null",
        " true\r\n",
        "false",
        "0",
        "-0",
        "-1.5e+10",
        "1E3",
        "\"\"",
        "\"é😀\\u00e9\\ud800\\\"\\/\\b\\f\\n\\r\\t\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,[2,{}],\"x\"]",
        "{\"a\":{\"b\":[null]},\"a\":1}",
        "\t[\n1 , 2\r]\n",
        "\"\u{7f}\"",
    ] {
        assert_eq!(check(json.as_bytes()), Ok(()), "{json:?}");
    }
}

#[test]
fn a_flaw_is_told_as_lambdas_parser_tells_it() {
    check_flaw(
        b"\n \x99",
        2,
        2,
        "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or \
         token 'null', 'true' or 'false')",
    );
    check_flaw(b"\"a\x87\"", 1, 3, "Invalid UTF-8 start byte 0x87");
    check_flaw(b"\"\xc3\"", 1, 2, "Invalid UTF-8 middle byte 0x22");
    check_flaw(b"\"\xe0\x80\x80\"", 1, 2, "Invalid UTF-8 middle byte 0x80");
    check_flaw(b"[1\xff", 1, 3, "Invalid UTF-8 start byte 0xff");
    check_flaw(b"{}\xff", 1, 3, "Invalid UTF-8 start byte 0xff");
    check_flaw(
        "hello",
        1,
        1,
        "Unrecognized token 'hello': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
         'false')",
    );
    check_flaw(
        "{a:1}",
        1,
        2,
        "Unexpected character ('a' (code 97)): was expecting double-quote to start field name",
    );
    check_flaw(
        "[1 2]",
        1,
        4,
        "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
    );
    check_flaw(
        "{\"a\" 1}",
        1,
        6,
        "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
    );
    check_flaw(
        "[\"é\",→]",
        1,
        7,
        "Unexpected character ('→' (code 8594 / 0x2192)): expected a valid value (JSON String, Number, Array, Object \
         or token 'null', 'true' or 'false')",
    );
    check_flaw("{} {}", 1, 4, "Unexpected character ('{' (code 123)): expected end-of-input");
    check_flaw("01", 1, 2, "Invalid numeric value: Leading zeroes not allowed");
    check_flaw("\"\\x\"", 1, 3, "Unrecognized character escape 'x' (code 120)");
    check_flaw(
        "\"\n\"",
        1,
        2,
        "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in \
         string value",
    );
    check_flaw("{\"a\":[1,", 1, 9, "Unexpected end-of-input: expected a value");
    check_flaw("[1", 1, 3, "Unexpected end-of-input: expected close marker for Array");
    check_flaw("{\"a\"", 1, 5, "Unexpected end-of-input: expected close marker for Object");
    check_flaw("\"abc", 1, 5, "Unexpected end-of-input: was expecting closing quote for a string value");
    check_flaw("-", 1, 2, "Unexpected end-of-input in a numeric value");
}

#[test]
fn the_whole_text_names_the_source_as_lambda_does() {
    let text = check(b"\n[").unwrap_err().to_string();
    let source = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 2, column: 2]";
    assert!(text.ends_with(source), "{text}");
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| check(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
    assert_eq!(nested(MAX_DEPTH), Ok(()));
    let error = nested(MAX_DEPTH + 1).unwrap_err();
    assert_eq!((error.column, error.kind), (MAX_DEPTH + 1, JsonErrorKind::Depth));
    assert!(check("{\"a\":".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn a_long_unknown_word_is_cut() {
    let JsonErrorKind::UnknownToken(token) = check(&[b'x'; 5000]).unwrap_err().kind else { panic!("a word") };
    assert_eq!(token.len(), MAX_TOKEN_BYTES);
}

/// What serde_json says, which skips strings without looking whether they are UTF-8.
fn serde_accepts(json: &[u8]) -> bool {
    std::str::from_utf8(json).is_ok() && serde_json::from_slice::<IgnoredAny>(json).is_ok()
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn whatever_serde_json_writes_is_json(value in value(), pretty: bool) {
        let json = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        prop_assert_eq!(check(&json), Ok(()));
    }

    #[test]
    fn it_agrees_with_serde_json_on_spoilt_json(
        value in value(), at: prop::sample::Index, byte in prop_oneof![any::<u8>(), prop::sample::select(b"[]{}\",:\\u0eE.+-tfn \n".to_vec())],
        change in 0..3_u8,
    ) {
        let mut json = serde_json::to_vec(&value).unwrap();
        let at = at.index(json.len());
        match change {
            0 => json[at] = byte,
            1 => json.insert(at, byte),
            _ => json.truncate(at),
        }
        prop_assert_eq!(check(&json).is_ok(), serde_accepts(&json), "{:?}", String::from_utf8_lossy(&json));
    }

    #[test]
    fn it_agrees_with_serde_json_on_rubble(json in r#"([\[\]{},:" \n]|[-+.eE0-9]{1,4}|true|false|null|"[a-z]{0,3}"|"\\[nu"\\][0-9a-f]{0,4}"){0,12}"#) {
        prop_assert_eq!(check(json.as_bytes()).is_ok(), serde_accepts(json.as_bytes()), "{}", json);
    }

    #[test]
    fn any_bytes_may_be_checked(json in prop::collection::vec(any::<u8>(), 0..60)) {
        let found = check(&json);
        prop_assert_eq!(found.is_ok(), serde_accepts(&json));
        if let Err(error) = found {
            let _ = error.to_string();
        }
    }
}
