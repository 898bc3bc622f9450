//! One line per dialect to paste into a shell: the caller that already exists.

use stayput_core::{Credential, DIALECTS, Dialect, Mode};

use crate::routes::ListedRoute;

/// A curl line for each dialect in which some function answers. `available` knows Lambda functions by name;
/// `anonymous` says where nothing need be presented.
pub(super) fn lines(
    base: &str,
    secret: &Credential,
    routes: &[ListedRoute],
    available: impl Fn(&str) -> bool,
    anonymous: impl Fn(&ListedRoute) -> bool,
) -> Vec<(&'static str, String)> {
    let secret = String::from_utf8_lossy(secret.expose());
    let line = |dialect: &'static dyn Dialect| {
        let example = Example::of(dialect.name());
        let own = routes
            .iter()
            .filter(|listed| listed.dialect.name() == dialect.name() && listed.route.mode == Mode::Sync);
        let runs: Vec<_> = own.filter(|listed| available(&listed.function.lambda.name)).collect();
        let preferred = runs.iter().find(|listed| listed.function.lambda.name == example.function);
        let (listed, example) = match preferred {
            Some(listed) => (*listed, example),
            // Some function of the operator's: what suits our sample may not suit it.
            None => (*runs.first()?, Example { path: "", ..example }),
        };
        let secret = (!anonymous(listed)).then_some(&*secret);
        Some((dialect.name(), example.line(base, secret, listed)))
    };
    DIALECTS.iter().filter_map(|&dialect| line(dialect)).collect()
}

/// What a caller of a dialect sends to which sample.
#[derive(Clone, Copy, Debug)]
struct Example {
    function: &'static str,
    /// Behind the route: further levels, a query.
    path: &'static str,
    data: Option<&'static str>,
    /// What makes the answer readable.
    pipe: &'static str,
}

impl Example {
    /// As the platforms' own documents show calls.
    fn of(dialect: &str) -> Self {
        match dialect {
            "stedi" => Self { function: "echo", path: "", data: Some(JSON), pipe: " | base64 -d" },
            "altair" => {
                Self { function: "stock", path: "/stock/market/today?company=Google", data: None, pipe: "" }
            }
            _ => Self { function: "hello", path: "", data: Some("Ada"), pipe: "" },
        }
    }

    fn line(self, base: &str, secret: Option<&str>, listed: &ListedRoute) -> String {
        let mut words = vec!["curl".to_owned(), "-sS".to_owned()];
        if let Some(secret) = secret {
            let (name, value) = listed.dialect.credential_header(secret);
            words.extend(["-H".to_owned(), quoted(&format!("{name}: {value}"))]);
        }
        if let Some(data) = self.data {
            let data = if listed.function.payload_is_event { JSON } else { data };
            words.extend(["-d".to_owned(), quoted(data)]);
        }
        words.push(quoted(&format!("{base}{}{}", listed.route.path, self.path)));
        words.join(" ") + self.pipe
    }
}

/// A word that the shell takes as it is.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:%@".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// What any function takes that takes an event.
const JSON: &str = r#"{"name":"Ada"}"#;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{config::dev, routes};

    #[track_caller]
    fn check(functions: &[&str], missing: &str, expected: &[(&str, &str)]) {
        let table =
            dev::own_names(functions.iter().map(|name| dev::OwnName::new(name, Duration::from_secs(3))));
        let lines = lines(
            "http://h:1",
            &Credential::new("it's"),
            &routes::list(&table),
            |name| name != missing,
            |listed| listed.dialect.name() == "openfaas",
        );
        let lines: Vec<_> = lines.iter().map(|(dialect, line)| (*dialect, line.as_str())).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn each_dialect_calls_the_sample_that_suits_it() {
        check(
            &["zebra", "hello", "echo", "stock"],
            "",
            &[
                (
                    "stedi",
                    r#"curl -sS -H 'authorization: Key it'\''s' -d '{"name":"Ada"}' http://h:1/2021-11-16/functions/echo/invocations | base64 -d"#,
                ),
                (
                    "altair",
                    r"curl -sS -H 'authorization: Bearer it'\''s' 'http://h:1/spaces/dev/functions/stock/invoke/stock/market/today?company=Google'",
                ),
                (
                    "eywa",
                    r"curl -sS -H 'x-eywa-token: it'\''s' -d Ada http://h:1/eywa/api/functions/sync/46bcf8a0-e005-5afd-9a55-bb08a8c7a087/",
                ),
                ("openfaas", "curl -sS -d Ada http://h:1/function/hello"),
            ],
        );
    }

    #[test]
    fn without_the_samples_the_first_function_that_runs_is_called() {
        check(
            &["broken", "mine"],
            "broken",
            &[
                (
                    "stedi",
                    r#"curl -sS -H 'authorization: Key it'\''s' -d '{"name":"Ada"}' http://h:1/2021-11-16/functions/mine/invocations | base64 -d"#,
                ),
                (
                    "altair",
                    r"curl -sS -H 'authorization: Bearer it'\''s' http://h:1/spaces/dev/functions/mine/invoke",
                ),
                (
                    "eywa",
                    r"curl -sS -H 'x-eywa-token: it'\''s' -d Ada http://h:1/eywa/api/functions/sync/8f91c8ac-aeea-5d00-9b73-6eb3b0454213/",
                ),
                ("openfaas", "curl -sS -d Ada http://h:1/function/mine"),
            ],
        );
    }

    #[test]
    fn where_nothing_runs_nothing_is_called() {
        check(&["broken"], "broken", &[]);
    }
}
