//! Credentials from the SDK's chain, renewed in the background: no call ever waits for them.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError,
};
use lambda_protocol::sigv4::{Credentials, SecretKey};

use crate::backend::lean::{Identities, Identity};

/// Looks for credentials the first time.
///
/// # Errors
/// The chain has none: nothing can be signed.
pub(super) async fn first(
    provider: &SharedCredentialsProvider,
    identities: &Identities,
) -> Result<Option<SystemTime>, CredentialsError> {
    let found = provider.provide_credentials().await?;
    let secret = SecretKey::new(found.secret_access_key());
    let credentials = Credentials::new(found.access_key_id(), secret, found.session_token())
        .map_err(CredentialsError::invalid_configuration)?;
    let expires = found.expiry();
    identities.replace(Identity::new(credentials, expires));
    Ok(expires)
}

/// Renews them before they expire, for as long as it is polled. What it finds wrong goes to the log; the old ones
/// count until they expire.
pub(super) async fn keep_fresh(
    provider: SharedCredentialsProvider,
    identities: Identities,
    mut expires: Option<SystemTime>,
) {
    let mut failures = 0;
    loop {
        let wait = match failures {
            0 => until_renewal(SystemTime::now(), expires),
            _ => after_failure(failures),
        };
        tokio::time::sleep(wait).await;
        match first(&provider, &identities).await {
            Ok(end) => (expires, failures) = (end, 0),
            Err(error) => {
                failures = failures.saturating_add(1);
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, failures, "AWS credentials could not be renewed");
            }
        }
    }
}

/// Five minutes before the end, or halfway there where that is sooner.
fn until_renewal(now: SystemTime, expires: Option<SystemTime>) -> Duration {
    let Some(expires) = expires else { return LOOK_AGAIN };
    let left = expires.duration_since(now).unwrap_or_default();
    left.saturating_sub(AHEAD).max(left / 2).clamp(MIN_WAIT, LOOK_AGAIN)
}

/// 1 s, 2 s, 4 s, … to a minute.
fn after_failure(failures: u32) -> Duration {
    MIN_WAIT.saturating_mul(1 << (failures - 1).min(6)).min(MAX_BACKOFF)
}

/// Credentials without an end come from files and variables, which may change all the same.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// How long before their end credentials are renewed. AWS makes new ones for an instance five minutes ahead
/// (EC2 user guide, "Retrieve security credentials from instance metadata").
const AHEAD: Duration = Duration::from_mins(5);

const MIN_WAIT: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left_s: Option<u64>, expected_s: u64) {
        let now = SystemTime::UNIX_EPOCH;
        let expires = left_s.map(|left| now + Duration::from_secs(left));
        assert_eq!(until_renewal(now, expires), Duration::from_secs(expected_s), "{left_s:?} s left");
    }

    #[test]
    fn credentials_are_renewed_well_before_their_end() {
        check(None, 3_600);
        check(Some(3_600), 3_300);
        check(Some(900), 600);
        check(Some(400), 200);
        check(Some(1), 1);
        check(Some(0), 1);
        check(Some(40 * 3_600), 3_600);
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let waits: Vec<u64> = [1, 2, 3, 6, 7, 60].map(|n| after_failure(n).as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 32, 60, 60]);
    }
}
