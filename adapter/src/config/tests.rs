use std::{
    collections::BTreeMap,
    net::IpAddr,
    num::NonZeroU32,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;
use stayput_core::{
    Credential, DIALECTS, FunctionKey,
    keys::{CredentialHash, Key, Right},
};

use super::*;

fn file(text: &str) -> Sources {
    Sources { file: Some(SourceFile { name: "s.toml".into(), text: text.into() }), ..Sources::default() }
}

fn listen(value: &str) -> Flag {
    Flag { section: "gateway", key: "listen", name: "--listen", value: value.into() }
}

#[track_caller]
fn rows(text: &str) -> Rows {
    Config::check(&file(text)).unwrap_or_else(|mistakes| panic!("{mistakes}")).rows.expect("there is a file")
}

/// `expected`: every mistake, in the order of the file, without the file's name.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let mistakes = Config::check(&file(text)).err().unwrap_or_default();
    let found: Vec<_> =
        mistakes.iter().map(|mistake| mistake.to_string().replacen("s.toml:", "", 1)).collect();
    assert_eq!(found, expected, "in\n{text}");
}

const NOW: SystemTime = UNIX_EPOCH;

const FUNCTION: &str = "[[function]]\nlambda = \"f\"\nstedi = \"echo\"\n";

#[test]
fn without_anything_the_defaults_hold() {
    let config = Config::check(&Sources::default()).unwrap();
    assert_eq!(config.gateway.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.gateway.buffered_bytes, 268_435_456);
    assert_eq!(config.gateway.concurrency.get(), 8_000);
    assert_eq!(config.gateway.key_file, None);
    assert_eq!(config.lambda.concurrency.get(), 1_000);
    assert!(config.rows.is_none());
}

#[test]
fn the_default_file_says_what_holds_without_it() {
    let built_in = Config::check(&Sources::default()).unwrap();
    let written = Config::check(&file(DEFAULT_FILE)).unwrap();
    assert_eq!(written.gateway, built_in.gateway);
    assert_eq!(written.lambda, built_in.lambda);
    assert_eq!(written.aws, built_in.aws);
    assert_eq!(written.callback, built_in.callback);
    for setting in settings::all() {
        let lines = format!("\n# {}\n{} = ", setting.about, setting.key);
        assert!(DEFAULT_FILE.contains(&lines), "it has not{lines}");
    }
}

#[test]
fn a_setting_is_known_by_its_name_and_not_by_where_the_compiler_has_put_it() {
    let known = settings::all().find(|setting| setting.name() == ("aws", "region")).unwrap();
    let Setting { section, key, variable, default, about, change, ref shape } = *known;
    let elsewhere = Setting { section, key, variable, default, about, change, shape: shape.clone() };
    let origin = Origin::Variable("anywhere".to_owned());
    let written = mistake::Written { key: key.to_owned(), text: "eu-west-1".to_owned(), origin };
    let in_file = [Value { setting: Box::leak(Box::new(elsewhere)), written }];
    let strongest = settings::strongest(&[], &[], &in_file);
    let region = strongest.iter().find(|value| value.setting.name() == ("aws", "region")).unwrap();
    assert_eq!(region.written.text, "eu-west-1");
}

#[test]
fn the_operations_page_has_a_row_for_every_setting() {
    let page = include_str!("../../../docs/operations.md");
    let rows = settings::all().map(|setting| {
        let Setting { section, key, variable, default, about, .. } = setting;
        let change = match setting.change {
            Change::Live => "at once",
            Change::Restart => "at the next start",
        };
        format!("| `{section}.{key}` | `{variable}` | {default:?} | {about} | {change} |\n")
    });
    let rows: String = rows.collect();
    assert!(page.contains(&rows), "it should have\n{rows}");
}

#[test]
fn the_examples_in_the_default_file_are_valid() {
    // Prose begins with "# ", examples with "#" alone.
    let uncommented: String = DEFAULT_FILE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let rows = rows(&uncommented);
    assert_eq!(rows.table.rows().count(), 7);
    assert_eq!(rows.keys.len(), 2);
}

