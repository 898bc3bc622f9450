//! A conversation, read from its file. `README.md` describes the form.

use bytes::Bytes;
use http::{HeaderName, StatusCode, Uri};
use lambda_protocol::destination::Condition;
use stayput_core::Mode;

use super::{
    ending::{End, ExpectedCallback},
    message::{ExpectedInvoke, ExpectedPayload, ExpectedResponse, Headers, Lambda, Request},
    situation,
    stream::Stream,
    template::{Known, Template},
};

/// One file.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// `stedi`
    pub(crate) dialect: String,
    /// `stedi/fault.txt`
    pub(crate) path: String,
    pub(crate) situation: &'static str,
    pub(crate) mode: Mode,
    pub(crate) turns: Vec<Turn>,
}

/// One request and what comes of it.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) request: Request,
    /// `None`: the gateway answers alone.
    pub(crate) call: Option<(ExpectedInvoke, Lambda)>,
    pub(crate) response: ExpectedResponse,
    /// How an asynchronous call went on, where that is told.
    pub(crate) end: Option<End>,
}

impl Conversation {
    /// `path` begins below `tests/conversations/`.
    ///
    /// # Errors
    /// What does not fit the form.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, String> {
        let (dialect, _) = path.split_once('/').ok_or("a conversation lies in its dialect's folder")?;
        let (situation, mode) = read_top(path, text)?;
        let mut sections = sections(text)?.into_iter().peekable();
        let mut turns = Vec::new();
        while let Some(section) = sections.next() {
            let request = read_request(section.named("request")?)?;
            let invoke = sections.next_if(|section| section.name == "invoke");
            let call = match invoke {
                None => None,
                Some(invoke) => {
                    let lambda = sections.next().ok_or("no --- lambda after --- invoke")?;
                    Some((read_invoke(invoke.text)?, read_lambda(lambda.named("lambda")?)?))
                }
            };
            let response = sections.next().ok_or("no --- response at the end")?;
            let response = read_response(response.named("response")?)?;
            let end = match sections.next_if(|section| section.name == "end") {
                None => None,
                Some(end) => {
                    let callback = sections.next().ok_or("no --- callback after --- end")?;
                    Some(read_end(end.text, callback.named("callback")?)?)
                }
            };
            if end.is_some() && call.is_none() {
                return Err("an --- end without an --- invoke".to_owned());
            }
            turns.push(Turn { request, call, response, end });
        }
        if turns.is_empty() {
            return Err("no --- request".to_owned());
        }
        Ok(Self { dialect: dialect.to_owned(), path: path.to_owned(), situation, mode, turns })
    }
}

struct Section<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Section<'a> {
    fn named(&self, name: &str) -> Result<&'a str, String> {
        if self.name == name {
            Ok(self.text)
        } else {
            Err(format!("expected --- {name}, got --- {}", self.name))
        }
    }
}

fn read_top(path: &str, text: &str) -> Result<(&'static str, Mode), String> {
    let mut lines = text.lines();
    let title = lines.next().and_then(|line| line.strip_prefix(&format!("# tests/conversations/{path}: ")));
    if title.is_none_or(str::is_empty) {
        return Err(format!("the first line is not `# tests/conversations/{path}: <a sentence>`"));
    }
    let tags = lines.next().and_then(|line| line.strip_prefix("# situation: "));
    let (word, mode) =
        tags.and_then(|tags| tags.split_once("  mode: ")).ok_or("the second line has no tags")?;
    let situation = situation::situation(word).ok_or_else(|| format!("{word} is no situation"))?;
    Ok((situation, situation::mode(mode).ok_or_else(|| format!("{mode} is no mode"))?))
}

/// The texts between the `---` lines, each without its last line end.
fn sections(text: &str) -> Result<Vec<Section<'_>>, String> {
    let mut parts = text.split("\n--- ");
    let top = parts.next().unwrap_or_default();
    if let Some(line) = top.lines().find(|line| !line.starts_with('#')) {
        return Err(format!("{line:?} stands before the first ---"));
    }
    let text = parts.map(|part| {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        Section { name, text }
    });
    let mut sections: Vec<Section<'_>> = text.collect();
    if let Some(last) = sections.last_mut() {
        last.text = last.text.strip_suffix('\n').ok_or("the file does not end with a line end")?;
    }
    Ok(sections)
}

/// Names and values as written.
type Fields<'a> = Vec<(&'a str, &'a str)>;

/// Start line, header fields and body.
fn split(text: &str) -> Result<(&str, Fields<'_>, &str), String> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let start = lines.next().ok_or("an empty section")?;
    Ok((start, lines.map(field).collect::<Result<_, _>>()?, body))
}

