//! The template at the root holds together: what one part of it says of the functions, the others say, too.

use std::{
    collections::BTreeSet,
    fs, iter,
    path::{Path, PathBuf},
};

use lambda_local::template::{self, TemplateFunction};
use serde_json::Value;

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

/// Those that callers may be given.
fn functions() -> Vec<TemplateFunction> {
    template::load(&file(), &[].into()).expect("a template without mistakes").functions
}

/// Their logical ids without `Function`, in capitals.
fn ids_of(which: impl Fn(&TemplateFunction) -> bool) -> BTreeSet<String> {
    let functions = functions().into_iter().filter(which);
    functions.map(|function| function.logical_id.trim_end_matches("Function").to_uppercase()).collect()
}

fn ids() -> BTreeSet<String> {
    ids_of(|_| true)
}

fn durable() -> BTreeSet<String> {
    ids_of(|function| function.durable.is_some())
}

/// What stands between `start` and `end` in lines that have both, in capitals.
fn between(text: &str, start: &str, end: &str) -> BTreeSet<String> {
    let parts = text.lines().filter_map(|line| line.split_once(start)?.1.split_once(end));
    parts.map(|(part, _)| part.to_uppercase()).collect()
}

/// The same for names of variables, whose words have lines between them.
fn variables_between(text: &str, start: &str, end: &str) -> BTreeSet<String> {
    between(text, start, end).into_iter().map(|name| name.replace('_', "")).collect()
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
        let config = function.events.config.as_ref();
        let ends = config.map(|config| [config.on_success.as_deref(), config.on_failure.as_deref()]);
        // Executions have no destinations.
        let expected = function.durable.is_none().then_some([Some(QUEUE_ARN); 2]);
        assert_eq!(ends, expected, "{}", function.name);
    }
}

#[test]
fn the_gateway_knows_may_call_and_offers_the_same_functions() {
    let template = written();
    let (gateway, deliverer) = (resource("GatewayFunction"), resource("DelivererFunction"));
    let plain = ids_of(|function| function.durable.is_none());
    assert_eq!(between(&gateway, "- !GetAtt ", "Function.Arn"), plain, "may call");
    assert_eq!(between(&gateway, "- !Sub ${", "Function.Arn}:live"), durable(), "may start executions of");
    assert_eq!(variables_between(&gateway, "STAYPUT_FN_", ":"), ids(), "knows by variable");
    assert_eq!(variables(&deliverer), variables(&gateway), "the deliverer reads the same configuration");
    let rows = configuration();
    assert_eq!(variables_between(&rows, "lambda = \"${STAYPUT_FN_", "}"), ids(), "offers");
    let by_alias =
        rows.split("[[function]]").filter(|row| row.contains("qualifier = \"live\"\ndurable = true\n"));
    assert_eq!(
        variables_between(&by_alias.collect::<String>(), "lambda = \"${STAYPUT_FN_", "}"),
        durable(),
        "offers as durable ones, by their alias"
    );
    let names = functions().into_iter().map(|function| function.name.to_uppercase());
    let names = names.chain(["STAYPUT-GATEWAY", "STAYPUT-DELIVERER"].map(str::to_owned));
    assert_eq!(
        behind(&template, "LogGroupName: !Sub /aws/lambda/${Prefix}"),
        names.collect::<BTreeSet<_>>(),
        "has a log that ends"
    );
    let ids = ids().into_iter().chain(["GATEWAY", "DELIVERER"].map(str::to_owned));
    assert_eq!(
        behind(&template, "    DependsOn: "),
        ids.map(|id| format!("{id}LOGS")).collect::<BTreeSet<_>>(),
        "has its log first"
    );
}