#[test]
fn tls_takes_two_files_and_workers_are_counted() {
    let check = |text: &str| Config::check(&file(&format!("[gateway]\n{text}")));
    let gateway =
        check("tls_cert = \"a.pem\"\ntls_key = \"b.pem\"\nworkers = 4\ndrain = \"3s\"").unwrap().gateway;
    let tls = gateway.tls().unwrap();
    assert_eq!((tls.certificate.to_str(), tls.key.to_str()), (Some("a.pem"), Some("b.pem")));
    assert_eq!((gateway.workers.map(usize::from), gateway.drain.as_secs()), (Some(4), 3));
    for (wrong, told) in [
        ("tls_cert = \"a.pem\"", "without tls_key"),
        ("tls_key = \"b.pem\"", "without tls_cert"),
        ("workers = 0", "not a number from 1 to 1024"),
        ("workers = \"many\"", "nor \"auto\""),
        ("drain = 5", "has no unit"),
    ] {
        let mistakes = check(wrong).unwrap_err().to_string();
        assert!(mistakes.contains(told), "{wrong}: {mistakes}");
    }
}

#[test]
fn a_flag_is_stronger_than_the_environment_than_the_file_than_the_default() {
    let mut sources = file("[gateway]\nlisten = \"127.0.0.1:3\"\n");
    let port = |sources: &Sources| Config::check(sources).unwrap().gateway.listen.port();
    assert_eq!(port(&Sources::default()), 8080);
    assert_eq!(port(&sources), 3);
    sources.variables.push(("STAYPUT_LISTEN".into(), "127.0.0.1:2".into()));
    assert_eq!(port(&sources), 2);
    sources.flags.push(listen("127.0.0.1:1"));
    assert_eq!(port(&sources), 1);
}

#[test]
fn mistakes_carry_the_name_that_the_operator_used() {
    let sources = Sources {
        flags: vec![listen("here")],
        variables: vec![
            ("STAYPUT_BUFFERED_BYTES".into(), "5".into()),
            ("STAYPUT_LOG_FROMAT".into(), "json".into()),
            ("STAYPUT_SERVICE_HOST".into(), "somebody else's".into()),
        ],
        ..file("[gateway]\nlog_level = \"inof\"\n")
    };
    let mistakes = Config::check(&sources).unwrap_err().to_string();
    assert_eq!(
        mistakes,
        "s.toml:2:13: log_level: \"inof\" is unknown; did you mean \"info\"?\n\
         STAYPUT_BUFFERED_BYTES: \"5\" has no unit; write \"5 MiB\"\n\
         STAYPUT_LOG_FROMAT: unknown; did you mean STAYPUT_LOG_FORMAT?\n\
         --listen: \"here\" is not an address with a port; write e.g. \"127.0.0.1:8080\""
    );
}

#[test]
fn a_text_that_is_not_toml_is_all_there_is_to_say() {
    check("[gateway\nlisten = \"nonsense\"\n", &["1:9: unclosed table, expected `]`"]);
    check("a = 1\na = 2\n", &["2:1: duplicate key"]);
}

#[test]
fn unknown_keys_are_mistakes_with_a_guess() {
    check("[gatewya]\n", &["1:2: \"gatewya\" is unknown; did you mean \"gateway\"?"]);
    check("[[functions]]\n", &["1:3: \"functions\" is unknown; did you mean \"function\"?"]);
    check("[gateway]\n  lisen = \"x\"\n", &["2:3: \"lisen\" is unknown; did you mean \"listen\"?"]);
    check(
        "[lambda]\ncolour = 1\n",
        &["2:1: \"colour\" is unknown; known: listen, concurrency, wait_scale, sqs_endpoint"],
    );
    check(&format!("{FUNCTION}stedy = \"x\"\n"), &["4:1: \"stedy\" is unknown; did you mean \"stedi\"?"]);
}

#[test]
fn a_durable_function_has_a_qualified_name_and_takes_events() {
    let row = |name: &str, more: &str| {
        let text = format!("[[function]]\nlambda = \"{name}\"\ndurable = true\nstedi = \"f\"\n{more}");
        Config::check(&file(&text)).map(|config| config.rows.unwrap().table)
    };
    let table = row("f:live", "").unwrap();
    let (_, _, function) = table.rows().next().unwrap();
    assert!(function.durable && function.payload_is_event);
    assert!(row("f", "qualifier = \"1\"\n").is_ok());
    let said = row("f", "").unwrap_err().to_string();
    assert!(
        said.contains("a durable function is called by a version or an alias; write NAME:ALIAS"),
        "{said}"
    );
    let said = row("f:1", "stream = true\n").unwrap_err().to_string();
    assert!(said.contains("leave stream out, or durable"), "{said}");
}

