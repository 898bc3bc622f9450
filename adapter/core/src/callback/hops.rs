//! How often a call has come round: callbacks that call this gateway again would else do so for ever.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Rejection;

/// Through how many gateways' callbacks a call has come: 0 for one that no callback made.
///
/// The count is not signed. Whoever can take the field away or lower it can also make the call anew without it; and
/// whoever raises it has their own call refused.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Hops(pub u8);

impl Hops {
    /// What a request says of itself. What is no count is too many.
    pub fn of(headers: &HeaderMap) -> Self {
        let count = |value: &HeaderValue| value.to_str().ok().and_then(|text| text.parse().ok());
        Self(headers.get(X_STAYPUT_HOPS).map_or(0, |value| count(value).unwrap_or(u8::MAX)))
    }

    /// One more.
    ///
    /// # Errors
    /// [`Rejection::Loop`] from [`MAX_HOPS`] on.
    pub fn next(self) -> Result<Self, Rejection> {
        if self.0 < MAX_HOPS { Ok(Self(self.0 + 1)) } else { Err(Rejection::Loop { limit: MAX_HOPS }) }
    }

    /// The field that tells it.
    pub(super) fn field(self) -> (HeaderName, HeaderValue) {
        (X_STAYPUT_HOPS, HeaderValue::from(u16::from(self.0)))
    }
}

/// Ours: as deep as anybody chains callbacks on purpose, with room.
pub const MAX_HOPS: u8 = 8;

/// One of the names that cross the gateway in neither direction.
const X_STAYPUT_HOPS: HeaderName = HeaderName::from_static("x-stayput-hops");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(told: Option<&'static str>, expected: Option<u8>) {
        let field = told.map(|told| (X_STAYPUT_HOPS, HeaderValue::from_static(told)));
        let next = Hops::of(&HeaderMap::from_iter(field)).next();
        let expected = expected.ok_or(Rejection::Loop { limit: 8 });
        assert_eq!(next.map(|hops| hops.0), expected, "{told:?}");
    }

    #[test]
    fn a_call_comes_round_eight_times_at_most() {
        check(None, Some(1));
        check(Some("1"), Some(2));
        check(Some("7"), Some(8));
        for told in ["8", "255", "256", "-1", "", "many"] {
            check(Some(told), None);
        }
    }

    #[test]
    fn the_next_gateway_reads_what_this_one_told() {
        assert_eq!(Hops::of(&HeaderMap::from_iter([Hops(3).field()])), Hops(3));
    }
}
