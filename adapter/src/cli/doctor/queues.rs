//! The callbacks' queue and that of the dead letters: are they there, do they keep what comes, and from whom?

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Aws, Failure, Finding, unreachable};
use crate::{
    aws::{Account, ServiceError, Sqs},
    config::Config,
};

/// What SQS tells of a queue.
type Told = BTreeMap<String, String>;

/// The callbacks' queue, as it has answered.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) url: String,
    pub(super) arn: String,
    /// Who may use it; `None`: whom IAM lets.
    pub(super) policy: Option<String>,
}

/// The callbacks' queue, if there is one and it answers.
pub(super) async fn look(
    config: &Config,
    account: &Account,
    findings: &mut Vec<Finding>,
) -> Result<Option<(Arc<Sqs>, Answering)>, Failure> {
    let Some(url) = &config.callback.queue else {
        findings.push(Finding::well(QUEUE, "not set: no callback is promised"));
        return Ok(None);
    };
    let mut answering = None;
    for (setting, url) in [(QUEUE, Some(url)), (DEAD_LETTERS, config.callback.dead_letters.as_ref())] {
        let Some(url) = url.map(ToString::to_string) else { continue };
        let queue = account.queue(&url).map_err(|cause| unreachable(&cause))?;
        let told = queue.attributes(&["All"]).await;
        if let (Ok(told), QUEUE) = (&told, setting) {
            let arn = told.get("QueueArn").cloned().unwrap_or_default();
            let policy = told.get("Policy").cloned();
            answering = Some((Arc::new(queue), Answering { url: url.clone(), arn, policy }));
        }
        findings.extend(examine(setting, &url, &Aws { region: account.region() }, told));
    }
    Ok(answering)
}

fn examine(setting: &str, url: &str, aws: &Aws<'_>, told: Result<Told, ServiceError>) -> Vec<Finding> {
    let told = match told {
        Ok(told) => told,
        Err(error) => {
            let mend = match &error {
                ServiceError::Refused { name, .. } if is_unknown(name) => create(url, aws),
                _ => "allow sqs:GetQueueAttributes on it".to_owned(),
            };
            return vec![Finding::to_mend(setting, error.to_string(), mend)];
        }
    };
    if told.get("FifoQueue").is_some_and(|fifo| fifo == "true") {
        let seen = "a FIFO queue, to which Lambda sends nothing";
        return vec![Finding::to_mend(setting, seen, "name a standard queue")];
    }
    let arn = told.get("QueueArn").cloned().unwrap_or_default();
    let set = |attributes: Value| {
        aws.sqs("set-queue-attributes", &format!("--queue-url {url} --attributes '{attributes}'"))
    };
    let kept: u64 = told.get("MessageRetentionPeriod").and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut findings = vec![Finding::well(setting, arn)];
    let mut add = |aspect: &str, seen: String, mend| {
        findings.push(Finding::to_mend(format!("{setting}, {aspect}"), seen, mend));
    };
    if kept < KEPT.as_secs() {
        let mend = set(json!({ "MessageRetentionPeriod": KEPT.as_secs().to_string() }));
        add("messages kept", format!("{kept} s, and then they are gone unseen"), mend);
    }
    if !is_encrypted(&told) {
        add("encryption", "none".to_owned(), set(json!({ "SqsManagedSseEnabled": "true" })));
    }
    if told.get("Policy").is_some_and(|policy| is_for_everybody(policy)) {
        add("who may use it", "everybody".to_owned(), set(json!({ "Policy": "" })));
    }
    let redrive =
        told.get("RedrivePolicy").and_then(|policy| Redrive::read(policy)).filter(|_| setting == QUEUE);
    if let Some(Redrive { target, receives }) = redrive.filter(|redrive| redrive.receives < RECEIVES) {
        let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": RECEIVES.to_string() });
        let mend = set(json!({ "RedrivePolicy": policy.to_string() }));
        add("receives", format!("{receives}, though each attempt and each wait takes one"), mend);
    }
    findings
}

fn create(url: &str, aws: &Aws<'_>) -> String {
    let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    aws.sqs(
        "create-queue",
        &format!("--queue-name {name} --attributes MessageRetentionPeriod={}", KEPT.as_secs()),
    )
}

/// As the two protocols of SQS name it.
fn is_unknown(name: &str) -> bool {
    matches!(name, "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue")
}

fn is_encrypted(told: &Told) -> bool {
    told.get("SqsManagedSseEnabled").is_some_and(|enabled| enabled == "true")
        || told.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty())
}

