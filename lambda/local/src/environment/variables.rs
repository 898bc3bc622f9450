//! The variables that a function's process sees: AWS's, the language's, the function's own, and no others.

use std::{
    collections::BTreeMap,
    env::join_paths,
    ffi::{OsStr, OsString},
    path::Path,
    time::SystemTime,
};

use jiff::Timestamp;
use lambda_protocol::trace::Trace;
use uuid::Uuid;

use crate::{
    function::{Function, Program, Version},
    settings::Settings,
};

/// Everything for a process that is to find its Runtime API at `runtime_api` (`host:port`).
///
/// A function's own variables replace AWS's defaults, but not what the service and the language rely on. Search
/// paths that the language needs come before the function's own. Nothing is taken from the host's environment
/// but the `PATH` in the settings.
/// Source: recorded environment of `provided.al2023`; developer guide, "Defined runtime environment variables".
pub(super) fn all(
    function: &Function,
    program: &Program,
    settings: &Settings,
    runtime_api: &str,
) -> Vec<(OsString, OsString)> {
    let mut variables: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: OsString| drop(variables.insert(name.into(), value));
    for (name, value) in DEFAULTS {
        set(name, value.into());
    }
    let [_, _, _, _, random @ ..] = *Uuid::new_v4().as_bytes();
    set("_X_AMZN_TRACE_ID", Trace::new(SystemTime::now(), random).to_string().into());
    set("PATH", path(&settings.path));
    set("LD_LIBRARY_PATH", library_path(&program.directory));
    set("PWD", program.directory.clone().into());
    if let Some(endpoint) = &settings.endpoint {
        set("AWS_ENDPOINT_URL_LAMBDA", endpoint.into());
    }
    for (name, value) in &function.variables {
        set(name, value.into());
    }
    for (name, value) in &program.variables {
        let own = function.variables.get(name).filter(|own| name.ends_with("PATH") && !own.is_empty());
        set(name, own.map_or_else(|| value.clone(), |own| format!("{value}:{own}")).into());
    }
    let reserved = [
        ("_HANDLER", function.handler.clone()),
        ("AWS_REGION", settings.region.clone()),
        ("AWS_DEFAULT_REGION", settings.region.clone()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", function.version.to_string()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream(Timestamp::now(), function.version, Uuid::new_v4())),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
    ];
    for (name, value) in reserved {
        set(name, value.into());
    }
    set("LAMBDA_TASK_ROOT", program.directory.clone().into());
    set("LAMBDA_RUNTIME_DIR", program.directory.clone().into());
    variables.into_iter().collect()
}

/// The host's directories first: that is where interpreters and tools are on a machine that is not Lambda's.
fn path(host: &OsStr) -> OsString {
    let mut path = host.to_owned();
    if !path.is_empty() {
        path.push(":");
    }
    path.push("/usr/local/bin:/usr/bin:/bin:/opt/bin");
    path
}

/// The function's own libraries and its layers'. Folders that are not there are left out: the loader would look for
/// every library in each of them at every start.
fn library_path(root: &Path) -> OsString {
    let folders = [root.to_owned(), root.join("lib"), "/opt/lib".into()];
    join_paths(folders.iter().filter(|folder| folder.is_dir())).unwrap_or_default()
}

/// `2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef`.
fn log_stream(now: Timestamp, version: Version, unique: Uuid) -> String {
    format!("{}/[{version}]{}", now.strftime("%Y/%m/%d"), unique.simple())
}

/// What a function may set otherwise. The credentials are no secret: they open nothing anywhere.
const DEFAULTS: [(&str, &str); 9] = [
    ("AWS_ACCESS_KEY_ID", "LOCALLAMBDA"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
    ("AWS_SESSION_TOKEN", "local"),
    ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
    ("LANG", "en_US.UTF-8"),
    ("TZ", ":UTC"),
    ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
    ("_AWS_XRAY_DAEMON_PORT", "2000"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn environment(own: &[(&str, &str)], language: &[(&str, &str)]) -> BTreeMap<String, String> {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let program = Program {
            executable: "/srv/echo/bootstrap".into(),
            arguments: vec![],
            directory: "/srv/echo".into(),
            variables: map(language),
        };
        let function = Function {
            name: "echo".into(),
            runtime: "provided.al2023".into(),
            handler: "bootstrap".into(),
            program: Ok(program.clone()),
            variables: map(own),
            timeout: Duration::from_secs(3),
            memory_mb: 256,
            reserved_concurrency: None,
            events: crate::function::FunctionEvents::default(),
            url: None,
            version: Version::default(),
            code: crate::function::Code::default(),
            durable: None,
            alias: None,
        };
        let settings = Settings { path: "/home/me/bin".into(), ..Settings::default() };
        let text = |text: OsString| text.into_string().unwrap();
        all(&function, &program, &settings, "127.0.0.1:9")
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[track_caller]
    fn check(own: &[(&str, &str)], language: &[(&str, &str)], name: &str, expected: &str) {
        assert_eq!(environment(own, language).get(name).map(String::as_str), Some(expected), "{name}");
    }

    #[test]
    fn aws_names_are_there() {
        check(&[], &[], "AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9");
        check(&[], &[], "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        check(&[], &[], "LAMBDA_TASK_ROOT", "/srv/echo");
        check(&[], &[], "_HANDLER", "bootstrap");
    }

    #[test]
    fn the_hosts_programs_are_found_first() {
        check(&[], &[], "PATH", "/home/me/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin");
    }

    #[test]
    fn nothing_leaks_from_the_host() {
        let known = |name: &str| {
            name.starts_with("AWS_")
                || name.starts_with("_AWS_")
                || name.starts_with("LAMBDA_")
                || ["_HANDLER", "_X_AMZN_TRACE_ID", "PATH", "PWD", "LD_LIBRARY_PATH", "LANG", "TZ"]
                    .contains(&name)
        };
        let names: Vec<_> = environment(&[], &[]).into_keys().filter(|name| !known(name)).collect();
        assert_eq!(names, [] as [String; 0]);
    }

    #[test]
    fn a_function_replaces_defaults_but_not_what_is_reserved() {
        check(&[("TZ", "Europe/Berlin")], &[], "TZ", "Europe/Berlin");
        check(&[("AWS_REGION", "mars-1")], &[], "AWS_REGION", "us-east-1");
    }

    #[test]
    fn the_languages_search_path_comes_before_the_functions() {
        check(&[("PYTHONPATH", "lib")], &[("PYTHONPATH", "/ric")], "PYTHONPATH", "/ric:lib");
        check(&[("AWS_EXECUTION_ENV", "x")], &[("AWS_EXECUTION_ENV", "y")], "AWS_EXECUTION_ENV", "y");
    }

    #[test]
    fn a_log_stream_is_named_by_its_day() {
        let day = "2026-11-21T09:00:00Z".parse().unwrap();
        assert_eq!(
            log_stream(day, Version::Latest, Uuid::nil()),
            format!("2026/11/21/[$LATEST]{}", "0".repeat(32))
        );
    }
}
