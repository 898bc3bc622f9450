//! Where records and dead letters go, by ARN.
//!
//! Two kinds are there: this service's functions and SQS queues of its account, which are queues of the same database.
//! Whoever wants messages in a real SQS takes them out of there and sends them on: what is in the embedded queue is
//! durable together with the end of the event, which no call over a network could be.

use event_queue::QueueName;
use lambda_protocol::function::{FunctionArn, FunctionRef, Qualifier};

use crate::settings::Settings;

/// What an ARN stands for here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// A function of this region and account, which may be there or not.
    Function { name: String, qualifier: Option<String> },
    /// An SQS queue of this region and account; it is there as soon as something is in it.
    Sqs(QueueName),
    /// Something that exists on AWS, perhaps.
    Elsewhere,
}

impl Target {
    pub(crate) fn parse(arn: &str, settings: &Settings) -> Self {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, region, account, name] = parts[..] else { return Self::Elsewhere };
        if region != settings.region || account != settings.account {
            return Self::Elsewhere;
        }
        match service {
            "sqs" => queue_name(name).map_or(Self::Elsewhere, Self::Sqs),
            "lambda" => match FunctionRef::parse(arn) {
                Ok(FunctionRef { name, qualifier, .. }) => Self::Function {
                    name,
                    qualifier: qualifier.as_ref().map(Qualifier::as_str).map(str::to_owned),
                },
                Err(_) => Self::Elsewhere,
            },
            _ => Self::Elsewhere,
        }
    }
}

/// A standard queue's. AWS delivers asynchronous results to no others.
fn queue_name(text: &str) -> Option<QueueName> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_plain { QueueName::parse(text).ok() } else { None }
}

/// `None` keeps the ARN without a qualifier.
pub(crate) fn function_arn(settings: &Settings, name: &str, qualifier: Option<&str>) -> String {
    FunctionArn { region: &settings.region, account: &settings.account, name, qualifier }.to_string()
}

/// Whether `text` may be a destination's ARN at all: what [`DESTINATION_PATTERN`] matches.
pub(crate) fn is_destination(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    if let Some(topic) = text.strip_prefix("kafka://") {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        return !topic.is_empty()
            && topic.len() <= 249
            && !topic.starts_with('.')
            && topic.bytes().all(plain);
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, _] = parts[..] else { return false };
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_account = account.is_empty() || account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    partition.strip_prefix("aws").is_some_and(word)
        && !service.is_empty()
        && word(service)
        && (region.is_empty() || is_region(region))
        && is_account
}

/// A name that only a region makes well-formed.
fn is_region(text: &str) -> bool {
    FunctionRef::parse(&format!("arn:aws:lambda:{text}:000000000000:function:f"))
        .is_ok_and(|parsed| parsed.region.as_deref() == Some(text))
}

/// Quoted by `ValidationException`. Source: service model, `DestinationArn`.
pub(crate) const DESTINATION_PATTERN: &str = r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)";

/// Bytes. Source: service model, `DestinationArn`.
pub(crate) const MAX_DESTINATION_BYTES: usize = 350;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arn: &str, expected: &Target) {
        assert_eq!(&Target::parse(arn, &Settings::default()), expected, "{arn}");
        assert!(is_destination(arn), "{arn}");
    }

    #[test]
    fn functions_and_queues_of_this_account_are_here() {
        let function = |qualifier: Option<&str>| Target::Function {
            name: "f".to_owned(),
            qualifier: qualifier.map(str::to_owned),
        };
        check("arn:aws:lambda:us-east-1:000000000000:function:f", &function(None));
        check("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST", &function(Some("$LATEST")));
        let queue = Target::Sqs(QueueName::parse("jobs").unwrap());
        check("arn:aws:sqs:us-east-1:000000000000:jobs", &queue);
    }

    #[test]
    fn everything_else_is_elsewhere() {
        for arn in [
            "arn:aws:sqs:eu-west-1:000000000000:jobs",
            "arn:aws:sqs:us-east-1:111111111111:jobs",
            "arn:aws:sqs:us-east-1:000000000000:jobs.fifo",
            "arn:aws:sns:us-east-1:000000000000:topic",
            "arn:aws:s3:::bucket",
            "",
        ] {
            check(arn, &Target::Elsewhere);
        }
    }

    #[test]
    fn a_destination_has_a_pattern() {
        for text in ["invalid", "arn:aws:_-/!lambda:us-east-1:000000000000:function:f", "arn:aws:sqs:here::x"]
        {
            assert!(!is_destination(text), "{text}");
        }
        assert!(is_destination("kafka://topic"));
    }
}
