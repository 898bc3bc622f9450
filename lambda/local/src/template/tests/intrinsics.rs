//! What each form of each intrinsic gives, what is said where it gives nothing, and that nothing panics.

use proptest::prelude::*;

use super::read;

/// What the variable `VALUE` becomes when it is written as `value`, in a template that has a bit of everything.
fn value(value: &str) -> Result<String, String> {
    let text = format!(
        "Transform: [AWS::Serverless-2016-10-31]
Parameters:
  Stage: {{Type: String, Default: dev}}
  Zones: {{Type: CommaDelimitedList, Default: 'a, b,c'}}
  Bare: {{Type: String}}
Mappings:
  Sizes:
    dev: {{small: '1', list: [x, y]}}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Not [!Condition IsDev]
  Both: !And [!Condition IsDev, !Not [Condition: IsProd]]
  Neither: {{'Fn::Or': [!Condition IsProd, !Equals [a, b]]}}
Resources:
  Jobs: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !Sub '${{Stage}}-jobs'}}}}
  News: {{Type: AWS::SNS::Topic}}
  Thing: {{Type: AWS::Cognito::UserPool}}
  Gone: {{Type: AWS::SQS::Queue, Condition: IsProd}}
  Other:
    Type: AWS::Serverless::Function
    Properties: {{FunctionName: !Join ['-', [other, !Ref Stage]], Runtime: python3.13, Handler: a.b}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Environment:
        Variables:
          VALUE: {value}
"
    );
    let template = read(&text, &[])?;
    let function = template.functions.iter().find(|function| function.name == "F").expect("F");
    Ok(function.variables.get("VALUE").cloned().unwrap_or_else(|| "(absent)".to_owned()))
}

#[track_caller]
fn check_value(written: &str, expected: &str) {
    assert_eq!(value(written).as_deref(), Ok(expected), "{written}");
}

/// The variable's value stands on line 29, column 18.
#[track_caller]
fn check_no_value(written: &str, expected: &str) {
    assert_eq!(value(written), Err(format!("t.yaml:{expected}")), "{written}");
}

#[test]
fn every_intrinsic_has_its_short_and_its_long_form() {
    for (written, expected) in [
        ("!Ref Stage", "dev"),
        ("{Ref: Stage}", "dev"),
        ("!Ref Other", "other-dev"),
        ("!Ref Jobs", "https://sqs.us-east-1.amazonaws.com/000000000000/dev-jobs"),
        ("!Ref News", "arn:aws:sns:us-east-1:000000000000:News"),
        ("!Ref Thing", "Thing"),
        ("!Ref OtherRole", "OtherRole"),
        ("!Ref ServerlessHttpApi", "ServerlessHttpApi"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::StackName", "local"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::NoValue", "(absent)"),
        ("!GetAtt Other.Arn", "arn:aws:lambda:us-east-1:000000000000:function:other-dev"),
        ("!GetAtt [Other, Arn]", "arn:aws:lambda:us-east-1:000000000000:function:other-dev"),
        ("{'Fn::GetAtt': [Jobs, Arn]}", "arn:aws:sqs:us-east-1:000000000000:dev-jobs"),
        ("!GetAtt OtherRole.Arn", "arn:aws:iam::000000000000:role/OtherRole"),
        ("!Sub 'a-${Stage}-${Other.Arn}'", "a-dev-arn:aws:lambda:us-east-1:000000000000:function:other-dev"),
        ("!Sub '${!Stage} ${AWS::Region} $5'", "${Stage} us-east-1 $5"),
        ("!Sub ['${x}/${Stage}', {x: !Ref Other}]", "other-dev/dev"),
        ("{'Fn::Sub': ['${Stage}', {Stage: own}]}", "own"),
        ("!Join ['-', [a, !Ref Stage, !Ref AWS::NoValue]]", "a-dev"),
        ("{'Fn::Join': [',', !Ref Zones]}", "a,b,c"),
        ("!If [IsDev, yes-it-is, no]", "yes-it-is"),
        ("{'Fn::If': [IsProd, a, {Ref: Stage}]}", "dev"),
        ("!If [Both, a, b]", "a"),
        ("!If [Neither, a, b]", "b"),
        ("!If [IsProd, a, !Ref AWS::NoValue]", "(absent)"),
        ("!If [IsProd, !ImportValue x, b]", "b"),
        ("!Select [1, !Ref Zones]", "b"),
        ("{'Fn::Select': ['2', !Split ['/', 'x/y/z']]}", "z"),
        ("!Select [0, {'Fn::Split': [',', 'p,q']}]", "p"),
        ("!FindInMap [Sizes, !Ref Stage, small]", "1"),
        ("{'Fn::FindInMap': [Sizes, dev, small]}", "1"),
        ("!Select [1, !FindInMap [Sizes, dev, list]]", "y"),
        ("1.10", "1.10"),
        ("true", "true"),
        ("''", ""),
        ("!!str null", "null"),
    ] {
        check_value(written, expected);
    }
}

