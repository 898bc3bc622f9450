use proptest::prelude::*;

use super::*;

/// Region, account, name and qualifier, absent ones as `-`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let found = FunctionRef::parse(text).map(|function| {
        let or_dash = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        let qualifier = function.qualifier.map(|qualifier| qualifier.0);
        [or_dash(&function.region), or_dash(&function.account), function.name, or_dash(&qualifier)].join(" ")
    });
    assert_eq!(found.unwrap_or_else(|error| error.message), expected, "parsing {text:?}");
}

#[track_caller]
fn check_refused(text: &str, message: &str) {
    let expected = message.replace("<pattern>", FUNCTION_PATTERN);
    assert_eq!(FunctionRef::parse(text).unwrap_err().message, expected);
}

#[test]
fn a_name_stands_alone_or_with_a_qualifier() {
    check("hello", "- - hello -");
    check("hello:live", "- - hello live");
    check("hello:7", "- - hello 7");
    check("hello:$LATEST", "- - hello $LATEST");
    check("hello:$LATEST.PUBLISHED", "- - hello $LATEST.PUBLISHED");
    check("a.dotted-name_1", "- - a.dotted-name_1 -");
    check("_", "- - _ -");
}

#[test]
fn partial_arns_are_names_too() {
    check("function:hello", "- - hello -");
    check("function:hello:live", "- - hello live");
    check("123456789012:function:hello", "- 123456789012 hello -");
    check("123456789012:hello:live", "- 123456789012 hello live");
    check("eu-west-1:hello", "eu-west-1 - hello -");
}

#[test]
fn every_partition_has_full_arns() {
    for (partition, region) in [
        ("aws", "us-east-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ] {
        let arn = format!("arn:{partition}:lambda:{region}:123456789012:function:hello");
        check(&arn, &format!("{region} 123456789012 hello -"));
        check(&format!("{arn}:live"), &format!("{region} 123456789012 hello live"));
        assert_eq!(
            FunctionRef::parse(&arn).unwrap().to_string(),
            arn,
            "the partition follows from the region"
        );
    }
}

#[test]
fn a_function_may_be_named_like_a_part_of_an_arn() {
    check("function", "- - function -");
    check("function:function", "- - function -");
    check("function:$LATEST", "- - function $LATEST");
    check("function:function:live", "- - function live");
    check("123456789012", "- - 123456789012 -");
    check("123456789012:$LATEST", "- - 123456789012 $LATEST");
    check("us-east-1:$LATEST", "- - us-east-1 $LATEST");
    check("us-east-1:123456789012:$LATEST", "us-east-1 - 123456789012 $LATEST");
    check("arn:aws", "- - arn aws");
    check("arn:aws:lambda:hello", "- - hello -");
}

#[test]
fn what_matches_no_pattern_is_quoted_with_it() {
    check_refused(
        "my-function!",
        "1 validation error detected: Value 'my-function!' at 'functionName' failed to satisfy constraint: Member \
         must satisfy regular expression pattern: <pattern>",
    );
    for text in [
        "",
        ":",
        "a:b:c",
        "hello:",
        ":live",
        "hello:a$b",
        "hello:a.b",
        "arn:aws:s3:us-east-1:123456789012:function:hello",
        "arn:aws:lambda:us-east-1:12345678901:function:hello",
        "arn:aws:lambda:us-east-11:123456789012:function:hello",
        "arn:aws:lambda:$LATEST",
        "arn:aws:lambda:us-east-1:123456789012:function:hello:live:x",
        "arn:aws:lambda:us-east-1:123456789012:layer:hello:1",
        "héllo",
        "a/b",
    ] {
        assert_eq!(FunctionRef::parse(text).unwrap_err().code.as_str(), "ValidationException", "{text:?}");
    }
}

#[test]
fn a_long_name_is_lambdas_to_miss_and_a_very_long_one_is_refused() {
    assert!(FunctionRef::parse(&"f".repeat(65)).is_ok());
    assert!(FunctionRef::parse(&"f".repeat(256)).is_ok());
    let name = "f".repeat(257);
    check_refused(
        &name,
        &format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must \
             have length less than or equal to 256"
        ),
    );
    let odd = "!".repeat(257);
    check_refused(
        &odd,
        &format!(
            "2 validation errors detected: Value '{odd}' at 'functionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: <pattern>; Value '{odd}' at 'functionName' failed to satisfy \
             constraint: Member must have length less than or equal to 256"
        ),
    );
}