#[test]
fn columns_count_characters() {
    check(
        "[lambda]\n\"ä\" = 1\n",
        &["2:1: \"ä\" is unknown; known: listen, concurrency, wait_scale, sqs_endpoint"],
    );
    check(
        "lambda = { \"ä\" = 1, lisen = 2 }",
        &[
            "1:12: \"ä\" is unknown; known: listen, concurrency, wait_scale, sqs_endpoint",
            "1:21: \"lisen\" is unknown; did you mean \"listen\"?",
        ],
    );
}

#[test]
fn wrong_types_are_named() {
    check("gateway = 1\n", &["1:11: gateway: this is integer, not a table; write [gateway]"]);
    check("function = {}\n", &["1:12: function: this is table, not rows; write [[function]]"]);
    check("[gateway]\nlisten = true\n", &["2:10: listen: this is boolean, not text"]);
    check(&format!("{FUNCTION}altair = [1.5]\n"), &["4:11: altair: this is float, not text"]);
}

#[test]
fn settings_are_judged_by_their_meaning() {
    check(
        "[gateway]\nadmin_listen = \"0.0.0.0:9080\"\nbuffered_bytes = \"0 B\"\ndata_dir = \"\"\n[lambda]\nconcurrency = 0\n",
        &[
            "2:16: admin_listen: \"0.0.0.0:9080\" is not a loopback address; whoever reaches this listener needs no key",
            "3:18: buffered_bytes: 0 would refuse every body",
            "4:12: data_dir: an empty path",
            "6:15: concurrency: \"0\" is not a number from 1 to 4294967295",
        ],
    );
}

#[test]
fn what_is_said_of_callbacks_is_judged_word_by_word() {
    check(
        "[callback]\nallow_hosts = [\"a b\", \"ok.example\", \"*\"]\nallow_addresses = \"10.0.0.0/99\"\nown_names = \"a.example,\"\n\
         loopback = \"yes\"\nevent_bytes = \"2 MiB\"\neywa = \"alway\"\n",
        &[
            "2:15: allow_hosts: \"a b\" is not a host; write e.g. \"hooks.example.com\", or \"*.example.com\" for all below it; \
             \"*\" is not a host; write e.g. \"hooks.example.com\", or \"*.example.com\" for all below it",
            "3:19: allow_addresses: \"10.0.0.0/99\" is not a block of addresses; write e.g. \"10.0.0.0/8\"",
            "4:13: own_names: \"\" is not a host; write e.g. \"hooks.example.com\", or \"*.example.com\" for all below it",
            "5:12: loopback: this is string, not true or false",
            "6:15: event_bytes: \"2 MiB\" is more than an event may have (1 MiB)",
            "7:8: eywa: \"alway\" is unknown; did you mean \"always\"?",
        ],
    );
    check(
        "[callback]\nallow_hosts = [\"\"]\nown_names = [true]\n",
        &["2:16: allow_hosts: an empty text in a list", "3:14: own_names: this is boolean, not text"],
    );
}

#[test]
fn a_list_in_the_environment_has_commas_and_a_truth_is_a_word() {
    let variables = |loopback: &str| {
        let set = |name: &str, text: &str| (format!("STAYPUT_CALLBACK_{name}"), text.to_owned());
        let variables = vec![set("ALLOW_ADDRESSES", "10.0.0.0/8,::1"), set("LOOPBACK", loopback)];
        Config::check(&Sources { variables, ..Sources::default() })
    };
    let callback = variables("false").unwrap().callback;
    assert_eq!((callback.allow_addresses.len(), callback.loopback), (2, false));
    let told = variables("0").unwrap_err().to_string();
    assert_eq!(told, "STAYPUT_CALLBACK_LOOPBACK: \"0\" is unknown; known: true, false");
}

#[test]
fn a_function_needs_a_lambda_and_a_name() {
    check(
        "[[function]]\ntimeout = \"5\"\npayload = \"evnt\"\n",
        &[
            "1:1: lambda is missing; write lambda = \"name or ARN of the Lambda function\"",
            "1:1: no dialect names this function; add a name, e.g. stedi = \"name\"",
            "2:11: timeout: \"5\" has no unit; write \"5s\"",
            "3:11: payload: \"evnt\" is unknown; write \"event\", or nothing for the dialect's own",
        ],
    );
    check(&format!("{FUNCTION}timeout = \"2h\"\n"), &["4:11: timeout: \"2h\" is not between 1ms and 910s"]);
}

