//! What a template says about function URLs.

use super::{check_mistakes, only_function, read, with_function};
use crate::function::{Cors, FunctionUrl, InvokeMode, UrlAuth};

#[test]
fn everything_is_read() {
    let function = only_function(&with_function(
        "      FunctionUrlConfig:
        AuthType: AWS_IAM
        InvokeMode: RESPONSE_STREAM
        Cors:
          AllowOrigins: ['https://a.example', 'http://localhost:3000']
          AllowMethods: [GET, POST]
          AllowHeaders: [X-A]
          ExposeHeaders: X-B
          MaxAge: 86400
          AllowCredentials: true
",
    ));
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let cors = Cors {
        allow_origins: texts(&["https://a.example", "http://localhost:3000"]),
        allow_methods: texts(&["GET", "POST"]),
        allow_headers: texts(&["X-A"]),
        expose_headers: texts(&["X-B"]),
        max_age_s: Some(86_400),
        allow_credentials: true,
    };
    let expected =
        FunctionUrl { auth: UrlAuth::Iam, invoke_mode: InvokeMode::ResponseStream, cors: Some(cors) };
    assert_eq!(function.url, Some(expected));
}

#[test]
fn a_function_that_says_nothing_has_none() {
    assert_eq!(only_function(&with_function("")).url, None);
}

#[test]
fn what_all_functions_have_is_merged_with_what_one_says() {
    let text = with_function("      FunctionUrlConfig: {InvokeMode: RESPONSE_STREAM}\n");
    let globals = "Globals: {Function: {FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ['*']}}}}\n";
    let url = only_function(&(text + globals)).url.unwrap();
    assert_eq!((url.auth, url.invoke_mode), (UrlAuth::Open, InvokeMode::ResponseStream));
    assert_eq!(url.cors.unwrap().allow_origins, ["*"]);
}

#[test]
fn a_resource_of_its_own_names_its_function_by_name_or_arn() {
    for target in ["!Ref F", "!GetAtt F.Arn"] {
        let function = only_function(&with_function(&format!(
            "  U: {{Type: AWS::Lambda::Url, Properties: {{AuthType: NONE, TargetFunctionArn: {target}}}}}\n"
        )));
        assert_eq!(function.url, Some(FunctionUrl::default()), "{target}");
    }
}

#[test]
fn a_resource_about_another_function_or_an_alias_is_noted() {
    for (properties, note) in [
        ("TargetFunctionArn: other", "`U` names no function of this template"),
        ("TargetFunctionArn: !Ref F, Qualifier: live", "`U` is for `live`, and only `$LATEST` is here"),
    ] {
        let text = with_function(&format!(
            "  U: {{Type: AWS::Lambda::Url, Properties: {{AuthType: NONE, {properties}}}}}\n"
        ));
        let template = read(&text, &[]).unwrap();
        assert_eq!(template.functions[0].url, None);
        let notes: Vec<_> = template.notes.iter().map(|note| &*note.message).collect();
        assert_eq!(notes, [note]);
    }
}

#[test]
fn mistakes_are_where_they_are_made() {
    check_mistakes(
        &with_function("      FunctionUrlConfig: {InvokeMode: STREAM, AuthType: IAM}\n"),
        &[
            "t.yaml:8:39: `InvokeMode` is `BUFFERED` or `RESPONSE_STREAM`, not `STREAM`",
            "t.yaml:8:57: `AuthType` is `NONE` or `AWS_IAM`, not `IAM`",
        ],
    );
    check_mistakes(
        &with_function("      FunctionUrlConfig: {InvokMode: STREAM}\n"),
        &["t.yaml:8:27: unknown entry of `FunctionUrlConfig` `InvokMode`; did you mean `InvokeMode`?"],
    );
    check_mistakes(
        &with_function("      FunctionUrlConfig: {InvokeMode: BUFFERED}\n"),
        &["t.yaml:8:26: `FunctionUrlConfig` has no `AuthType`"],
    );
    let cors = |text: &str| {
        with_function(&format!(
            "      FunctionUrlConfig:\n        AuthType: NONE\n        Cors: {{{text}}}\n"
        ))
    };
    check_mistakes(
        &cors("AllowOrigins: [a b], AllowMethods: [OPTIONS], MaxAge: 86401, AllowCredentials: maybe"),
        &[
            "t.yaml:10:31: an entry of `AllowOrigins` has 1 to 253 characters of visible ASCII, unlike `a b`",
            "t.yaml:10:52: an entry of `AllowMethods` has 1 to 6 characters of visible ASCII, unlike `OPTIONS`",
            "t.yaml:10:70: `MaxAge` is a whole number from 0 to 86400, not `86401`",
            "t.yaml:10:95: `AllowCredentials` is `true` or `false`, not `maybe`",
        ],
    );
    check_mistakes(
        &cors("AllowMethods: [A, B, C, D, E, F, G]"),
        &["t.yaml:10:49: `AllowMethods` has at most 6 entries"],
    );
    check_mistakes(
        &with_function("  U: {Type: AWS::Lambda::Url, Properties: {AuthType: NONE}}\n"),
        &["t.yaml:8:3: `U` has no `TargetFunctionArn`"],
    );
}
