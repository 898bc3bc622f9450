//! The template at the root holds together: what one part of it says of the functions, the others say, too.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use lambda_local::template;

use super::{Shell, text};

/// The destination that `stayput dev` delivers from; the template's queue has its name.
const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:stayput-callbacks";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

fn configuration() -> String {
    fs::read_to_string(file().with_file_name("infra/config/stayput.toml")).expect("the configuration")
}

fn written() -> String {
    fs::read_to_string(file()).expect("the template")
}

/// The logical ids of the functions that callers may be given, without `Function`, in capitals.
fn functions() -> BTreeSet<String> {
    let template = template::load(&file(), &[].into()).expect("a template without mistakes");
    let ids = template.functions.iter().map(|function| function.logical_id.trim_end_matches("Function"));
    ids.map(str::to_uppercase).collect()
}

/// What stands between `start` and `end` in lines that have both, in capitals.
fn between(text: &str, start: &str, end: &str) -> BTreeSet<String> {
    let parts = text.lines().filter_map(|line| line.split_once(start)?.1.split_once(end));
    parts.map(|(part, _)| part.to_uppercase()).collect()
}

/// What stands behind `start` in lines that have it, in capitals.
fn behind(text: &str, start: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.split_once(start)).map(|(_, rest)| rest.to_uppercase()).collect()
}

/// Variables and their values, as they are written.
fn variables(function: &str) -> BTreeSet<&str> {
    function.lines().map(str::trim).filter(|line| line.starts_with("STAYPUT_")).collect()
}

#[test]
fn dev_runs_all_but_what_it_is_itself_and_tells_its_queue_of_their_ends() {
    let template = template::load(&file(), &[].into()).expect("a template without mistakes");
    let names: Vec<_> = template.functions.iter().map(|function| &*function.name).collect();
    assert!(names.contains(&"echo") && !names.iter().any(|name| name.contains("stayput")), "{names:?}");
    for function in &template.functions {
        let config = function.events.config.as_ref().expect("destinations");
        let ends = [config.on_success.as_deref(), config.on_failure.as_deref()];
        assert_eq!(ends, [Some(QUEUE_ARN); 2], "{}", function.name);
    }
}

#[test]
fn the_gateway_knows_may_call_and_offers_the_same_functions() {
    let template = written();
    let gateway = &template[template.find("  GatewayFunction:").expect("it")..];
    let (gateway, deliverer) = gateway.split_at(gateway.find("  DelivererFunction:").expect("it"));
    let deliverer = &deliverer[..deliverer.find("  DelivererRole:").expect("it")];
    assert_eq!(between(gateway, "- !GetAtt ", "Function.Arn"), functions(), "may call");
    assert_eq!(between(gateway, "STAYPUT_FN_", ":"), functions(), "knows by variable");
    assert_eq!(variables(deliverer), variables(gateway), "the deliverer reads the same configuration");
    assert_eq!(between(&configuration(), "lambda = \"${STAYPUT_FN_", "}"), functions(), "offers");
    let names = functions().into_iter().chain(["STAYPUT-GATEWAY", "STAYPUT-DELIVERER"].map(str::to_owned));
    assert_eq!(
        behind(&template, "LogGroupName: !Sub /aws/lambda/${Prefix}"),
        names.collect::<BTreeSet<_>>(),
        "has a log that ends"
    );
    let ids = functions().into_iter().chain(["GATEWAY", "DELIVERER"].map(str::to_owned));
    assert_eq!(
        behind(&template, "    DependsOn: "),
        ids.map(|id| format!("{id}LOGS")).collect::<BTreeSet<_>>(),
        "has its log first"
    );
}

/// So that one line of curl works on the laptop and on AWS.
#[test]
fn its_configuration_gives_callers_the_names_that_they_have_here() {
    let shell = Shell::with("stayput.toml", &configuration());
    let with_variables = |words: &str| {
        let mut command = shell.command(words);
        for function in functions() {
            command.env(format!("STAYPUT_FN_{function}"), function.to_lowercase());
        }
        text(&command.output().expect("stayput starts").stdout)
    };
    assert_eq!(with_variables("check-config"), "ok\n");
    // Without the variables nobody would know whom to call.
    let without = shell.run("check-config");
    assert!(text(&without.stdout).contains("STAYPUT_FN_ECHO"), "{}", text(&without.stdout));
    let there = with_variables("routes");
    let here = Shell::new().run(&format!("routes --template {}", file().display()));
    let here = text(&here.stdout);
    assert_eq!(there.lines().collect::<BTreeSet<_>>(), here.lines().collect::<BTreeSet<_>>());
}

/// The lines of the template's section, without what stands before and after it.
fn section(name: &str) -> Vec<String> {
    let template = written();
    let (_, rest) = template.split_once(&format!("\n{name}:\n")).expect("the section");
    rest.lines().take_while(|line| line.is_empty() || line.starts_with(' ')).map(str::to_owned).collect()
}

/// The template's parameters as rows of the guide begin with them.
fn parameters() -> BTreeSet<String> {
    let mut parameters = BTreeSet::new();
    let mut parameter = String::new();
    for line in section("Parameters") {
        match line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
            Some(id) => id.trim_end_matches(':').clone_into(&mut parameter),
            None => parameters.extend(line.trim().strip_prefix("Default: ").map(|value| match value {
                "\"\"" => format!("`{parameter}` | empty"),
                number if number.parse::<u32>().is_ok() => format!("`{parameter}` | {number}"),
                word => format!("`{parameter}` | `{word}`"),
            })),
        }
    }
    parameters
}

#[test]
fn the_guide_explains_every_parameter_with_its_default_and_every_alarm() {
    let guide = file().with_file_name("docs/deploy.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    let (_, rest) =
        guide.split_once("\n| parameter | default | |\n|---|---|---|\n").expect("the table of parameters");
    let rows = rest.lines().take_while(|line| line.starts_with("| "));
    let explained =
        rows.map(|row| row.trim_start_matches("| ").splitn(3, " | ").take(2).collect::<Vec<_>>().join(" | "));
    assert_eq!(explained.collect::<BTreeSet<_>>(), parameters());
    let (_, rest) = guide.split_once("\n| alarm | what to do |\n|---|---|\n").expect("the table of alarms");
    let rows = rest.lines().take_while(|line| line.starts_with("| "));
    let explained = rows.filter_map(|row| row.trim_start_matches("| ").split_once(" | "));
    let explained =
        explained.flat_map(|(alarms, _)| alarms.split(", ").map(|it| it.trim_matches('`').to_owned()));
    let resources = section("Resources").join("\n");
    let alarms =
        resources.split("\n    Type: AWS::CloudWatch::Alarm").filter_map(|before| before.lines().last());
    let alarms = alarms.filter_map(|id| id.trim().strip_suffix(':')).map(str::to_owned);
    assert_eq!(explained.collect::<BTreeSet<_>>(), alarms.collect::<BTreeSet<_>>());
}