#[test]
fn a_functions_name_may_be_in_the_environment() {
    let with = |variables: &[(&str, &str)], lambda: &str| {
        let text = format!("[[function]]\nlambda = \"{lambda}\"\nstedi = \"echo\"\n");
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let checked = Config::check(&Sources {
            variables: variables.iter().map(own).collect(),
            file: Some(SourceFile { name: "stayput.toml".to_owned(), text }),
            ..Sources::default()
        });
        checked.map_err(|mistakes| mistakes.to_string()).map(|config| {
            let rows = config.rows.unwrap();
            rows.table.rows().next().unwrap().2.lambda.to_string()
        })
    };
    let set = [("STAYPUT_FN_ECHO", "stack-Echo-1AB")];
    assert_eq!(with(&set, "${STAYPUT_FN_ECHO}").as_deref(), Ok("stack-Echo-1AB"));
    let missing = with(&[], "${STAYPUT_FN_ECHO}").unwrap_err();
    assert!(missing.ends_with("lambda: the variable STAYPUT_FN_ECHO is not set"), "{missing}");
    let foreign = with(&[("HOME", "/root")], "${HOME_DIR}").unwrap_err();
    assert!(foreign.ends_with("lambda: the variable HOME_DIR does not begin with STAYPUT_"), "{foreign}");
    assert!(with(&[("STAYPUT_FN_ECHO", "a b")], "${STAYPUT_FN_ECHO}").is_err());
}

#[test]
fn a_name_that_no_caller_can_write_is_a_mistake() {
    check(
        "[[function]]\nlambda = \"f\"\nstedi = \"a/b\"\naltair = [\"dev/ok\", \"spaceless\"]\neywa = \"echo\"\nopenfaas = \"a b\"\n",
        &[
            "3:9: stedi: no caller can write \"a/b\"; a name here is name",
            "4:21: altair: no caller can write \"spaceless\"; a name here is space/name",
            "5:8: eywa: no caller can write \"echo\"; a name here is UUID",
            "6:12: openfaas: no caller can write \"a b\"; a name here is name or name.namespace",
        ],
    );
}

#[test]
fn a_name_belongs_to_one_function() {
    check(&FUNCTION.repeat(2), &["6:9: stedi: \"echo\" is already taken by another row"]);
}

#[test]
fn a_qualifier_is_written_once() {
    let text = "[[function]]\nlambda = \"f:live\"\nqualifier = \"1\"\nstedi = \"f\"\n";
    check(text, &["3:13: qualifier: lambda has a qualifier already; leave one of the two out"]);
}

#[test]
fn names_are_kept_as_callers_write_them() {
    let rows = rows("[[function]]\nlambda = \"f\"\neywa = \"6A1E7F0C-30F5-5A3B-9F44-2F9D0A3D3C11\"\n");
    let key = FunctionKey::new("6a1e7f0c-30f5-5a3b-9f44-2f9d0a3d3c11");
    assert!(rows.table.find("eywa", &key).is_some(), "{:?}", rows.table);
}

#[test]
fn a_key_says_everything_about_itself() {
    check(
        "[[key]]\n[[key]]\nlabel = \"a b\"\nsha256 = \"hunter2\"\ndialects = [\"stedy\"]\nrights = [\"invok\"]\nsources = [\"10.0.0.0/99\"]\n",
        &[
            "1:1: dialects is missing; list some of stedi, altair, eywa, openfaas",
            "1:1: label is missing; it is your name for this key in logs",
            "1:1: rights is missing; list some of invoke, async, logs",
            "1:1: sha256 is missing (or anonymous = true, for callers who present nothing)",
            "3:9: label: \"a b\" is not 1 to 64 visible ASCII characters without spaces",
            "4:10: sha256: not 64 hex digits; `stayput keys add` makes them from a credential",
            "5:13: dialects: \"stedy\" is unknown; did you mean \"stedi\"?",
            "6:11: rights: \"invok\" is unknown; did you mean \"invoke\"?",
            "7:12: sources: \"10.0.0.0/99\" is not a block of addresses; write e.g. \"10.0.0.0/8\"",
        ],
    );
}

fn key_row(label: &str, rest: &str) -> String {
    format!("[[key]]\nlabel = \"{label}\"\ndialects = \"stedi\"\nrights = \"invoke\"\n{rest}\n")
}

#[test]
fn keys_must_differ() {
    let hash = format!("sha256 = \"{}\"", "aB".repeat(32));
    check(
        &(key_row("one", &hash) + &key_row("one", &hash)),
        &[
            "7:9: label: \"one\" is already the label of another key",
            "10:10: sha256: the same credential as key \"one\"",
        ],
    );
}

