//! `stayput health`

use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode, Uri};

use super::{Exit, Failure, admin::AdminOptions, terminal::print};

/// Say whether a running stayput takes calls, for containers and scripts that have no HTTP client
///
/// Asks its admin listener, at /readyz. Exits with 0 when it is ready, with 1 when it is not, as while it starts or drains, and with 3
/// when nobody answers.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput health --admin http://127.0.0.1:9080")]
pub(super) struct Health {
    #[command(flatten)]
    admin: AdminOptions,
}

impl Health {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::from_static("/readyz");
        let (head, body) = self.admin.exchange(request)?;
        match head.status {
            StatusCode::OK => {
                print(String::from_utf8_lossy(&body).trim_end());
                Ok(Exit::Done)
            }
            StatusCode::SERVICE_UNAVAILABLE => Err(Failure::not_found("not ready")),
            status => Err(Failure::unreachable(format_args!("the admin listener answers with {status}"))),
        }
    }
}
