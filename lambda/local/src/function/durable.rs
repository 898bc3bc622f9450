//! What makes a function durable.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Lambda's `DurableConfig`: a call of the function starts an execution, which may take many invocations. Source: service model.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DurableConfig {
    /// How long an execution may take over all its invocations, seconds: 1 to 31,622,400, which are 366 days.
    pub execution_timeout_s: u64,
    /// How long it is kept after its end, days: 1 to 90.
    pub retention_days: u64,
}

impl DurableConfig {
    /// If nothing is said. Source: `reference/durable.md` 4.7.
    pub const RETENTION_DAYS: u64 = 14;
    /// For how long a caller may wait for an execution's end.
    pub const AWAITED_MAX: Duration = Duration::from_mins(15);
    pub(crate) const EXECUTION_TIMEOUT_MAX_S: u32 = 31_622_400;
    pub(crate) const RETENTION_MAX_DAYS: u32 = 90;

    /// Whether a caller may wait for an execution's end. Source: service, as observed in `reference/lambda-service.md` 6.2.
    pub(crate) fn can_be_awaited(self) -> bool {
        self.execution_timeout_s <= Self::AWAITED_MAX.as_secs()
    }
}
