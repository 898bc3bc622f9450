//! Where a runtime may turn to.

use std::fmt;

use http::Method;

/// One operation of the Runtime API. `Display` writes its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route<'a> {
    /// `GET`: waits for an event.
    Next,
    /// `POST`: the answer to an event.
    Response { request_id: &'a str },
    /// `POST`: the function failed.
    Error { request_id: &'a str },
    /// `POST`: the function could not start.
    InitError,
    /// `GET`: `pong`.
    Ping,
}

/// Why a request is no operation of the Runtime API.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RouteError {
    /// `restore/next` and `restore/error` too: they are for snapshots alone.
    #[error("no such operation")]
    NotFound,
    #[error("the operation asks for {allow}")]
    Method { allow: Method },
}

impl<'a> Route<'a> {
    /// Request ids are as in the path, not decoded: the service's own ids need no encoding.
    ///
    /// # Errors
    /// What the service answers with 404 and 405.
    pub fn parse(method: &Method, path: &'a str) -> Result<Self, RouteError> {
        let route = Self::of_path(path).ok_or(RouteError::NotFound)?;
        let allow = route.method();
        if *method == allow { Ok(route) } else { Err(RouteError::Method { allow }) }
    }

    pub fn method(&self) -> Method {
        match self {
            Self::Next | Self::Ping => Method::GET,
            Self::Response { .. } | Self::Error { .. } | Self::InitError => Method::POST,
        }
    }

    fn of_path(path: &'a str) -> Option<Self> {
        if path == PING {
            return Some(Self::Ping);
        }
        let path = path.strip_prefix(VERSION)?;
        match path {
            PING => Some(Self::Ping),
            INIT_ERROR => Some(Self::InitError),
            _ => {
                let invocation = path.strip_prefix(INVOCATION)?;
                match invocation.split_once('/') {
                    Some((request_id, RESPONSE)) if !request_id.is_empty() => {
                        Some(Self::Response { request_id })
                    }
                    Some((request_id, ERROR)) if !request_id.is_empty() => Some(Self::Error { request_id }),
                    Some(_) => None,
                    None => (invocation == NEXT).then_some(Self::Next),
                }
            }
        }
    }
}

impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VERSION)?;
        match self {
            Self::Next => write!(f, "{INVOCATION}{NEXT}"),
            Self::Response { request_id } => write!(f, "{INVOCATION}{request_id}/{RESPONSE}"),
            Self::Error { request_id } => write!(f, "{INVOCATION}{request_id}/{ERROR}"),
            Self::InitError => f.write_str(INIT_ERROR),
            Self::Ping => f.write_str(PING),
        }
    }
}

const VERSION: &str = "/2018-06-01";
const PING: &str = "/ping";
const INIT_ERROR: &str = "/runtime/init/error";
const INVOCATION: &str = "/runtime/invocation/";
const NEXT: &str = "next";
const RESPONSE: &str = "response";
const ERROR: &str = "error";
