//! What never changes of an execution, and how it is named.

use lambda_durable::{ErrorObject, Moment, NewExecution};
use serde::{Deserialize, Serialize};

use crate::{
    events::targets::function_arn,
    function::{DurableConfig, Version},
    settings::Settings,
};

/// What is known of an execution from its beginning.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct About {
    /// A UUID.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) function: String,
    /// Which goes on with it, whatever becomes of the qualifier.
    pub(crate) version: Version,
    /// As whoever started it named it.
    pub(crate) qualifier: String,
    pub(crate) config: DurableConfig,
    /// `X-Amzn-Trace-Id` of its invocations.
    pub(crate) trace: String,
    /// Of the call that started it.
    pub(crate) request_id: String,
    /// Who waits for its end.
    pub(crate) parent: Option<Parent>,
}

/// The operation of another execution that invoked this one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Parent {
    pub(crate) execution: String,
    pub(crate) operation: String,
}

impl About {
    pub(crate) fn arn(&self, settings: &Settings) -> String {
        execution_arn(&self.function, &self.version.to_string(), &self.name, &self.id, settings)
    }

    /// With its version.
    pub(crate) fn version_arn(&self, settings: &Settings) -> String {
        function_arn(settings, &self.function, Some(&self.version.to_string()))
    }

    pub(crate) fn new_execution(&self, input: String, settings: &Settings) -> NewExecution {
        let timeout_s = self.config.execution_timeout_s;
        NewExecution { id: self.id.clone(), arn: self.arn(settings), input, timeout_s }
    }

    /// What an execution whose time was over tells whoever invoked it. Source: `reference/durable.md` 4.6.
    pub(crate) fn timed_out(&self) -> ErrorObject {
        let text = format!("CHAINED_INVOKE timed out after {} seconds.", self.config.execution_timeout_s);
        ErrorObject::new("ChainedInvoke.Timeout", text)
    }

    /// When nothing of it has to be there any more.
    pub(crate) fn kept_until(&self, end: Moment) -> Moment {
        end.plus_seconds(self.config.retention_days * SECONDS_OF_A_DAY)
    }
}

/// Source: service model, `DurableExecutionArn`.
pub(super) fn execution_arn(
    function: &str,
    version: &str,
    name: &str,
    id: &str,
    settings: &Settings,
) -> String {
    format!("{}{SEPARATOR}{name}/{id}", function_arn(settings, function, Some(version)))
}

/// The id in an execution's ARN. `None`: it is none.
pub(crate) fn id_of(arn: &str) -> Option<&str> {
    name_and_id(arn).map(|(_, id)| id)
}

/// What tells an execution from all others of its function.
pub(super) fn name_and_id(arn: &str) -> Option<(&str, &str)> {
    let (function, execution) = arn.split_once(SEPARATOR)?;
    let (name, id) = execution.split_once('/')?;
    let is_plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (function.starts_with("arn:") && is_plain(name) && is_plain(id)).then_some((name, id))
}

const SEPARATOR: &str = "/durable-execution/";

const SECONDS_OF_A_DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executions_arn_says_its_id() {
        let about = About {
            id: "0b".to_owned(),
            name: "order-7".to_owned(),
            function: "shop".to_owned(),
            version: Version::Latest,
            qualifier: "$LATEST".to_owned(),
            config: DurableConfig { execution_timeout_s: 60, retention_days: 14 },
            trace: String::new(),
            request_id: String::new(),
            parent: None,
        };
        let arn = about.arn(&Settings::default());
        let expected =
            "arn:aws:lambda:us-east-1:000000000000:function:shop:$LATEST/durable-execution/order-7/0b";
        assert_eq!(arn, expected);
        assert_eq!(id_of(&arn), Some("0b"));
    }

    #[test]
    fn other_texts_are_no_executions_arn() {
        for text in [
            "",
            "arn:aws:lambda:us-east-1:1:function:f:1",
            "x/durable-execution/a/b",
            "arn:/durable-execution/a",
        ] {
            assert_eq!(id_of(text), None, "{text}");
        }
    }
}
