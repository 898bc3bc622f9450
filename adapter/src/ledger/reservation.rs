//! What a repeated request is, decided from what is remembered of the first. No clock and no storage.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// A call that is about to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reservation {
    pub call: Uuid,
    /// SHA-256 of the request's body.
    pub fingerprint: [u8; 32],
    pub at: SystemTime,
}

/// What is remembered of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    pub reservation: Reservation,
    /// Has Lambda taken it?
    pub invoked: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// The call is to be made, as this one.
    Reserve(Reservation),
    /// It was made, under this id.
    Replay(Uuid),
    /// The key stands for another request.
    Conflict,
    /// Another request is making it at this moment.
    InProgress,
}

impl Entry {
    /// From what is remembered, if anything is, to what to do with `wanted`.
    pub fn decide(remembered: Option<Self>, wanted: Reservation) -> Decision {
        let Some(Self { reservation, invoked }) = remembered else { return Decision::Reserve(wanted) };
        if reservation.fingerprint != wanted.fingerprint {
            Decision::Conflict
        } else if invoked {
            Decision::Replay(reservation.call)
        } else if wanted.at.duration_since(reservation.at).unwrap_or_default() < IN_PROGRESS {
            Decision::InProgress
        } else {
            // Whoever was making it has died on the way, and nobody knows how far it got: made again, as the same call.
            Decision::Reserve(Reservation { at: wanted.at, ..reservation })
        }
    }

    /// ```text
    /// 1 byte: 1 if invoked │ 16: call │ 32: fingerprint │ 8: milliseconds since 1970, big-endian
    /// ```
    pub fn encode(self) -> Vec<u8> {
        let Reservation { call, fingerprint, at } = self.reservation;
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        [&[u8::from(self.invoked)], &call.as_bytes()[..], &fingerprint, &at.to_be_bytes()].concat()
    }

    /// `None`: not written by [`encode`](Self::encode).
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&invoked, rest) = bytes.split_first()?;
        let (call, rest) = rest.split_first_chunk()?;
        let (fingerprint, rest) = rest.split_first_chunk()?;
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(u64::from_be_bytes(rest.try_into().ok()?)))?;
        let reservation = Reservation { call: Uuid::from_bytes(*call), fingerprint: *fingerprint, at };
        Some(Self { reservation, invoked: invoked == 1 })
    }
}

/// How long a key stands for its request. Source: security-and-delivery.md 1.2.
pub(super) const REMEMBERED: Duration = Duration::from_hours(24);

/// Longer than Lambda takes to accept an event.
const IN_PROGRESS: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(call: u128, body: u8, s: u64) -> Reservation {
        let at = UNIX_EPOCH + Duration::from_secs(1_800_000_000 + s);
        Reservation { call: Uuid::from_u128(call), fingerprint: [body; 32], at }
    }

    #[track_caller]
    fn check(first: Option<(Reservation, bool)>, second: Reservation, expected: Decision) {
        let remembered = first.map(|(reservation, invoked)| Entry { reservation, invoked });
        assert_eq!(Entry::decide(remembered, second), expected);
    }

    #[test]
    fn a_new_key_is_reserved() {
        check(None, wanted(1, 1, 0), Decision::Reserve(wanted(1, 1, 0)));
    }

    #[test]
    fn the_same_request_gets_the_same_id_and_another_is_a_conflict() {
        let first = Some((wanted(1, 1, 0), true));
        check(first, wanted(2, 1, 5), Decision::Replay(Uuid::from_u128(1)));
        check(first, wanted(2, 9, 5), Decision::Conflict);
    }

    #[test]
    fn what_nobody_knows_the_end_of_is_made_again_as_the_same_call() {
        let first = Some((wanted(1, 1, 0), false));
        check(first, wanted(2, 1, 29), Decision::InProgress);
        check(first, wanted(2, 9, 29), Decision::Conflict);
        check(first, wanted(2, 1, 30), Decision::Reserve(wanted(1, 1, 30)));
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        for invoked in [true, false] {
            let entry = Entry { reservation: wanted(7, 3, 1), invoked };
            let bytes = entry.encode();
            assert_eq!(Entry::decode(&bytes), Some(entry));
            assert_eq!(Entry::decode(&bytes[1..]), None);
            assert_eq!(Entry::decode(&[&bytes[..], b"x"].concat()), None);
        }
    }
}
