//! The table and the keys of the conversations, as a configuration file says them.

use stayput_core::{Credential, keys::CredentialHash};

use crate::corpus::setup::{FUNCTIONS, ONCE, OTHER_ONLY, RIGHTS};

pub(crate) fn configuration() -> String {
    FUNCTIONS.iter().map(|(dialect, names)| rows(dialect, *names)).chain([ELSEWHERE.to_owned()]).collect()
}

fn rows(dialect: &str, [echo, slow, other, event, stream]: [&str; 5]) -> String {
    let functions = format!(
        r#"
[[function]]
lambda = "echo-fn"
{dialect} = "{echo}"
[[function]]
lambda = "slow-fn"
{dialect} = "{slow}"
timeout = "300ms"
[[function]]
lambda = "other-fn"
{dialect} = "{other}"
[[function]]
lambda = "event-fn"
{dialect} = "{event}"
payload = "event"
[[function]]
lambda = "stream-fn"
{dialect} = "{stream}"
stream = true
"#
    );
    let keys = RIGHTS.iter().map(|(suffix, rights)| {
        let hash = CredentialHash::of(&Credential::new(format!("{dialect}-key{suffix}"))).0;
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let rights: Vec<&str> = rights.iter().map(|right| right.as_str()).collect();
        let more = match *suffix {
            OTHER_ONLY => format!("functions = [\"{other}\"]"),
            ONCE => "rate = \"1/h\"".to_owned(),
            _ => String::new(),
        };
        format!(
            r#"
[[key]]
label = "{dialect}{suffix}"
sha256 = "{hash}"
dialects = ["{dialect}"]
rights = {rights:?}
{more}
"#
        )
    });
    functions + &keys.collect::<String>()
}

/// What one dialect only has.
const ELSEWHERE: &str = r#"
[[function]]
lambda = "echo-fn"
qualifier = "live"
openfaas = "echo.team"
[[key]]
label = "openfaas-anonymous"
anonymous = true
dialects = ["openfaas"]
functions = ["echo", "echo.team", "slow", "event", "stream"]
rights = ["invoke", "async"]
"#;