#[test]
fn what_cannot_be_had_is_named_where_it_is_needed() {
    for (written, expected) in [
        ("!Ref Stge", "29:18: neither a parameter nor a resource: `Stge`; did you mean `Stage`?"),
        ("!Ref Bare", "29:18: the parameter `Bare` has no `Default`, and no value was given for it"),
        ("!Ref Gone", "29:18: `Gone` is absent: its condition is false"),
        ("!Ref [a]", "29:18: what `Ref` refers to is a name, and this is a list"),
        ("!GetAtt Othr.Arn", "29:18: not a resource: `Othr`; did you mean `Other`?"),
        ("!GetAtt Jobs", "29:18: `Fn::GetAtt` takes [resource, attribute]"),
        (
            "!GetAtt Other.Url",
            "29:18: `Other.Url`: no value is known here for `Url` of AWS::Serverless::Function",
        ),
        ("!Sub 'x${a b}'", "29:18: `${a b}`: a name in `Fn::Sub` has letters, digits, `_`, `.` and `:` only"),
        ("!Sub '${AWS::NoValue}'", "29:18: `${AWS::NoValue}` in `Fn::Sub` cannot be `AWS::NoValue`"),
        ("!Sub '${Zones}'", "29:18: `${Zones}` in `Fn::Sub` is a text, and this is a list"),
        ("!Sub [a]", "29:18: `Fn::Sub` takes a text, or [text, {name: value}]"),
        ("!Join [a]", "29:18: `Fn::Join` takes [delimiter, [values]]"),
        ("!Join [a, [[b]]]", "29:29: what `Fn::Join` joins is a text, and this is a list"),
        ("!If [IsDv, a, b]", "29:23: not a condition: `IsDv`; did you mean `IsDev`?"),
        ("!Select [3, !Ref Zones]", "29:27: `Fn::Select` wants item 3, and the list has 3 (the first is 0)"),
        ("!Select [-1, [a]]", "29:27: the index of `Fn::Select` is a number from 0"),
        ("!Split ['', a]", "29:26: the delimiter of `Fn::Split` cannot be empty"),
        ("!FindInMap [Size, a, b]", "29:30: not a mapping: `Size`; did you mean `Sizes`?"),
        ("!FindInMap [Sizes, prod, b]", "29:37: not a key of `Sizes`: `prod`"),
        ("!FindInMap [Sizes, dev, big]", "29:42: not a key of `Sizes.dev`: `big`"),
        (
            "!ImportValue x",
            "29:18: `Fn::ImportValue` has no value on this machine; put a parameter in its place and give it one here",
        ),
        ("!Sbu x", "29:18: unknown tag `!Sbu`; did you mean `!Sub`?"),
        ("{'Fn::Jion': x}", "29:18: unknown function `Fn::Jion`; did you mean `Fn::Join`?"),
        ("!Equals [a, b]", "29:18: `Fn::Equals` belongs under `Conditions`; use `Fn::If` with its name here"),
        ("[a]", "29:18: the variable `VALUE` is a text, and this is a list"),
        ("", "29:16: the variable `VALUE` is a text, and this is nothing"),
        ("*x", "29:18: not YAML: while parsing node, found unknown anchor"),
        ("!!binary aGk=", "29:18: CloudFormation does not know the tag `!!binary`"),
    ] {
        check_no_value(written, expected);
    }
}

#[test]
fn a_value_cannot_grow_without_bound() {
    let mut written = "x".repeat(1024);
    for _ in 0..8 {
        written = format!("!Sub ['${{a}}${{a}}${{a}}${{a}}', {{a: {written}}}]");
    }
    let mistakes = value(&written).expect_err("too large");
    assert!(mistakes.contains("the value is over the limit of 65536 bytes"), "{mistakes}");
}

/// Pieces that templates are made of, so that chance finds the paths behind the first mistake.
const PIECES: &[&str] = &[
    "Resources:",
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "F:",
    "Type: AWS::Serverless::Function",
    "Properties:",
    "Globals:",
    "Function:",
    "Conditions:",
    "Parameters:",
    "Mappings:",
    "!Ref ",
    "!Sub ",
    "!GetAtt ",
    "!If ",
    "!Join ",
    "!Select ",
    "!Split ",
    "!FindInMap ",
    "!And ",
    "!Not ",
    "!Equals ",
    "!Condition ",
    "Fn::Sub: ",
    "Ref: ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ": ",
    "- ",
    "'",
    "\"",
    "${F}",
    "${F.Arn}",
    "${!",
    "|",
    ">",
    "&a ",
    "*a",
    "<<",
    "? ",
    "#",
    "\t",
    "Environment:",
    "Variables:",
    "Default: x",
    "Type: String",
    "Metadata:",
    "BuildMethod: rust-cargolambda",
    "9",
    "%",
    "---",
    "é",
    "\u{0}",
    "\\u",
];

proptest! {
    #[test]
    fn no_text_panics_the_reader(text in any::<String>()) {
        let _ = read(&text, &[]);
    }

    #[test]
    fn no_mix_of_pieces_panics_the_reader(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        let _ = read(&pieces.concat(), &[("P", "x")]);
    }

    #[test]
    fn no_value_panics_the_evaluator(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..20)) {
        let _ = value(&pieces.concat());
    }
}
