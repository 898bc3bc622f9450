//! Functions, what is said about them, and where.

mod asynchronous;
mod intrinsics;
mod urls;

use std::{collections::BTreeMap, path::Path, time::Duration};

use super::{Template, TemplateFunction, parse};

fn read(text: &str, overrides: &[(&str, &str)]) -> Result<Template, String> {
    let overrides = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    parse(text, Path::new("t.yaml"), &overrides).map_err(|mistakes| mistakes.to_string())
}

/// A template whose only function, under `Resources` from line 2 on, ends with `lines`.
fn with_function(lines: &str) -> String {
    format!(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
{lines}"
    )
}

#[track_caller]
fn only_function(text: &str) -> TemplateFunction {
    let template = read(text, &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let [function] = template.functions.try_into().expect("one function");
    function
}

#[track_caller]
fn check_mistakes(text: &str, expected: &[&str]) {
    let mistakes = read(text, &[]).map(|template| template.notes).expect_err("mistakes");
    assert_eq!(mistakes.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_empty_function_has_the_defaults_of_lambda() {
    let function = only_function(&with_function(""));
    assert_eq!(function.name, "F");
    assert_eq!(function.timeout, Duration::from_secs(3));
    assert_eq!(function.memory_mb, 128);
    assert_eq!(function.reserved_concurrency, None);
    assert_eq!(function.variables, BTreeMap::new());
    assert_eq!(function.source.code, Ok("t.yaml".into()).map(|_: String| ".".into()));
    assert_eq!(function.source.build, None);
}

#[test]
fn every_property_that_is_acted_on_is_read() {
    let function = only_function(&with_function(
        "      FunctionName: resize
      CodeUri: ./samples/resize/
      Timeout: 900
      MemorySize: 10240
      ReservedConcurrentExecutions: 0
      Environment: {Variables: {A1: '1'}}
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: resize}}
",
    ));
    assert_eq!(function.logical_id, "F");
    assert_eq!(function.name, "resize");
    assert_eq!(function.timeout, Duration::from_secs(900));
    assert_eq!(function.memory_mb, 10_240);
    assert_eq!(function.reserved_concurrency, Some(0));
    assert_eq!(function.variables, BTreeMap::from([("A1".to_owned(), "1".to_owned())]));
    assert_eq!(function.source.code, Ok("samples/resize".into()));
    assert_eq!(function.source.runtime, "provided.al2023");
    assert_eq!(function.source.handler, "bootstrap");
    assert_eq!(function.source.build.and_then(|build| build.binary).as_deref(), Some("resize"));
}

#[test]
fn code_is_sought_beside_the_template() {
    let text = with_function("      CodeUri: ../up");
    let template = parse(&text, Path::new("infra/t.yaml"), &BTreeMap::new()).unwrap();
    assert_eq!(template.functions[0].source.code, Ok("infra/../up".into()));
}

#[test]
fn code_that_is_elsewhere_makes_the_function_unavailable_and_not_the_template_wrong() {
    for (lines, expected) in [
        ("      CodeUri: s3://bucket/key.zip", "its code is at s3://bucket/key.zip; name a folder"),
        ("      CodeUri: {Bucket: b, Key: k}", "its `CodeUri` is not a folder on this machine"),
        ("      CodeUri: f.zip", "its code is the archive f.zip; unpack it and name the folder"),
        ("      InlineCode: x", "its code is inside the template; put it in a folder"),
        ("      ImageUri: x", "it is a container image, and only code in a folder runs here"),
        ("      PackageType: Image", "it is a container image, and only code in a folder runs here"),
    ] {
        let reason = only_function(&with_function(lines)).source.code.expect_err("no folder").0;
        assert_eq!(reason, expected, "{lines}");
    }
}

#[test]
fn mistakes_are_all_said_at_once_in_the_files_order() {
    check_mistakes(
        "Transform: AWS::Serverless-2016-10-31
Resorces: {}
Resources:
  F:
    Type: AWS::Serverless::Function
    Conditon: x
    Properties:
      Runtime: pythn3.13
      Handler: a b
      codeUri: x
      Timeout: 901
      MemorySize: 64
      ReservedConcurrentExecutions: some
      FunctionName: a.b
      Environment:
        Variables:
          AWS_REGION: x
          a: b
          _X: c
      Zebra: 1
  G:
    Type: AWS::Serverless::Function
  H:
    Properties: {}
",
        &[
            "t.yaml:2:1: unknown section `Resorces`; did you mean `Resources`?",
            "t.yaml:6:5: unknown attribute of a resource `Conditon`; did you mean `Condition`?",
            "t.yaml:9:16: `Handler` has 1 to 128 bytes and no white space",
            "t.yaml:10:7: unknown property of AWS::Serverless::Function `codeUri`; did you mean `CodeUri`?",
            "t.yaml:11:16: `Timeout` is a whole number from 1 to 900 s, not `901`",
            "t.yaml:12:19: `MemorySize` is a whole number from 128 to 10240 MB, not `64`",
            "t.yaml:13:37: `ReservedConcurrentExecutions` is a whole number from 0 to 1000000 environments, not `some`",
            "t.yaml:14:21: a function's name has letters, digits, `-` and `_` only",
            "t.yaml:17:11: `AWS_REGION` is set by Lambda itself and cannot be given",
            "t.yaml:18:11: the name of a variable begins with a letter and has two or more letters, digits and `_` only: `a`",
            "t.yaml:19:11: the name of a variable begins with a letter and has two or more letters, digits and `_` only: `_X`",
            "t.yaml:20:7: unknown property of AWS::Serverless::Function `Zebra`",
            "t.yaml:21:3: `G` has no `Handler`, neither of its own nor from `Globals`",
            "t.yaml:21:3: `G` has no `Runtime`, neither of its own nor from `Globals`",
            "t.yaml:23:3: `H` has no `Type`",
        ],
    );
}

#[test]
fn a_misspelt_runtime_is_answered_with_the_likely_one() {
    check_mistakes(
        &with_function("").replace("provided.al2023", "provided.al2032"),
        &["t.yaml:6:16: unknown runtime `provided.al2032`; did you mean `provided.al2023`?"],
    );
}

#[test]
fn two_functions_cannot_have_one_name() {
    let function =
        "{Type: AWS::Lambda::Function, Properties: {FunctionName: f, Runtime: python3.13, Handler: a.b}}";
    check_mistakes(
        &format!("Resources:\n  A: {function}\n  B: {function}\n"),
        &["t.yaml:3:3: the name `f` is already taken by the function on line 2"],
    );
}

#[test]
fn a_name_has_at_most_64_characters() {
    let text = |length| with_function(&format!("      FunctionName: {}\n", "f".repeat(length)));
    assert_eq!(only_function(&text(64)).name.len(), 64);
    check_mistakes(&text(65), &["t.yaml:8:21: a function's name has 1 to 64 characters, and this has 65"]);
}

#[test]
fn variables_have_at_most_4096_bytes_together() {
    let text =
        |length| with_function(&format!("      Environment: {{Variables: {{AA: {}}}}}", "x".repeat(length)));
    let overhead = r#"{"AA":""}"#.len();
    only_function(&text(4096 - overhead));
    check_mistakes(
        &text(4097 - overhead),
        &["t.yaml:8:32: the variables take 4097 bytes as JSON, over the limit of 4096"],
    );
}

#[test]
fn globals_are_merged_as_sam_merges_them() {
    let function = only_function(
        "Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    Timeout: 10
    Layers: [a]
    Environment:
      Variables: {FROM_GLOBALS: g, BOTH: g, COMPUTED: !Ref AWS::Region}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: a.b
      Layers: [b]
      Environment:
        Variables: {BOTH: own, OWN: own, COMPUTED: !Sub own}
",
    );
    assert_eq!(function.source.runtime, "python3.13");
    assert_eq!(function.timeout, Duration::from_secs(10));
    let expected = [("FROM_GLOBALS", "g"), ("BOTH", "own"), ("COMPUTED", "own"), ("OWN", "own")];
    assert_eq!(function.variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn lists_of_globals_come_first_when_merged() {
    use super::{properties::merge, tree::Node};
    let mut found = super::Findings::default();
    let mut entries = |text: &str| Node::read(text, &mut found).unwrap().entries().unwrap().to_vec();
    let merged = merge(&entries("L: [a, b]\nM: {x: 1, y: 1}"), &entries("M: {y: 2, z: 2}\nL: [c]"));
    let text = format!("{:?}", merged.iter().map(|entry| plain(&entry.value)).collect::<Vec<_>>());
    assert_eq!(text, r#"["[a,b,c]", "{x:1,y:2,z:2}"]"#);
}

fn plain(node: &super::tree::Node) -> String {
    use super::tree::Value;
    match &node.value {
        Value::Null => String::new(),
        Value::Text(text) => text.clone(),
        Value::List(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(",")),
        Value::Map(entries) => {
            let entry = |entry: &super::tree::Entry| format!("{}:{}", entry.key, plain(&entry.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn a_mistake_in_globals_is_said_once_however_many_functions_there_are() {
    let function = "{Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: a.b}}";
    check_mistakes(
        &format!(
            "Transform: AWS::Serverless-2016-10-31
Globals: {{Function: {{Timeout: 0}}, Funktion: {{}}}}
Resources:
  A: {function}
  B: {function}
"
        ),
        &[
            "t.yaml:2:31: `Timeout` is a whole number from 1 to 900 s, not `0`",
            "t.yaml:2:35: unknown section of `Globals` `Funktion`; did you mean `Function`?",
        ],
    );
}

#[test]
fn a_function_may_ignore_globals() {
    let text = |ignored: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Globals: {{Function: {{Timeout: 10, MemorySize: 256}}}}
Resources:
  F:
    Type: AWS::Serverless::Function
    IgnoreGlobals: {ignored}
    Properties: {{Runtime: python3.13, Handler: a.b}}
"
        )
    };
    let all = only_function(&text("'*'"));
    assert_eq!((all.timeout.as_secs(), all.memory_mb), (3, 128));
    let one = only_function(&text("[Timeout]"));
    assert_eq!((one.timeout.as_secs(), one.memory_mb), (3, 256));
}

#[test]
fn a_function_may_have_an_alias() {
    let alias = |text: &str| only_function(&with_function(text)).alias;
    assert_eq!(alias("      AutoPublishAlias: live\n"), Some("live".to_owned()));
    assert_eq!(alias("      AutoPublishAlias: !Ref AWS::NoValue\n"), None);
    let template = format!(
        "Parameters: {{Stage: {{Type: String, Default: live}}}}\nGlobals: {{Function: {{AutoPublishAlias: !Ref Stage}}}}\n{}",
        with_function(
            "      Environment: {Variables: {OF_REF: !Ref F.Alias, OF_SUB: !Sub \"a ${F.Alias}\"}}\n"
        )
    );
    let function = only_function(&template);
    assert_eq!(function.alias.as_deref(), Some("live"));
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:F:live";
    assert_eq!(function.variables["OF_REF"], arn);
    assert_eq!(function.variables["OF_SUB"], format!("a {arn}"));
}

#[test]
fn an_alias_keeps_lambdas_rules() {
    let long = "a".repeat(129);
    for (alias, text) in [
        ("\"7\"", "not just digits"),
        ("$LATEST", "letters, digits, `-` and `_` only"),
        ("\"\"", "1 to 128 characters, and this has 0"),
        (&long, "1 to 128 characters, and this has 129"),
        ("[live]", "a text"),
    ] {
        let mistakes = read(&with_function(&format!("      AutoPublishAlias: {alias}\n")), &[]).unwrap_err();
        assert!(mistakes.contains(text), "{mistakes}");
    }
    let mistakes = read(&with_function("      Environment: {Variables: {A: !Ref F.Alias}}\n"), &[]);
    assert!(mistakes.unwrap_err().contains("`F.Alias`: no value is known here"));
}

#[test]
fn a_function_may_be_durable() {
    let durable = |text: &str| only_function(&with_function(text)).durable.unwrap();
    let config = durable("      DurableConfig: {ExecutionTimeout: 3600, RetentionPeriodInDays: 7}\n");
    assert_eq!((config.execution_timeout_s, config.retention_days), (3_600, 7));
    assert_eq!(durable("      DurableConfig: {ExecutionTimeout: 1}\n").retention_days, 14);
}

#[test]
fn a_durable_function_keeps_lambdas_limits() {
    for (config, expected) in [
        ("{}", "`DurableConfig` needs `ExecutionTimeout`, seconds"),
        ("{ExecutionTimeout: 0}", "`ExecutionTimeout` is a whole number from 1 to 31622400, not `0`"),
        ("{ExecutionTimeout: 1, RetentionPeriodInDays: 91}", "a whole number from 1 to 90, not `91`"),
        ("{ExecutionTimeOut: 1}", "unknown entry of `DurableConfig`"),
    ] {
        let mistakes = read(&with_function(&format!("      DurableConfig: {config}\n")), &[]).unwrap_err();
        assert!(mistakes.to_string().contains(expected), "{mistakes}");
    }
}

#[test]
fn what_is_known_and_has_no_effect_here_is_noted() {
    let text = with_function(
        "      Policies: [x]
      Events: {Api: {Type: HttpApi, Properties: !Ref Nothing}}
      Environment: {Variables: {URL: !Ref Jobs, SECRET: '{{resolve:ssm:x}}'}}
    Metadata: {BuildMethod: makefile}
  Jobs: {Type: AWS::SQS::Queue, Properties: !GetAtt nothing.here}
  More: {Type: AWS::SQS::Queue}
",
    );
    let template = read(&text, &[]).unwrap();
    let notes: Vec<_> = template.notes.iter().map(|note| (note.place.line, note.message.as_str())).collect();
    let expected = [
        (9, "`Events` is not acted on by the embedded Lambda (F)"),
        (10, "stand-in values for what does not exist on this machine: Jobs"),
        (10, "`SECRET` holds a dynamic reference, which only AWS resolves; it is handed on as written"),
        (11, "`BuildMethod: makefile` is not run here: the folder is taken as it lies"),
    ];
    assert_eq!(notes, expected);
}

#[test]
fn what_does_not_exist_here_is_noted_in_one_line() {
    let text = with_function(
        "  A: {Type: AWS::DynamoDB::Table}\n  B: {Type: AWS::DynamoDB::Table}\n  C: {Type: AWS::IAM::Role}\n",
    );
    let notes = read(&text, &[]).unwrap().notes;
    let expected = "what does not exist on this machine is passed over: AWS::DynamoDB::Table, AWS::IAM::Role";
    assert_eq!(notes.iter().map(|note| &*note.message).collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_function_that_is_for_aws_only_is_left_out_and_can_be_referred_to() {
    let text = with_function(
        "      Environment: {Variables: {OTHER: !Ref Gateway}}
  Gateway:
    Type: AWS::Serverless::Function
    Metadata: {StayputDev: LeftOut}
    Properties: {Runtime: provided.al2023, Handler: serve, CodeUri: .}
",
    );
    let template = read(&text, &[]).unwrap();
    assert_eq!(template.functions.len(), 1);
    assert_eq!(template.functions[0].variables["OTHER"], "Gateway");
    assert_eq!(template.notes[0].message, "left out on this machine, as the template says: Gateway");
    let wrong = text.replace("LeftOut", "leftout");
    let mistakes = read(&wrong, &[]).unwrap_err().to_string();
    assert!(mistakes.contains("`StayputDev` is `LeftOut`, or not there"), "{mistakes}");
}

#[test]
fn a_resource_whose_condition_is_false_is_absent() {
    let text = with_function("    Condition: Wanted\nParameters: {On: {Type: String, Default: 'no'}}\n")
        + "Conditions: {Wanted: !Equals [!Ref On, 'yes']}\n";
    assert_eq!(read(&text, &[]).unwrap().functions, []);
    assert_eq!(read(&text, &[("On", "yes")]).unwrap().functions.len(), 1);
}

#[test]
fn conditions_are_checked_even_where_nothing_uses_them() {
    check_mistakes(
        "Conditions:
  A: !Condition B
  B: !Not [!Condition A]
  C: !And [!Condition D]
  D: yes
  E: !Equals [!Ref Nobody, x]
  G: !Nott [x]
Resources: {}
",
        &[
            "t.yaml:3:12: the condition `A` refers to itself",
            "t.yaml:4:6: `Fn::And` takes a list of 2 to 10 conditions",
            "t.yaml:5:6: a condition is one of the condition functions, and this is a text",
            "t.yaml:6:15: neither a parameter nor a resource: `Nobody`",
            "t.yaml:7:6: a condition is one of the condition functions, and this is a list",
            "t.yaml:7:6: unknown tag `!Nott`; did you mean `!Not`?",
        ],
    );
}

#[test]
fn names_that_need_each_other_are_told() {
    let function = |other| {
        format!(
            "{{Type: AWS::Lambda::Function, Properties: {{FunctionName: !Sub '${{{other}}}x', Runtime: python3.13, Handler: a.b}}}}"
        )
    };
    check_mistakes(
        &format!("Resources:\n  A: {}\n  B: {}\n", function("B"), function("A")),
        &["t.yaml:3:63: the name of `A` refers to itself"],
    );
}

#[test]
fn overrides_take_the_place_of_defaults_and_are_checked() {
    let text = with_function(
        "      MemorySize: !Ref Size\nParameters:\n  Size: {Type: Number, AllowedValues: [128, 256]}\n",
    );
    assert_eq!(read(&text, &[("Size", "256")]).unwrap().functions[0].memory_mb, 256);
    assert_eq!(
        read(&text, &[("Size", "300"), ("Siez", "1")]).unwrap_err(),
        "t.yaml: an override is given for the unknown parameter `Siez`; did you mean `Size`?
t.yaml:10:3: the value of `Size` is not one of its `AllowedValues`"
    );
}

#[test]
fn json_is_a_template_too() {
    let function = only_function(
        r#"{
	"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {
		"Runtime": "nodejs22.x", "Handler": "index.handler", "Code": "fn", "Timeout": 5,
		"Environment": {"Variables": {"URL": {"Fn::Sub": "https:\/\/${AWS::Region}"}}}}}}
}"#,
    );
    assert_eq!(function.variables["URL"], "https://us-east-1");
    assert_eq!(function.source.code, Ok("fn".into()));
    assert_eq!(function.timeout.as_secs(), 5);
}

#[test]
fn what_is_not_one_plain_document_is_refused_with_its_place() {
    let deep = format!("Resources: {}", "[".repeat(100));
    for (text, expected) in [
        ("", "t.yaml:1:1: the template is empty"),
        ("- a", "t.yaml:1:1: a template is a map, and this is a list"),
        ("a: b", "t.yaml:1:1: `Resources` is missing\nt.yaml:1:1: unknown section `a`"),
        ("Resources: []", "t.yaml:1:12: `Resources` is a map, and this is a list"),
        ("Resources: {}\n---\na: b", "t.yaml:2:1: a template is one YAML document, and here a second begins"),
        ("Resources: {}\nResources: {}", "t.yaml:2:1: `Resources` is already given on line 1"),
        ("Resources: {}\n? [a]\n: b", "t.yaml:2:3: a key must be a text"),
        (
            "Resources: {}\nMetadata: {a: &x 1, b: *x}",
            "t.yaml:2:24: CloudFormation has no YAML aliases: write the value out",
        ),
        (
            "Resources: {}\nMetadata: {<<: {a: 1}}",
            "t.yaml:2:12: CloudFormation has no YAML merges (`<<`): write the entries out",
        ),
        (deep.as_str(), "t.yaml:1:76: nested deeper than 64 levels"),
        (
            "Resources:\n  Fn::ForEach::X: []",
            "t.yaml:2:3: `Fn::ForEach::X` makes resources, and is not supported here: write them out",
        ),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: a.b}}}",
            "t.yaml:1:13: `Transform: AWS::Serverless-2016-10-31` is missing, and AWS::Serverless::Function needs it",
        ),
    ] {
        assert_eq!(read(text, &[]).expect_err(text), expected, "{text}");
    }
    let large = format!("#{}", "x".repeat(1_048_576));
    check_mistakes(&large, &["t.yaml:1:1: the template is over CloudFormation's limit of 1048576 bytes"]);
}

#[test]
fn a_file_that_cannot_be_read_is_one_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    let mistakes = super::load(&path, &BTreeMap::new()).unwrap_err().to_string();
    assert!(mistakes.starts_with(&format!("{}: cannot be read: ", path.display())), "{mistakes}");
    std::fs::write(&path, with_function("      CodeUri: here")).unwrap();
    let template = super::load(&path, &BTreeMap::new()).unwrap();
    assert_eq!(template.functions[0].source.code, Ok(folder.path().join("here")));
}

#[test]
fn the_values_of_variables_are_not_in_debug() {
    let function = only_function(&with_function("      Environment: {Variables: {KEY: hunter2}}"));
    let text = format!("{function:?}");
    assert!(text.contains("KEY") && !text.contains("hunter2"), "{text}");
}