/// Does a statement allow something to whoever comes, under no condition?
pub(super) fn is_for_everybody(policy: &str) -> bool {
    let policy = serde_json::from_str::<Value>(policy).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let names_everybody = |principal: &Value| match principal {
        Value::String(name) => name == "*",
        Value::Array(names) => names.iter().any(|name| name == "*"),
        _ => false,
    };
    statements.iter().any(|statement| {
        let principal = &statement["Principal"];
        statement["Effect"] == "Allow"
            && statement.get("Condition").is_none()
            && (names_everybody(principal) || names_everybody(&principal["AWS"]))
    })
}

/// Where SQS itself puts a message that was received too often.
struct Redrive {
    target: String,
    receives: u64,
}

impl Redrive {
    /// `None`: there is no such policy.
    fn read(policy: &str) -> Option<Self> {
        /// Written as a number or as text.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Policy {
            dead_letter_target_arn: String,
            max_receive_count: Value,
        }
        let policy: Policy = serde_json::from_str(policy).ok()?;
        let count = &policy.max_receive_count;
        let receives = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
        Some(Self { target: policy.dead_letter_target_arn, receives })
    }
}

const QUEUE: &str = "callback.queue";
const DEAD_LETTERS: &str = "callback.dead_letters";

/// As long as SQS keeps a message at most, and as a ticket counts.
const KEPT: Duration = stayput_core::callback::LIFETIME;

/// As many as SQS lets it be: attempts are counted in the ledger.
const RECEIVES: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is to mend about a queue that differs from a good one by these attributes, and a part of the command for it.
    #[track_caller]
    fn check(changed: &[(&str, &str)], expected: &[(&str, &str)]) {
        let good = [
            ("QueueArn", "arn:aws:sqs:eu-central-1:123456789012:callbacks"),
            ("MessageRetentionPeriod", "1209600"),
            ("SqsManagedSseEnabled", "true"),
        ];
        let told = good.iter().chain(changed).map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let aws = Aws { region: "eu-central-1" };
        let findings = examine(
            QUEUE,
            "https://sqs.eu-central-1.amazonaws.com/123456789012/callbacks",
            &aws,
            Ok(told.collect()),
        );
        let mends: Vec<_> =
            findings.iter().filter_map(|finding| Some((&*finding.what, finding.mend.as_deref()?))).collect();
        assert_eq!(mends.len(), expected.len(), "{mends:?}");
        for ((what, mend), (named, part)) in mends.iter().zip(expected) {
            assert!(what == named && mend.contains(part), "{what}: {mend}");
        }
    }

    #[test]
    fn a_queue_as_sqs_makes_them_keeps_its_messages_for_too_short_a_time() {
        check(&[], &[]);
        check(
            &[("MessageRetentionPeriod", "345600")],
            &[("callback.queue, messages kept", r#"'{"MessageRetentionPeriod":"1209600"}'"#)],
        );
    }

    #[test]
    fn a_queue_may_have_a_key_of_its_own() {
        let off = ("SqsManagedSseEnabled", "false");
        check(&[off], &[("callback.queue, encryption", "SqsManagedSseEnabled")]);
        check(&[off, ("KmsMasterKeyId", "alias/callbacks")], &[]);
    }

    #[test]
    fn a_message_may_come_back_as_often_as_sqs_lets_it() {
        let redrive = |receives: &str| {
            format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:a:1:dead","maxReceiveCount":{receives}}}"#)
        };
        for few in ["12", "\"12\""] {
            check(
                &[("RedrivePolicy", &redrive(few))],
                &[("callback.queue, receives", r#"\"maxReceiveCount\":\"1000\""#)],
            );
        }
        check(&[("RedrivePolicy", &redrive("1000"))], &[]);
    }

    #[test]
    fn not_everybody_may_send() {
        let policy = |principal: &str, besides: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Action":"sqs:*","Principal":{principal}{besides}}}]}}"#
            )
        };
        for everybody in ["\"*\"", r#"{"AWS":"*"}"#, r#"{"AWS":["*"]}"#] {
            check(&[("Policy", &policy(everybody, ""))], &[("callback.queue, who may use it", "Policy")]);
            check(&[("Policy", &policy(everybody, r#","Condition":{"ArnEquals":{}}"#))], &[]);
        }
        check(&[("Policy", &policy(r#"{"AWS":"arn:aws:iam::123456789012:role/works"}"#, ""))], &[]);
    }

    #[test]
    fn a_fifo_queue_is_none_for_lambda() {
        check(&[("FifoQueue", "true")], &[("callback.queue", "standard")]);
    }
}
