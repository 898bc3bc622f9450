//! How a request reads in the log.
//!
//! Written for speed, as there is one of these for every request: the second is formatted once a second, numbers
//! without the formatter, and what is plain text is copied as it is.

use std::{
    io::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, tz::Offset};
use stayput_core::{Blame, Mode};

use super::Finished;
use crate::config::LogFormat;

/// Appends one line. `clock` keeps what the next line can use again.
pub(super) fn write(out: &mut Vec<u8>, clock: &mut Clock, format: LogFormat, finished: &Finished<'_>) {
    let style = match format {
        LogFormat::Text => TEXT,
        LogFormat::Json => JSON,
    };
    out.extend_from_slice(style.time);
    clock.write(out, finished.time);
    out.extend_from_slice(style.dialect);
    out.extend_from_slice(finished.dialect.as_bytes());
    out.extend_from_slice(style.function);
    (style.word)(out, finished.function.unwrap_or(ABSENT));
    out.extend_from_slice(style.key);
    (style.word)(out, finished.key.unwrap_or(ABSENT));
    out.extend_from_slice(style.mode);
    out.extend_from_slice(mode(finished.mode).as_bytes());
    out.extend_from_slice(style.status);
    out.extend_from_slice(finished.status.as_str().as_bytes());
    out.extend_from_slice(style.blame);
    out.extend_from_slice(finished.blame.map_or(ABSENT, Blame::as_str).as_bytes());
    out.extend_from_slice(style.duration_ms);
    milliseconds(out, finished.duration.as_micros());
    out.extend_from_slice(style.request_id);
    let id = &mut [0; uuid::fmt::Hyphenated::LENGTH];
    out.extend_from_slice(finished.request_id.hyphenated().encode_lower(id).as_bytes());
    out.extend_from_slice(style.trace_id);
    write!(out, "{}", finished.trace.id).expect("writing to memory does not fail");
    out.extend_from_slice(style.caller_id);
    (style.word)(out, finished.caller_id.unwrap_or(ABSENT));
    out.extend_from_slice(style.end);
}

/// The second of the line before, as text.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<u64>,
    text: Vec<u8>,
}

impl Clock {
    /// `2026-11-25T04:15:02.123Z`.
    fn write(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since_epoch.as_secs()) {
            // A clock beyond the year 9999 is told as the epoch rather than as an error.
            let whole = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
            let whole = Offset::UTC.to_datetime(whole).strftime("%Y-%m-%dT%H:%M:%S");
            self.text.clear();
            write!(self.text, "{whole}").expect("writing to memory does not fail");
            self.second = Some(since_epoch.as_secs());
        }
        out.extend_from_slice(&self.text);
        out.push(b'.');
        three_digits(out, since_epoch.subsec_millis().into());
        out.push(b'Z');
    }
}

/// What stands before each field, and how free text is written.
struct Style {
    time: &'static [u8],
    dialect: &'static [u8],
    function: &'static [u8],
    key: &'static [u8],
    mode: &'static [u8],
    status: &'static [u8],
    blame: &'static [u8],
    duration_ms: &'static [u8],
    request_id: &'static [u8],
    trace_id: &'static [u8],
    caller_id: &'static [u8],
    end: &'static [u8],
    word: fn(&mut Vec<u8>, &str),
}

const TEXT: Style = Style {
    time: b"",
    dialect: b" dialect=",
    function: b" function=",
    key: b" key=",
    mode: b" mode=",
    status: b" status=",
    blame: b" blame=",
    duration_ms: b" duration_ms=",
    request_id: b" request_id=",
    trace_id: b" trace_id=",
    caller_id: b" caller_id=",
    end: b"\n",
    word,
};

const JSON: Style = Style {
    time: br#"{"time":""#,
    dialect: br#"","dialect":""#,
    function: br#"","function":"#,
    key: br#","key":"#,
    mode: br#","mode":""#,
    status: br#"","status":"#,
    blame: br#","blame":""#,
    duration_ms: br#"","duration_ms":"#,
    request_id: br#","request_id":""#,
    trace_id: br#"","trace_id":""#,
    caller_id: br#"","caller_id":"#,
    end: b"}\n",
    word: quoted,
};

fn mode(mode: Option<Mode>) -> &'static str {
    match mode {
        Some(Mode::Sync) => "sync",
        Some(Mode::Async) => "async",
        None => ABSENT,
    }
}

/// As it is where it can be taken for nothing else, else as JSON has it.
fn word(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    if !text.is_empty() && text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        quoted(out, text);
    }
}

/// JSON text. Nothing in it ends a line, moves a terminal's cursor or turns the direction of reading.
fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            ' '..='~' => out.push(character as u8),
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped(out, character),
            _ if character.is_control() => escaped(out, character),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, character: char) {
    write!(out, "\\u{:04x}", u32::from(character)).expect("writing to memory does not fail");
}

