//! The ticket in an event, found again once Lambda has copied the event into a destination record.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::object;

/// What is read of an event to know whose callback it promises. All else in it is passed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ticketed<'a> {
    /// `requestContext.stayput.ticket`, whatever is in it: to be opened by who holds the key.
    pub ticket: Cow<'a, str>,
    /// `requestContext.requestId`.
    pub request_id: Option<Cow<'a, str>>,
}

impl<'a> Ticketed<'a> {
    /// `None`: the event has no ticket, so it is not ours. Only the three objects on the way to the ticket are looked
    /// into, each once.
    pub fn find(event: &'a RawValue) -> Option<Self> {
        let [context] = pick(event, ["requestContext"])?;
        let [own, request_id] = pick(context?, ["stayput", "requestId"])?;
        let [ticket] = pick(own?, ["ticket"])?;
        Some(Self { ticket: object::string(ticket?)?, request_id: request_id.and_then(object::string) })
    }
}

/// The members of these names; of several, the last. `None`: not an object.
fn pick<'a, const N: usize>(json: &'a RawValue, names: [&str; N]) -> Option<[Option<&'a RawValue>; N]> {
    let mut found = [None; N];
    object::members(json.get().as_bytes(), |key, value| {
        if let Some(at) = names.iter().position(|name| *name == key) {
            found[at] = Some(value);
        }
    })
    .ok()?;
    Some(found)
}

/// Bytes of the longest ticket. Ours: a callback URL of 2,048 bytes, what is echoed and the names, sealed and as base64,
/// have room twice.
pub const MAX_TICKET_BYTES: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event: &str, expected: Option<(&str, Option<&str>)>) {
        let event: &RawValue = serde_json::from_str(event).unwrap();
        let found = Ticketed::find(event);
        let found = found.as_ref().map(|found| (&*found.ticket, found.request_id.as_deref()));
        assert_eq!(found, expected, "in {event}");
    }

    #[test]
    fn a_ticket_is_found_where_the_gateway_puts_it() {
        check(
            r#"{"body":"x","requestContext":{"requestId":"1","stayput":{"headers":[["a","b"]],"ticket":"t"}}}"#,
            Some(("t", Some("1"))),
        );
        check(r#"{"requestContext":{"stayput":{"ticket":""}}}"#, Some(("", None)));
        check(r#"{"requestContext":{"stayput":{"ticket":"a\u0062"},"requestId":7}}"#, Some(("ab", None)));
    }

    #[test]
    fn an_event_without_one_is_nobodys_mistake() {
        for event in [
            "null",
            "[]",
            "7",
            r#""requestContext""#,
            "{}",
            r#"{"ticket":"t","stayput":{"ticket":"t"}}"#,
            r#"{"requestContext":null}"#,
            r#"{"requestContext":{"stayput":[]}}"#,
            r#"{"requestContext":{"stayput":{"ticket":null}}}"#,
            r#"{"body":"{\"requestContext\":{\"stayput\":{\"ticket\":\"t\"}}}"}"#,
        ] {
            check(event, None);
        }
    }
}
