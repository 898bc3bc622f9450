//! EventBridge's rules, as far as they send to one target. Source: EventBridge API reference, in the JSON protocol.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::json::{JsonService, ServiceError};

/// The default bus, on which AWS tells what its services do.
#[derive(Debug)]
pub struct EventBridge {
    service: JsonService,
}

/// One rule.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    pub name: String,
    pub arn: String,
    /// JSON. `None`: it goes by the clock.
    pub event_pattern: Option<String>,
    /// `ENABLED`, `DISABLED`, or more words behind the first.
    pub state: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    target_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    rule_names: Vec<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Describe<'a> {
    name: &'a str,
}

impl EventBridge {
    pub(super) fn new(service: JsonService) -> Self {
        Self { service }
    }

    /// Every rule that sends to the target.
    ///
    /// # Errors
    /// EventBridge does not say.
    pub async fn rules_to(&self, target_arn: &str) -> Result<Vec<Rule>, ServiceError> {
        let mut rules = Vec::new();
        let mut next_token = None;
        loop {
            let list = List { target_arn, next_token };
            let listed: Listed = self.service.call("ListRuleNamesByTarget", &list, ANSWER_LIMIT).await?;
            for name in &listed.rule_names {
                rules.push(self.service.call("DescribeRule", &Describe { name }, ANSWER_LIMIT).await?);
            }
            next_token = listed.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                return Ok(rules);
            }
        }
    }
}

impl Rule {
    pub fn is_on(&self) -> bool {
        self.state.starts_with("ENABLED")
    }
}

/// For one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
