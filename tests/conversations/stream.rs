//! A streamed answer of Lambda's, as a file tells it: its events, one a line.

use bytes::Bytes;
use lambda_protocol::event_stream::{InvokeComplete, invoke_complete, payload_chunk};

use super::template::{Known, Template};

/// The events of an answer of `InvokeWithResponseStream`, in their order. Without a last one it has no end.
#[derive(Debug)]
pub(crate) struct Stream(Vec<Event>);

#[derive(Debug)]
enum Event {
    PayloadChunk(Template),
    /// `error`: `ErrorCode`, and `ErrorDetails` where there are some.
    InvokeComplete {
        error: Option<(String, Option<Template>)>,
    },
}

impl Stream {
    /// # Errors
    /// The first line that is no event, or that stands behind the last one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut events = Vec::new();
        for line in text.lines() {
            if matches!(events.last(), Some(Event::InvokeComplete { .. })) {
                return Err(format!("{line:?} stands behind the last event"));
            }
            events.push(event(line)?);
        }
        Ok(Self(events))
    }

    /// The bytes that come from Lambda, a frame for each event.
    ///
    /// # Errors
    /// A placeholder whose value is not known yet.
    pub(crate) fn encode(&self, known: &Known) -> Result<Bytes, String> {
        let frames = self.0.iter().map(|event| frame(event, known)).collect::<Result<Vec<_>, _>>()?;
        Ok(frames.concat().into())
    }
}

fn event(line: &str) -> Result<Event, String> {
    if let Some(bytes) = line.strip_prefix("PayloadChunk: ").filter(|bytes| !bytes.is_empty()) {
        return Ok(Event::PayloadChunk(Template::parse(bytes)?));
    }
    if line == "InvokeComplete" {
        return Ok(Event::InvokeComplete { error: None });
    }
    let error = line.strip_prefix("InvokeComplete: ").filter(|error| !error.is_empty());
    let error = error.ok_or_else(|| format!("{line:?} is no event of a stream"))?;
    let (code, details) = match error.split_once(' ') {
        Some((code, details)) => (code, Some(Template::parse(details)?)),
        None => (error, None),
    };
    Ok(Event::InvokeComplete { error: Some((code.to_owned(), details)) })
}

fn frame(event: &Event, known: &Known) -> Result<Bytes, String> {
    match event {
        Event::PayloadChunk(bytes) => Ok(payload_chunk(&bytes.fill(known)?)),
        Event::InvokeComplete { error: None } => Ok(invoke_complete(&InvokeComplete::default())),
        Event::InvokeComplete { error: Some((code, details)) } => {
            let details = details.as_ref().map(|details| details.fill(known)).transpose()?;
            let error_details =
                details.map(String::from_utf8).transpose().map_err(|error| error.to_string())?;
            let error_code = Some(code.clone());
            Ok(invoke_complete(&InvokeComplete { error_code, error_details, log_result: None }))
        }
    }
}

#[cfg(test)]
mod tests {
    use lambda_protocol::event_stream::{Decoder, Piece};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Piece]) {
        let mut bytes = Stream::parse(text).unwrap().encode(&Known::new()).unwrap();
        let mut decoder = Decoder::default();
        let mut pieces = Vec::new();
        while let Some(piece) = decoder.decode(&mut bytes).unwrap() {
            pieces.push(piece);
        }
        assert_eq!(pieces, expected, "{text}");
    }

    fn chunk(bytes: &'static [u8]) -> Piece {
        Piece::Payload(Bytes::from_static(bytes))
    }

    fn failed(code: &str, details: Option<&str>) -> Piece {
        let (error_code, error_details) = (Some(code.to_owned()), details.map(str::to_owned));
        Piece::Complete(InvokeComplete { error_code, error_details, log_result: None })
    }

    #[test]
    fn each_line_is_an_event() {
        let well = Piece::Complete(InvokeComplete::default());
        check(
            "PayloadChunk: {}<<2 nul>>\nPayloadChunk:  a \nInvokeComplete",
            &[chunk(b"{}\0\0"), chunk(b" a "), well.clone()],
        );
        check("InvokeComplete", &[well]);
        check("PayloadChunk: one<<hex 0a>>", &[chunk(b"one\n")]);
        check("", &[]);
        check("InvokeComplete: Runtime.ExitError", &[failed("Runtime.ExitError", None)]);
        check(r#"InvokeComplete: Late {"a": 1}"#, &[failed("Late", Some(r#"{"a": 1}"#))]);
    }

    #[test]
    fn what_is_no_event_is_a_mistake() {
        for (text, mistake) in [
            ("PayloadChunks: a", "no event"),
            ("PayloadChunk: ", "no event"),
            ("\nInvokeComplete", "no event"),
            ("InvokeCompleted", "no event"),
            ("InvokeComplete: ", "no event"),
            ("InvokeComplete\nPayloadChunk: a", "behind the last"),
            ("PayloadChunk: <<what>>", "no placeholder"),
        ] {
            let error = Stream::parse(text).expect_err(mistake);
            assert!(error.contains(mistake), "{error:?} does not say {mistake:?}");
        }
    }
}