#[test]
fn qualifiers_are_latest_versions_and_aliases() {
    for text in ["$LATEST", "$LATEST.PUBLISHED", "1", "live", "a$b", &"a".repeat(128)] {
        assert_eq!(Qualifier::parse(text).unwrap().as_str(), text);
    }
    let long = "a".repeat(129);
    assert_eq!(
        Qualifier::parse(&long).unwrap_err().message,
        format!(
            "1 validation error detected: Value '{long}' at 'qualifier' failed to satisfy constraint: Member must \
             have length less than or equal to 128"
        )
    );
    let message = Qualifier::parse("").unwrap_err().message;
    assert!(message.starts_with("2 validation errors detected: Value '' at 'qualifier'"), "{message}");
    assert!(Qualifier::parse("live!").is_err());
}

/// What [`FUNCTION_PATTERN`] says of one text, by trying every way to take the optional groups.
fn matches_pattern(text: &str) -> bool {
    fn rest(parts: &[&str], group: usize) -> bool {
        let taken = match (group, parts) {
            (0, ["arn", partition, "lambda", after @ ..]) if is_partition(partition) => Some(after),
            (1, [region, after @ ..]) if is_region(region) => Some(after),
            (2, [account, after @ ..]) if is_account(account) => Some(after),
            (3, ["function", after @ ..]) => Some(after),
            (4, [name]) => return is_name(name),
            (4, [name, qualifier]) => return is_name(name) && is_inner_qualifier(qualifier),
            (4, _) => return false,
            _ => None,
        };
        taken.is_some_and(|after| rest(after, group + 1)) || rest(parts, group + 1)
    }
    rest(&text.split(':').collect::<Vec<_>>(), 0)
}

fn arn_parts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("arn".to_owned()),
        Just("aws".to_owned()),
        Just(String::new()),
        Just("lambda".to_owned()),
        Just("function".to_owned()),
        Just("us-east-1".to_owned()),
        Just("us-gov-west-1".to_owned()),
        Just("123456789012".to_owned()),
        Just("$LATEST".to_owned()),
        "[a-z.!-]{1,4}",
    ];
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.join(":"))
}

fn function() -> impl Strategy<Value = FunctionRef> {
    let region = prop_oneof![Just("us-east-1".to_owned()), Just("cn-north-1".to_owned())];
    let name = prop_oneof![
        Just("function".to_owned()),
        Just("us-east-1".to_owned()),
        "[0-9]{12}",
        "[a-zA-Z0-9-_.]{1,64}"
    ];
    let qualifier = prop_oneof![Just("$LATEST".to_owned()), "[a-zA-Z0-9-_]{1,128}"];
    (prop::option::of(region), prop::option::of("[0-9]{12}"), name, prop::option::of(qualifier)).prop_map(
        |(region, account, name, qualifier)| {
            let qualifier = qualifier.map(|text| Qualifier::parse(&text).unwrap());
            FunctionRef { region, account, name, qualifier }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_parses_to_itself(function in function()) {
        let text = function.to_string();
        prop_assert_eq!(FunctionRef::check(&text).ok(), (text.len() <= MAX_REF_BYTES).then_some(function));
    }

    #[test]
    fn the_matcher_agrees_with_the_pattern(text in arn_parts()) {
        prop_assert_eq!(FunctionRef::parse(&text).is_ok(), matches_pattern(&text), "{:?}", text);
    }

    #[test]
    fn anything_may_be_parsed(text: String) {
        let _ = (FunctionRef::parse(&text), Qualifier::parse(&text));
    }
}

#[test]
fn what_configures_a_function_takes_no_qualifier() {
    let name = |text: &str| FunctionRef::check_unqualified(text).ok().map(|parsed| parsed.name);
    assert_eq!(name("arn:aws:lambda:us-east-1:123456789012:function:hello").as_deref(), Some("hello"));
    for text in ["hello:1", "a.b", "", &"h".repeat(141)] {
        assert_eq!(name(text), None, "{text}");
    }
    let text = validation::error(&FunctionRef::check_unqualified("hello:1").unwrap_err()).message;
    assert!(text.ends_with("(function:)?([a-zA-Z0-9-_]+)"), "{text}");
}
