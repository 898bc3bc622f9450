//! How long to wait before the next attempt.

/// Seconds after the `attempt`-th failure, counted from 1.
pub(crate) fn before_next(attempt: u32) -> u64 {
    let at = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    PAUSES_S[at.min(PAUSES_S.len() - 1)]
}

/// Ours: about five times as long each time, an hour at most. The first five are what [`Run::retries`](super::Run::retries)
/// tells.
const PAUSES_S: [u64; 7] = [1, 5, 30, 120, 600, 1_800, 3_600];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_they_are_an_hour() {
        let pauses: Vec<_> = (1..=9).map(before_next).collect();
        assert_eq!(pauses, [1, 5, 30, 120, 600, 1_800, 3_600, 3_600, 3_600]);
        assert_eq!((before_next(0), before_next(u32::MAX)), (1, 3_600));
    }
}