/// From AWS's word that an execution has ended to the deliverer's question how.
#[test]
fn the_ends_of_executions_come_to_the_queue_and_may_be_asked_for() {
    assert!(!durable().is_empty());
    let rule = resource("ExecutionsEnd");
    assert_eq!(between(&rule, "- prefix: !Sub \"${", "Function.Arn}:\""), durable(), "are told of");
    assert!(rule.contains("Arn: !GetAtt CallbackQueue.Arn"), "{rule}");
    assert!(rule.contains("status: [SUCCEEDED, FAILED, TIMED_OUT, STOPPED]"), "{rule}");
    let policy = resource("CallbackQueuePolicy");
    assert!(
        policy.contains("Condition: {ArnEquals: {aws:SourceArn: !GetAtt ExecutionsEnd.Arn}}"),
        "{policy}"
    );
    let (_, denied) = policy.split_once("Sid: ThisAccountOnly").expect("it");
    let (denied, _) = denied.split_once("- Sid:").expect("the next one");
    assert!(denied.contains("BoolIfExists: {aws:PrincipalIsAWSService: false}"), "{denied}");
    let role = resource("DelivererRole");
    assert_eq!(between(&role, "- !Sub ${", "Function.Arn}:*"), durable(), "may be asked for");
    for id in functions().into_iter().filter(|function| function.durable.is_some()).map(|it| it.logical_id) {
        let function = resource(&id);
        assert!(function.contains("AutoPublishAlias: live\n"), "{function}");
    }
}

/// Actions that are written in a policy of the template's, or of a file in JSON.
fn actions(policy: &str) -> BTreeSet<&str> {
    let services = ["lambda:", "sqs:", "dynamodb:"];
    let words = policy.split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    let is_action =
        |word: &&str| services.iter().any(|service| word.len() > service.len() && word.starts_with(service));
    words.filter(is_action).collect()
}

#[test]
fn a_machine_of_ones_own_is_allowed_what_the_template_allows() {
    for (id, file_name) in [("GatewayFunction", "gateway.json"), ("DelivererRole", "deliverer.json")] {
        let json = fs::read_to_string(file().with_file_name("infra/iam").join(file_name)).expect("a policy");
        let template = resource(id);
        let missing: Vec<_> = actions(&template).difference(&actions(&json)).copied().collect();
        assert!(missing.is_empty() && !actions(&template).is_empty(), "{file_name}: {missing:?}");
    }
}

/// So that one line of curl works on the laptop and on AWS.
#[test]
fn its_configuration_gives_callers_the_names_that_they_have_here() {
    let (shell, gateway) = (Shell::with("stayput.toml", &configuration()), resource("GatewayFunction"));
    let with_variables = |words: &str| {
        let mut command = shell.command(words);
        for function in functions() {
            let reference = format!(": !Ref {}\n", function.logical_id);
            let (before, _) = gateway.split_once(&reference).expect("its variable");
            command.env(before.rsplit(' ').next().expect("a word"), function.name);
        }
        text(&command.output().expect("stayput starts").stdout)
    };
    assert_eq!(with_variables("check-config"), "ok\n");
    // Without the variables nobody would know whom to call.
    let without = shell.run("check-config");
    assert!(text(&without.stdout).contains("STAYPUT_FN_ECHO"), "{}", text(&without.stdout));
    let there = with_variables("--json routes");
    let here = Shell::new().run(&format!("--json routes --template {}", file().display()));
    assert_eq!(routes(&there), routes(&text(&here.stdout)));
}

/// Without the qualifiers: there, durable functions have an alias, and here the newest code is meant.
fn routes(told: &str) -> BTreeSet<String> {
    let mut lines: Vec<Value> = serde_json::from_str(told).expect("JSON");
    for line in &mut lines {
        let name = line["function"].as_str().and_then(|name| name.split(':').next()).expect("a name");
        line["function"] = name.into();
    }
    lines.iter().map(Value::to_string).collect()
}

/// One resource of the template, as it is written.
fn resource(id: &str) -> String {
    let lines = section("Resources");
    let head = format!("  {id}:");
    let mut lines = lines.iter().skip_while(|line| **line != head);
    let head = lines.next().expect("the resource");
    let rest = lines.take_while(|line| line.is_empty() || line.starts_with("   "));
    iter::once(head).chain(rest).map(|line| format!("{line}\n")).collect()
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