#[test]
fn a_key_names_functions_that_exist() {
    let anonymous = |functions| key_row("k", &format!("anonymous = true\nfunctions = {functions}"));
    check(
        &(FUNCTION.to_owned() + &anonymous("[\"ecko\", \"other\"]")),
        &[
            "9:14: functions: no function is named \"ecko\"; did you mean \"echo\"?",
            "9:22: functions: no function is named \"other\"",
        ],
    );
    let rows = rows(&(FUNCTION.to_owned() + &anonymous("\"echo\"")));
    assert!(rows.keys[0].key.sees(&FunctionKey::new("echo")));
    assert!(!rows.keys[0].key.sees(&FunctionKey::new("other")));
}

#[test]
fn an_empty_list_of_sources_is_not_taken_for_everywhere() {
    check(
        &key_row("k", "anonymous = true\nsources = []"),
        &["1:1: sources = [] would allow every address; list some, or leave it out"],
    );
}

fn found<'r>(ring: &'r Keyring, dialect: &str, secret: &str, peer: IpAddr) -> Option<&'r Key> {
    let hash = CredentialHash::of(&Credential::new(secret));
    ring.find(&hash, dialect, peer, NOW).map(|key| &**key)
}

#[test]
fn a_credential_is_known_by_its_hash() {
    // SHA-256 of "test-credential", by sha256sum.
    let hash = "a6fbaf094063b9172c9019fa2d20143f8396b431ebe6264ede59bf7c18145a9a";
    let rows = rows(&key_row("k", &format!("sha256 = \"{hash}\"")));
    let peer = IpAddr::from([127, 0, 0, 1]);
    let ring = rows.keyring();
    let key = found(&ring, "stedi", "test-credential", peer).unwrap();
    assert_eq!(key.label, "k");
    assert_eq!(key.rights, [Right::Invoke]);
    assert!(found(&ring, "stedi", "other", peer).is_none());
    assert!(found(&ring, "altair", "test-credential", peer).is_none());
    assert!(ring.anonymous("stedi", peer, NOW).is_none());
}

#[test]
fn in_dev_a_function_answers_in_every_dialect_under_its_own_name() {
    let table = dev::own_names([dev::OwnName::new("hello", Duration::from_secs(3))]);
    let mut keys: Vec<_> = table.rows().map(|(dialect, key, _)| (dialect, key.as_str())).collect();
    keys.sort_unstable();
    let uuid = "46bcf8a0-e005-5afd-9a55-bb08a8c7a087";
    assert_eq!(keys, [("altair", "dev/hello"), ("eywa", uuid), ("openfaas", "hello"), ("stedi", "hello")]);
    let (_, _, function) = table.rows().next().unwrap();
    assert_eq!(function.timeout.as_secs(), 13, "the function's own word for a timeout comes first");
}

#[test]
fn in_dev_a_function_whose_url_streams_does_so_for_every_caller() {
    for (mode, streams) in [("RESPONSE_STREAM", true), ("BUFFERED", false)] {
        let text = format!(
            "Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      FunctionUrlConfig: {{AuthType: NONE, InvokeMode: {mode}}}
"
        );
        let template = lambda_local::template::parse(&text, Path::new("t.yaml"), &BTreeMap::new()).unwrap();
        let table = dev::own_names(template.functions.iter().map(dev::OwnName::from));
        assert!(table.rows().all(|(_, _, function)| function.streams == streams), "{mode}");
    }
}

#[test]
fn in_dev_the_own_key_may_everything_and_openfaas_needs_none_on_this_machine() {
    let secret = "dev_secret";
    let ring = key::keyring(&[dev::own_key(&Credential::new(secret)), dev::anonymous()]);
    let peer = IpAddr::from([192, 0, 2, 1]);
    for dialect in DIALECTS.iter().map(|dialect| dialect.name()) {
        let key = found(&ring, dialect, secret, peer).unwrap();
        assert!(Right::ALL.into_iter().all(|right| key.may(right)), "{dialect}");
        let here = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(ring.anonymous(dialect, here, NOW).is_some(), dialect == "openfaas", "{dialect}");
        assert!(ring.anonymous(dialect, peer, NOW).is_none(), "{dialect}");
    }
}

