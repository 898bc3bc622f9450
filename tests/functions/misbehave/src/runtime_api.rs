//! The function's side of the Runtime API: HTTP/1.1 by hand, over a socket that blocks.

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use serde_json::Value;

/// One connection, kept alive over several requests.
pub(crate) struct Connection(BufReader<TcpStream>);

/// An invocation, as the Runtime API hands it out.
pub(crate) struct Call {
    pub(crate) request_id: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) event: Vec<u8>,
}

/// What a request was answered with. The names of headers are in lower case.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open() -> io::Result<Self> {
        let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
        TcpStream::connect(address).map(BufReader::new).map(Self)
    }

    /// Waits for an invocation, for as long as it takes.
    pub(crate) fn next(&mut self) -> io::Result<Call> {
        let Reply { status, headers, body } = self.ask("GET", NEXT, &[], b"")?;
        match headers.get("lambda-runtime-aws-request-id") {
            Some(request_id) if status == 200 => {
                Ok(Call { request_id: request_id.clone(), headers, event: body })
            }
            _ => Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(&body)))),
        }
    }

    pub(crate) fn respond(&mut self, request_id: &str, answer: &[u8]) -> io::Result<()> {
        self.ask("POST", &response_path(request_id), &[], answer).map(drop)
    }

    /// Reports `error`, with a description of its cause as long as the Runtime API takes one.
    pub(crate) fn fail(&mut self, request_id: &str, error: &Value) -> io::Result<()> {
        let path = format!("{BASE}/invocation/{request_id}/error");
        let cause = "x".repeat(XRAY_CAUSE_BYTES);
        let headers = [("lambda-runtime-function-xray-error-cause", cause.as_str())];
        self.ask("POST", &path, &headers, error.to_string().as_bytes()).map(drop)
    }

    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: runtime\r\n").into_bytes();
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        write!(request, "content-length: {}\r\n\r\n", body.len())?;
        // In one write: the system holds a second small one back until the first is acknowledged.
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request)?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = BTreeMap::new();
        while let Some((name, value)) = self.line()?.split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(Ok(0), |length| length.parse());
        let mut body = vec![0; length.map_err(io::Error::other)?];
        self.0.read_exact(&mut body)?;
        Ok(Reply { status, headers, body })
    }

    /// Without its end; empty if there is no more.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

/// A streamed answer, on a connection of its own.
pub(crate) struct Upload(Connection);

impl Upload {
    /// `hears_early`: the service may answer before the end.
    pub(crate) fn begin(request_id: &str, hears_early: bool) -> io::Result<Self> {
        let mut connection = Connection::open()?;
        let path = response_path(request_id);
        let early = if hears_early { "stayput-early-answer: accepted\r\n" } else { "" };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: runtime\r\nlambda-runtime-function-response-mode: streaming\r\n{early}\
             transfer-encoding: chunked\r\ntrailer: lambda-runtime-function-error-type\r\n\
             trailer: lambda-runtime-function-error-body\r\n\r\n"
        );
        connection.0.get_mut().write_all(head.as_bytes())?;
        Ok(Self(connection))
    }

    pub(crate) fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.0.0.get_mut().write_all(&chunk)
    }

    /// Ends the answer, with an `error` in the trailers if there is one. The status of the reply.
    pub(crate) fn end(&mut self, error: Option<&str>) -> io::Result<u16> {
        let trailers = error.map(|error| {
            let body = base64_simd::STANDARD.encode_to_string(error);
            format!(
                "lambda-runtime-function-error-type: Late\r\nlambda-runtime-function-error-body: {body}\r\n"
            )
        });
        self.0.0.get_mut().write_all(format!("0\r\n{}\r\n", trailers.unwrap_or_default()).as_bytes())?;
        self.hear()
    }

    /// Waits for the reply; its status.
    pub(crate) fn hear(&mut self) -> io::Result<u16> {
        self.0.reply().map(|reply| reply.status)
    }
}

pub(crate) fn response_path(request_id: &str) -> String {
    format!("{BASE}/invocation/{request_id}/response")
}

pub(crate) const NEXT: &str = "/2018-06-01/runtime/invocation/next";
pub(crate) const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";
pub(crate) const RESTORE_NEXT: &str = "/2018-06-01/runtime/restore/next";
pub(crate) const PING: &str = "/2018-06-01/ping";

const BASE: &str = "/2018-06-01/runtime";

/// Bytes of `Lambda-Runtime-Function-XRay-Error-Cause`. Source: Lambda's guide to custom runtimes, 1 MB.
const XRAY_CAUSE_BYTES: usize = 1_000_000;
