//! Server-sent events: what a browser's `EventSource` reads.
//!
//! ```
//! use stayput_runtime::{Bytes, Context, Error, Streamed, http::{Request, Response}, sse};
//!
//! async fn news(_: Request<Bytes>, _: Context) -> Result<Response<Streamed>, Error> {
//!     Ok(sse::response(Streamed::new(async |out| {
//!         out.write(sse::Event::data("it has begun").id("1")?).await?;
//!         out.write(sse::Event::data("that was it").id("2")?.name("end")?).await?;
//!         Ok(())
//!     })))
//! }
//! # let _handler = news;
//! ```
//!
//! A browser that is cut off comes again after a while, with the last id in the header `last-event-id`; it does so after
//! an ordinary end, too. Name the last event, and let the page close its `EventSource` when it comes.
//!
//! Source: WHATWG HTML standard, section 9.2, "Server-sent events".

use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

/// One event; or a comment, or both.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event {
    comment: Option<String>,
    name: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
    data: Option<String>,
}

impl Event {
    /// An event with this text, which may have several lines. Readers see each line break as LF, however it was written.
    pub fn data(text: impl Into<String>) -> Self {
        Self { data: Some(text.into()), ..Self::default() }
    }

    /// No event at all, but something to send, such as a sign of life. Readers pass over it.
    pub fn comment(text: impl Into<String>) -> Self {
        Self { comment: Some(text.into()), ..Self::default() }
    }

    /// With a name: pages listen for that instead of `message`.
    ///
    /// # Errors
    /// `name` is not one line.
    pub fn name(self, name: impl Into<String>) -> Result<Self, NotOneLine> {
        Ok(Self { name: Some(one_line(name.into())?), ..self })
    }

    /// With an id, which a reader that comes again sends as `last-event-id`. An empty one takes the last back.
    ///
    /// # Errors
    /// `id` is not one line.
    pub fn id(self, id: impl Into<String>) -> Result<Self, NotOneLine> {
        Ok(Self { id: Some(one_line(id.into())?), ..self })
    }

    /// With how long readers are to wait before they come again, in whole milliseconds.
    #[must_use]
    pub fn retry(self, after: Duration) -> Self {
        Self { retry: Some(after), ..self }
    }

    fn encode(&self) -> String {
        let mut out = String::new();
        lines(&mut out, "", self.comment.as_deref());
        lines(&mut out, "event", self.name.as_deref());
        lines(&mut out, "id", self.id.as_deref());
        if let Some(after) = self.retry {
            writeln!(out, "retry: {}", after.as_millis()).expect("a text takes everything");
        }
        lines(&mut out, "data", self.data.as_deref());
        out.push('\n');
        out
    }
}

impl From<Event> for Bytes {
    fn from(event: Event) -> Self {
        event.encode().into()
    }
}

/// An answer whose body is events, which nobody on the way is to keep.
pub fn response<S>(events: S) -> Response<S> {
    let mut response = Response::new(events);
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// An id or a name with a line break would be more than that to its reader, and one with NUL is nothing to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the id or name of an event has CR, LF or NUL at byte {at}")]
pub struct NotOneLine {
    /// Where the first of them is.
    pub at: usize,
}

fn one_line(text: String) -> Result<String, NotOneLine> {
    match text.find(['\r', '\n', '\0']) {
        Some(at) => Err(NotOneLine { at }),
        None => Ok(text),
    }
}

/// A line for each line of `text`. The space is not part of a value, so that one that begins with a space keeps it.
fn lines(out: &mut String, field: &str, text: Option<&str>) {
    let text = text.map(|text| text.replace("\r\n", "\n"));
    for line in text.iter().flat_map(|text| text.split(['\r', '\n'])) {
        writeln!(out, "{field}: {line}").expect("a text takes everything");
    }
}

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(event: Event, expected: &str) {
        assert_eq!(Bytes::from(event), expected);
    }

    #[test]
    fn an_event_is_its_fields_and_an_empty_line() {
        check(Event::data("a"), "data: a\n\n");
        let event = Event::data("{}").id("7").unwrap().name("tick").unwrap().retry(Duration::from_secs(2));
        check(event, "event: tick\nid: 7\nretry: 2000\ndata: {}\n\n");
        check(Event::comment("alive\nstill"), ": alive\n: still\n\n");
    }

    #[test]
    fn each_line_of_the_data_is_a_line() {
        check(Event::data("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
        check(Event::data(""), "data: \n\n");
        check(Event::data("\n"), "data: \ndata: \n\n");
        check(Event::data(" a"), "data:  a\n\n");
    }

    #[test]
    fn nothing_is_smuggled_through_an_id_or_a_name() {
        assert_eq!(Event::data("").id("1\ndata: evil"), Err(NotOneLine { at: 1 }));
        assert_eq!(Event::data("").name("a\r"), Err(NotOneLine { at: 1 }));
        assert_eq!(Event::data("").id("\0"), Err(NotOneLine { at: 0 }));
    }

    #[test]
    fn the_answer_says_what_it_is() {
        let response = response(());
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }

    /// Name and data of each event that a reader dispatches, and its last id, by the letter of the standard's section
    /// 9.2.6.
    fn read(stream: &str) -> (Vec<(String, String)>, String) {
        let (mut events, mut last_id, mut name, mut data) =
            (Vec::new(), String::new(), String::new(), String::new());
        for line in stream.replace("\r\n", "\n").split(['\r', '\n']) {
            if line.is_empty() {
                if !data.is_empty() {
                    data.pop();
                    events.push((name.clone(), data.clone()));
                }
                (name, data) = (String::new(), String::new());
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => data = format!("{data}{value}\n"),
                "id" if !value.contains('\0') => value.clone_into(&mut last_id),
                _ => {}
            }
        }
        (events, last_id)
    }

    proptest! {
        #[test]
        fn a_reader_sees_what_was_meant_and_nothing_else(
            comment in "[a:\r\n ]{0,8}", name in "[a: ]{1,5}", id in "[a: ]{0,5}", data in "[ad:\r\n\0ü ]{0,12}"
        ) {
            let event = Event::data(data.clone()).name(name.clone()).unwrap().id(id.clone()).unwrap();
            let stream = format!("{}{}", Event::comment(comment).encode(), event.encode());
            let data = data.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(read(&stream), (vec![(name, data)], id));
        }
    }
}