/// `1.500` of 1,500 microseconds.
fn milliseconds(out: &mut Vec<u8>, micros: u128) {
    // No request takes more than the years of a u64 of microseconds.
    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
    let (mut whole, mut digits, mut at) = (micros / 1_000, [0; MAX_DIGITS], MAX_DIGITS);
    loop {
        at -= 1;
        digits[at] = digit(whole % 10);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
    out.push(b'.');
    three_digits(out, micros % 1_000);
}

fn three_digits(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&[digit(number / 100 % 10), digit(number / 10 % 10), digit(number % 10)]);
}

fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number).expect("one digit")
}

const ABSENT: &str = "-";

/// Of a `u64`.
const MAX_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, StatusCode};
    use proptest::prelude::*;
    use stayput_core::{Trace, trace::TraceId};
    use uuid::Uuid;

    use super::*;

    fn finished() -> Finished<'static> {
        let mut trace = Trace::begin(Uuid::nil(), UNIX_EPOCH);
        trace.id = TraceId(0x4bf9);
        Finished {
            dialect: "stedi",
            function: Some("echo"),
            key: Some("erp"),
            caller_id: Some("call-7"),
            mode: Some(Mode::Sync),
            method: Some(&Method::POST),
            status: StatusCode::OK,
            blame: None,
            rejection: None,
            time: UNIX_EPOCH + Duration::from_millis(1_793_000_000_023),
            duration: Duration::from_micros(1_500),
            request_id: Uuid::nil(),
            trace,
        }
    }

    fn line(format: LogFormat, finished: &Finished<'_>) -> String {
        let mut out = Vec::new();
        write(&mut out, &mut Clock::default(), format, finished);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_is_one_line_of_text() {
        assert_eq!(
            line(LogFormat::Text, &finished()),
            "2026-10-26T07:33:20.023Z dialect=stedi function=echo key=erp mode=sync status=200 blame=- \
             duration_ms=1.500 request_id=00000000-0000-0000-0000-000000000000 \
             trace_id=00000000000000000000000000004bf9 caller_id=call-7\n",
        );
    }

    #[test]
    fn a_request_is_one_line_of_json() {
        let blame = Some(Blame::Caller);
        let refused =
            Finished { function: None, key: None, caller_id: None, mode: None, blame, ..finished() };
        assert_eq!(
            line(LogFormat::Json, &refused),
            "{\"time\":\"2026-10-26T07:33:20.023Z\",\"dialect\":\"stedi\",\"function\":\"-\",\"key\":\"-\",\"mode\":\"-\",\
             \"status\":200,\"blame\":\"caller\",\"duration_ms\":1.500,\
             \"request_id\":\"00000000-0000-0000-0000-000000000000\",\
             \"trace_id\":\"00000000000000000000000000004bf9\",\"caller_id\":\"-\"}\n",
        );
    }

    #[test]
    fn a_clock_follows_the_time_within_a_second_and_beyond() {
        let mut clock = Clock::default();
        let mut told = |millis| {
            let mut out = Vec::new();
            clock.write(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(999), "1970-01-01T00:00:00.999Z");
        assert_eq!(told(1_000), "1970-01-01T00:00:01.000Z");
        assert_eq!(told(1_010), "1970-01-01T00:00:01.010Z");
        assert_eq!(told(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn times_are_milliseconds_with_three_decimals() {
        let told = |micros| {
            let mut out = Vec::new();
            milliseconds(&mut out, micros);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(0), "0.000");
        assert_eq!(told(7), "0.007");
        assert_eq!(told(900_000_010), "900000.010");
        assert_eq!(told(u128::MAX), "18446744073709551.615");
    }

    #[test]
    fn what_could_be_taken_for_a_field_is_quoted() {
        let labelled = |key| line(LogFormat::Text, &Finished { key: Some(key), ..finished() });
        for (key, told) in [
            ("erp/1", "key=erp/1 "),
            ("the erp", "key=\"the erp\" "),
            ("a=b", "key=\"a=b\" "),
            ("", "key=\"\" "),
            ("a\r\n\u{1b}[2J\u{85}\u{2028}\u{202e}", r#"key="a\u000d\u000a\u001b[2J\u0085\u2028\u202e" "#),
        ] {
            assert!(labelled(key).contains(told), "{key:?}: {}", labelled(key));
        }
    }

    proptest! {
        #[test]
        fn whatever_a_name_holds_a_line_is_one_line_and_json_is_json(name: String) {
            let finished = Finished { function: Some(&name), key: Some(&name), ..finished() };
            for format in [LogFormat::Text, LogFormat::Json] {
                let line = line(format, &finished);
                prop_assert_eq!(line.find(|c: char| c.is_control()), Some(line.len() - 1));
            }
            let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, &finished)).unwrap();
            prop_assert_eq!(&json["function"], &name);
        }
    }
}
