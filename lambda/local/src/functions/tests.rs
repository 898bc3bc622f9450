use std::time::Duration;

use lambda_protocol::api_error::ErrorCode;

use super::*;
use crate::function::Unavailable;

fn function(name: &str) -> Function {
    Function {
        name: name.to_owned(),
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        program: Err(Unavailable("install it".to_owned())),
        variables: BTreeMap::new(),
        timeout: Duration::from_secs(3),
        memory_mb: 128,
        reserved_concurrency: None,
        events: crate::function::FunctionEvents::default(),
        url: None,
        version: Version::Latest,
        code: crate::function::Code::default(),
        durable: None,
        alias: None,
    }
}

#[track_caller]
fn check(functions: &[&str], meant: &str, expected: Result<usize, &str>) {
    let functions = Functions::new(functions.iter().map(|name| function(name)).collect());
    let invoke = Invoke::new(FunctionRef::parse(meant).unwrap());
    let found = functions.find(&invoke, &Settings::default()).map_err(|error| error.message);
    assert_eq!(found, expected.map_err(str::to_owned), "{meant}");
}

#[test]
fn every_way_to_name_a_function_leads_to_it() {
    for meant in [
        "two",
        "two:$LATEST",
        "function:two",
        "000000000000:function:two",
        "arn:aws:lambda:us-east-1:000000000000:function:two",
        "arn:aws:lambda:us-east-1:000000000000:function:two:$LATEST",
    ] {
        check(&["one", "two"], meant, Ok(1));
    }
}

#[test]
fn what_is_not_here_is_named_as_aws_names_it() {
    let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:three:$LATEST";
    check(&["one"], "three", Err(missing));
    let version = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:one:7";
    check(&["one"], "one:7", Err(version));
    let region = "Functions from 'us-west-2' are not reachable in this region ('us-east-1')";
    check(&["one"], "arn:aws:lambda:us-west-2:000000000000:function:one", Err(region));
}

#[test]
fn another_accounts_function_is_denied() {
    let functions = Functions::new(vec![function("one")]);
    let invoke = Invoke::new(FunctionRef::parse("111111111111:function:one").unwrap());
    let error = functions.find(&invoke, &Settings::default()).unwrap_err();
    assert_eq!(error.code, ErrorCode::AccessDenied);
    assert!(error.message.contains("arn:aws:lambda:us-east-1:111111111111:function:one"), "{error}");
}

#[test]
fn an_underscore_is_the_only_function() {
    check(&["one"], "_", Ok(0));
    let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:_:$LATEST";
    check(&["one", "two"], "_", Err(missing));
}

/// `f` with `$LATEST`, version 1 and version 2 at places 0, 1 and 2, and an alias of both versions.
fn named() -> Named {
    let alias = Alias { version: Version::Published(1), others: vec![(2, 2_500)], url: None };
    Named { latest: 0, versions: [(1, 1), (2, 2)].into(), aliases: [("live".to_owned(), alias)].into() }
}

#[track_caller]
fn check_place_of(qualifier: Option<&str>, chance: u32, expected: Option<usize>) {
    assert_eq!(named().place(qualifier, || chance), expected, "{qualifier:?} {chance}");
}

#[test]
fn a_qualifier_leads_to_its_version() {
    check_place_of(None, 0, Some(0));
    check_place_of(Some("$LATEST"), 0, Some(0));
    check_place_of(Some("2"), 0, Some(2));
    check_place_of(Some("3"), 0, None);
    check_place_of(Some("dead"), 0, None);
    check_place_of(Some("99999999999999999999"), 0, None);
}

#[test]
fn an_alias_shares_its_calls_out_by_weight() {
    check_place_of(Some("live"), 0, Some(2));
    check_place_of(Some("live"), 2_499, Some(2));
    check_place_of(Some("live"), 2_500, Some(1));
    check_place_of(Some("live"), WHOLE - 1, Some(1));
}

#[test]
fn a_url_id_is_a_functions_or_an_aliass_and_goes_with_it() {
    let functions = Functions::new(vec![function("f"), function("g")]);
    functions.push(function("f"));
    functions.push(function("f"));
    functions.name("f", Named { versions: [(1, 2), (2, 3)].into(), ..named() });
    let found = |name: &str| functions.with_url_id(&url::url_id(name)).map(|(at, alias, _)| (at, alias));
    assert_eq!(found("f"), Some((0, None)));
    assert_eq!(found("f:live").and_then(|(_, alias)| alias), Some("live".to_owned()));
    functions.forget("f");
    assert_eq!((found("f"), found("f:live"), found("g")), (None, None, Some((1, None))));
    assert_eq!(functions.all().len(), 1);
}
