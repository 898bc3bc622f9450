//! What a template says of durable executions: a function's `DurableConfig`.
//!
//! Source: CloudFormation resource reference, `AWS::Lambda::Function` `DurableConfig`; SAM's has the same members.

use super::{evaluator::Evaluator, findings::Reported, tree::Node};
use crate::function::DurableConfig;

/// The property's name.
pub(super) const PROPERTY: &str = "DurableConfig";

/// Reads the property, evaluated.
pub(super) fn read(evaluator: &mut Evaluator<'_>, node: &Node) -> Result<DurableConfig, Reported> {
    const TIMEOUT: &str = "ExecutionTimeout";
    const RETENTION: &str = "RetentionPeriodInDays";
    evaluator.check_keys(node, PROPERTY, &[TIMEOUT, RETENTION, "KMSKeyArn"])?;
    let timeout = evaluator.number_member(node, TIMEOUT, 1..=DurableConfig::EXECUTION_TIMEOUT_MAX_S);
    let retention = evaluator.number_member(node, RETENTION, 1..=DurableConfig::RETENTION_MAX_DAYS);
    let (timeout, retention) = (timeout?, retention?);
    let Some(timeout) = timeout else {
        return Err(evaluator.found.mistake(node.place, format!("`{PROPERTY}` needs `{TIMEOUT}`, seconds")));
    };
    let retention_days = retention.map_or(DurableConfig::RETENTION_DAYS, u64::from);
    Ok(DurableConfig { execution_timeout_s: timeout.into(), retention_days })
}