fn field(line: &str) -> Result<(&str, &str), String> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("{line:?} is no header field"))?;
    Ok((name, value.trim()))
}

fn read_request(text: &str) -> Result<Request, String> {
    let (start, fields, body) = split(text)?;
    let body = Template::parse(body)?.fill(&Known::new())?;
    let mut raw = format!("{start}\r\n");
    let mut request = http::Request::builder();
    let (method, target) =
        start.strip_suffix(" HTTP/1.1").and_then(|line| line.split_once(' ')).ok_or(start)?;
    request =
        request.method(method).uri(target.parse::<Uri>().map_err(|error| format!("{target}: {error}"))?);
    let mut framed = body.is_empty();
    for (name, value) in fields {
        let value = Template::parse(value)?.fill(&Known::new())?;
        let value = String::from_utf8(value).map_err(|error| error.to_string())?;
        framed |=
            ["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing));
        raw.push_str(&format!("{name}: {value}\r\n"));
        request = request.header(name, value);
    }
    if !framed {
        raw.push_str(&format!("Content-Length: {}\r\n", body.len()));
        request = request.header("content-length", body.len());
    }
    let (head, ()) = request.body(()).map_err(|error| error.to_string())?.into_parts();
    let raw = [raw.as_bytes(), b"\r\n", &body].concat();
    Ok(Request { head, body: body.into(), raw: Bytes::from(raw) })
}

fn read_invoke(text: &str) -> Result<ExpectedInvoke, String> {
    let (start, fields, body) = split(text)?;
    let target = start.strip_prefix("POST ").ok_or_else(|| format!("{start:?} is no POST"))?;
    let payload = match body.strip_prefix("<<event>>\n") {
        Some(event) => ExpectedPayload::Event(event.to_owned()),
        None => ExpectedPayload::Bytes(Template::parse(body)?),
    };
    Ok(ExpectedInvoke { target: target.to_owned(), headers: headers(fields)?, payload })
}

fn read_lambda(text: &str) -> Result<Lambda, String> {
    match text.split_once('\n').unwrap_or((text, "")) {
        ("unreachable", "") => Ok(Lambda::Unreachable),
        ("deadline", "") => Ok(Lambda::Deadline),
        ("stream", events) => Ok(Lambda::Stream(Stream::parse(events)?)),
        _ => {
            let (start, fields, body) = split(text)?;
            Ok(Lambda::Reply {
                status: status(start)?,
                headers: headers(fields)?,
                body: Template::parse(body)?,
            })
        }
    }
}

fn read_response(text: &str) -> Result<ExpectedResponse, String> {
    let (start, fields, body) = split(text)?;
    let (start, is_cut) = match start.strip_suffix(" cut off") {
        Some(start) => (start, true),
        None => (start, false),
    };
    let (status, headers) = (status(start)?, headers(fields)?);
    Ok(ExpectedResponse { status, headers, body: Template::parse(body)?, is_cut })
}

fn read_end(end: &str, callback: &str) -> Result<End, String> {
    let (start, fields, payload) = split(end)?;
    if !fields.is_empty() {
        return Err("an --- end has no headers".to_owned());
    }
    let (condition, error) =
        start.split_once(' ').map_or((start, None), |(condition, error)| (condition, Some(error)));
    Ok(End {
        condition: Condition::parse(condition).ok_or_else(|| format!("{condition:?} is no condition"))?,
        function_error: error.map(str::to_owned),
        payload: (!payload.is_empty()).then(|| payload.to_owned()),
        callback: read_callback(callback)?,
    })
}

fn read_callback(text: &str) -> Result<Option<ExpectedCallback>, String> {
    let (start, fields, body) = split(text)?;
    match start {
        "none" if fields.is_empty() && body.is_empty() => Ok(None),
        "POST" => Ok(Some(ExpectedCallback { headers: headers(fields)?, body: Template::parse(body)? })),
        _ => Err(format!("{start:?} is neither POST nor none")),
    }
}

fn status(line: &str) -> Result<StatusCode, String> {
    line.parse().map_err(|_| format!("{line:?} is no status"))
}

fn headers(fields: Fields<'_>) -> Result<Headers, String> {
    let field = |(name, value): (&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| format!("{name}: {error}"))?;
        Ok((name, Template::parse(value)?))
    };
    fields.into_iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: &str = "# tests/conversations/d/a.txt: it says.\n# situation: success  mode: sync\n# Why.\n";
    const REQUEST: &str = "--- request\nPOST /a?b HTTP/1.1\nHost: functions.example\nX-Tag: 1\n\nab\ncd\n";

    fn parse(text: &str) -> Result<Conversation, String> {
        Conversation::parse("d/a.txt", text)
    }

    #[test]
    fn a_request_is_read_and_framed() {
        let told = parse(&format!("{TOP}{REQUEST}--- response\n200\n")).unwrap();
        assert_eq!((told.dialect.as_str(), told.situation, told.mode), ("d", "success", Mode::Sync));
        let request = &told.turns[0].request;
        let raw =
            "POST /a?b HTTP/1.1\r\nHost: functions.example\r\nX-Tag: 1\r\nContent-Length: 5\r\n\r\nab\ncd";
        assert_eq!(request.raw, raw);
        assert_eq!(request.body, "ab\ncd");
        assert_eq!(request.head.uri, "/a?b");
        assert_eq!(request.head.headers["content-length"], "5");
    }

    #[test]
    fn turns_follow_each_other() {
        let invoke = "--- invoke\nPOST /i\n\n{}\n--- lambda\nunreachable\n--- response\n200\n\nx\n\n";
        let told = parse(&format!("{TOP}{REQUEST}{invoke}{REQUEST}--- response\n404\n")).unwrap();
        assert!(matches!(told.turns[0].call, Some((_, Lambda::Unreachable))));
        assert_eq!(told.turns[0].response.body, Template::parse("x\n").unwrap());
        assert!(told.turns[1].call.is_none());
        assert_eq!(told.turns[1].response.status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn answers_may_be_streams_and_be_cut_off() {
        let invoke = "--- invoke\nPOST /i\n--- lambda\nstream\nPayloadChunk: a\n";
        let told = parse(&format!("{TOP}{REQUEST}{invoke}--- response\n200 cut off\n\na\n")).unwrap();
        let turn = &told.turns[0];
        assert!(matches!(turn.call, Some((_, Lambda::Stream(_)))));
        assert!(turn.response.is_cut && turn.response.status == StatusCode::OK);
    }

    #[test]
    fn a_call_has_an_end_that_its_caller_is_told_of_or_not() {
        let told = |end: &str| {
            let invoke = "--- invoke\nPOST /i\n--- lambda\n202\n--- response\n202\n";
            parse(&format!("{TOP}{REQUEST}{invoke}{end}"))
                .map(|told| told.turns.into_iter().next().unwrap().end)
        };
        let end = told("--- end\nSuccess\n\n{}\n--- callback\nPOST\nX-Tag: 1\n\nx\n").unwrap().unwrap();
        assert_eq!(
            (end.condition, end.function_error, end.payload.as_deref()),
            (Condition::Success, None, Some("{}"))
        );
        assert_eq!(end.callback.unwrap().body, Template::parse("x").unwrap());
        let end = told("--- end\nRetriesExhausted Unhandled\n--- callback\nnone\n").unwrap().unwrap();
        assert_eq!((end.function_error.as_deref(), end.payload), (Some("Unhandled"), None));
        assert!(end.callback.is_none());
        for (text, mistake) in [
            ("--- end\nSuccess\n", "no --- callback"),
            ("--- end\nGood\n--- callback\nnone\n", "no condition"),
            ("--- end\nSuccess\nX-Tag: 1\n--- callback\nnone\n", "no headers"),
            ("--- end\nSuccess\n--- callback\nGET\n", "neither"),
        ] {
            let error = told(text).expect_err(mistake);
            assert!(error.contains(mistake), "{error:?} does not say {mistake:?}");
        }
        let alone =
            parse(&format!("{TOP}{REQUEST}--- response\n202\n--- end\nSuccess\n--- callback\nnone\n"));
        assert!(alone.is_err_and(|error| error.contains("without an --- invoke")));
    }

    #[test]
    fn mistakes_in_a_file_are_named() {
        for (text, mistake) in [
            ("# a\n".to_owned(), "first line"),
            (TOP.replace("success", "succes"), "no situation"),
            (TOP.replace("sync", "both"), "no mode"),
            (TOP.to_owned(), "no --- request"),
            (format!("{TOP}{REQUEST}"), "no --- response"),
            (format!("{TOP}{REQUEST}--- invoke\nPOST /\n--- response\n200\n"), "expected --- lambda"),
            (format!("{TOP}{REQUEST}--- response\n200\n\n<<what>>\n"), "no placeholder"),
            (
                format!("{TOP}{REQUEST}--- invoke\nPOST /\n--- lambda\nstream\nEnd\n--- response\n200\n"),
                "no event",
            ),
            (format!("{TOP}{REQUEST}--- response\n200 cut\n"), "no status"),
            (format!("{TOP}Hm.\n{REQUEST}--- response\n200\n"), "before the first"),
        ] {
            let error = parse(&text).expect_err(mistake);
            assert!(error.contains(mistake), "{error:?} does not say {mistake:?}");
        }
    }
}