#[test]
fn a_key_that_allows_nothing_is_a_mistake() {
    let hash = "0".repeat(64);
    let key = |fields: &str| format!("{FUNCTION}[[key]]\nlabel = \"k\"\nsha256 = \"{hash}\"\n{fields}");
    check(
        &key("dialects = []\nrights = []\nfunctions = []\n"),
        &[
            "4:1: dialects = [] would allow nothing; list some",
            "4:1: functions = [] would allow nothing; list some",
            "4:1: rights = [] would allow nothing; list some",
        ],
    );
    check(
        &key("dialects = [\"altair\"]\nrights = [\"invoke\"]\nfunctions = [\"echo\"]\n"),
        &["9:14: functions: no function is named \"echo\""],
    );
}

#[test]
fn a_second_anonymous_key_of_a_dialect_is_a_mistake() {
    let row = |label: &str, dialect: &str| {
        format!(
            "[[key]]\nlabel = \"{label}\"\nanonymous = true\ndialects = [\"{dialect}\"]\nrights = [\"invoke\"]\n"
        )
    };
    check(&[FUNCTION, &row("a", "stedi"), &row("b", "openfaas")].concat(), &[]);
    check(
        &[FUNCTION, &row("a", "stedi"), &row("b", "stedi")].concat(),
        &["9:1: key \"a\" is anonymous in the same dialect, and only the first counts"],
    );
}

#[test]
fn a_key_may_have_bounds() {
    let hash = format!("sha256 = \"{}\"", "0".repeat(64));
    let bounds = "rate = \"90/m\"\nburst = 10\nconcurrency = 4\nnot_before = 2026-01-01T00:00:00Z\n\
                  not_after = \"2026-07-01T00:00:00+02:00\"";
    let rows = rows(&key_row("k", &format!("{hash}\n{bounds}")));
    let Key { limits, valid, .. } = &rows.keys[0].key;
    assert_eq!(limits.rate.map(|rate| (rate.to_string(), rate.burst().get())), Some(("90/m".to_owned(), 10)));
    assert_eq!(limits.concurrency.map(NonZeroU32::get), Some(4));
    let at = |s| UNIX_EPOCH + Duration::from_secs(s);
    assert_eq!((valid.not_before, valid.not_after), (Some(at(1_767_225_600)), Some(at(1_782_856_800))));
}

#[test]
fn a_password_in_callback_urls_is_for_keys_that_say_so() {
    let userinfo =
        |field: &str| rows(&key_row("k", &format!("anonymous = true\n{field}"))).keys[0].key.userinfo;
    assert_eq!(
        [userinfo("userinfo = true"), userinfo("userinfo = false"), userinfo("")],
        [true, false, false]
    );
    check(
        &key_row("k", "anonymous = true\nuserinfo = \"yes\""),
        &["6:12: userinfo: this is string, not true or false"],
    );
}

#[test]
fn a_bound_that_cannot_be_is_a_mistake() {
    let bounds = "rate = \"fast\"\nburst = 0\nconcurrency = 0\nnot_before = 2026-01-01\nnot_after = \"soon\"";
    check(
        &key_row("k", &format!("anonymous = true\n{bounds}")),
        &[
            "6:8: rate: \"fast\": not a number of calls, a slash and s, m or h; write e.g. \"50/s\"",
            "7:9: burst: \"0\": not 1 to 1000000 calls",
            "8:15: concurrency: \"0\" is not a number from 1 to 4294967295",
            "9:14: not_before: \"2026-01-01\" is not a moment; write e.g. 2026-01-31T00:00:00Z",
            "10:13: not_after: \"soon\" is not a moment; write e.g. 2026-01-31T00:00:00Z",
        ],
    );
    check(
        &key_row(
            "k",
            "anonymous = true\nburst = 5\nnot_before = 2026-01-02T00:00:00Z\nnot_after = 2026-01-02T00:00:00Z",
        ),
        &[
            "6:9: burst: there is no rate that this could be the burst of",
            "8:13: not_after: the key would never count; not_before is not before it",
        ],
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Config::check(&file(&text));
    }

    #[test]
    fn no_piece_of_a_file_panics(cut in 0..DEFAULT_FILE.len(), insert in "[\\PC\n]{0,4}", uncomment: bool) {
        let whole = if uncomment { DEFAULT_FILE.replace("\n#", "\n") } else { DEFAULT_FILE.to_owned() };
        let cut = (0..=cut.min(whole.len())).rev().find(|&at| whole.is_char_boundary(at)).unwrap_or(0);
        let (head, tail) = whole.split_at(cut);
        let _ = Config::check(&file(head));
        let _ = Config::check(&file(&format!("{head}{insert}{tail}")));
    }
}
