//! Asking the admin listener of a running `stayput`.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, Request, StatusCode, Uri, response};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Failure, client::Client};
use crate::admin::X_STAYPUT_ADMIN;

/// Where the admin listener is.
#[derive(Args, Clone, Debug)]
pub(super) struct AdminOptions {
    /// Where the admin listener is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9080")]
    admin: Uri,
}

/// What it says where it does not do what is asked.
#[derive(Debug, Deserialize)]
struct Refused {
    message: String,
}

impl AdminOptions {
    /// # Errors
    /// As [`order`](Self::order).
    pub(super) fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::GET, path)
    }

    /// # Errors
    /// It cannot be reached, or does not do it, in its own words.
    pub(super) fn order<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::POST, path)
    }

    /// # Errors
    /// It cannot be reached.
    pub(super) fn exchange(&self, request: Request<Bytes>) -> Result<(response::Parts, Bytes), Failure> {
        let admin = Client {
            url: &self.admin,
            flag: "--admin",
            speaks: "as an admin listener does",
            limit: PATIENCE,
            more: "ask for less at a time",
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(admin.ask(request))
    }

    fn send<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, Failure> {
        let path = Uri::try_from(path).map_err(|_| Failure::not_found("there is no such call"))?;
        let mut request = Request::new(Bytes::new());
        (*request.method_mut(), *request.uri_mut()) = (method, path);
        request.headers_mut().insert(X_STAYPUT_ADMIN, HeaderValue::from_static("1"));
        let (head, body) = self.exchange(request)?;
        let strange = || {
            let url = &self.admin;
            Failure::unreachable(format_args!(
                "{url} is no admin listener of this version; --admin names another"
            ))
        };
        if head.status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|_| strange());
        }
        let Ok(Refused { message }) = serde_json::from_slice(&body) else { return Err(strange()) };
        Err(match head.status {
            StatusCode::NOT_FOUND => Failure::not_found(message),
            status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                Failure::unreachable(message)
            }
            _ => Failure::usage(message),
        })
    }
}

/// Whatever is typed stays one part of a path.
pub(super) fn escaped(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// Ten thousand events are steered in less.
const PATIENCE: Duration = Duration::from_mins(1);
