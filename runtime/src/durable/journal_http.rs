//! The journal as Lambda's API has it: HTTP/1.1, JSON, signed.

use std::{
    cell::RefCell,
    fmt,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Uri,
    header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
    request,
};
use http_body_util::Full;
use lambda_durable::OperationUpdate;
use lambda_protocol::sigv4::{Credentials, SecretKey, SignedHeaders, Signer, SigningKey, payload_hash};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use super::{
    connection::{Connection, Unusable},
    identity::hex,
    journal::{Answer, Checkpoint, Journal, JournalError, State},
};

/// Calls Lambda.
pub(crate) struct HttpJournal {
    connection: Connection,
    /// `host`, as the header has it.
    host: HeaderValue,
    /// What stands before every path; mostly nothing.
    base: String,
    region: String,
    credentials: Credentials,
    /// For today.
    signer: RefCell<Option<Signer>>,
    pauses: &'static [Duration],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckpointBody<'a> {
    checkpoint_token: &'a str,
    client_token: String,
    updates: &'a [OperationUpdate],
}

impl HttpJournal {
    /// As Lambda sets the variables: the region, the function's own credentials, and perhaps `AWS_ENDPOINT_URL_LAMBDA`.
    ///
    /// # Errors
    /// What is missing or unusable.
    pub(crate) fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| value(name).filter(|text| !text.is_empty());
        let needed = |name: &str| {
            set(name).ok_or_else(|| format!("{name} is not set; durable functions talk to Lambda with it"))
        };
        let region = needed("AWS_REGION")?;
        let secret = SecretKey::new(needed("AWS_SECRET_ACCESS_KEY")?);
        let token = set("AWS_SESSION_TOKEN");
        let credentials = Credentials::new(needed("AWS_ACCESS_KEY_ID")?, secret, token.as_deref())
            .map_err(|error| format!("the AWS credentials are unusable: {error}"))?;
        let endpoint = set(ENDPOINT).unwrap_or_else(|| {
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://lambda.{region}.{domain}")
        });
        Self::new(&endpoint, region, credentials, &PAUSES)
    }

    fn new(
        endpoint: &str,
        region: String,
        credentials: Credentials,
        pauses: &'static [Duration],
    ) -> Result<Self, String> {
        let unusable =
            || format!("{ENDPOINT} is no address: {endpoint:?}; write it as \"http://127.0.0.1:3001\"");
        let uri: Uri = endpoint.parse().map_err(|_| unusable())?;
        let connection = Connection::to(&uri).map_err(|why| match why {
            Unusable::Address => unusable(),
            Unusable::NobodyTrusted => "the system has no certificates to trust Lambda by".to_owned(),
        })?;
        let authority = uri.authority().ok_or_else(unusable)?;
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        Ok(Self {
            connection,
            host: HeaderValue::from_str(host).map_err(|_| unusable())?,
            base: uri.path().trim_end_matches('/').to_owned(),
            region,
            credentials,
            signer: RefCell::default(),
            pauses,
        })
    }

    /// The same call, byte for byte but for date and signature, until it is answered or there is no sense in more.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, JournalError> {
        let mut pauses = self.pauses.iter();
        loop {
            let tried = match timeout(MOST, self.connection.send(self.request(&method, path, &body)?)).await {
                Ok(Ok(response)) if response.status().is_success() => {
                    return serde_json::from_slice(response.body())
                        .map_err(|error| JournalError::Answer(error.to_string()));
                }
                Ok(Ok(response)) => {
                    let status = response.status();
                    let refused = refusal(status.as_u16(), response.headers(), response.body());
                    if !(status.as_u16() == 429 || status.is_server_error()) {
                        return Err(refused);
                    }
                    refused
                }
                Ok(Err(error)) => JournalError::Unreachable(error.to_string()),
                Err(_) => JournalError::Unreachable(format!("no answer within {} s", MOST.as_secs())),
            };
            let Some(pause) = pauses.next() else { return Err(tried) };
            tracing::debug!("a call of the journal is made again: {tried}");
            sleep(*pause).await;
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<Request<Full<Bytes>>, JournalError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("stayput-runtime/", env!("CARGO_PKG_VERSION")));
        let (mut head, ()) =
            request.body(()).map_err(|error| JournalError::Unreachable(error.to_string()))?.into_parts();
        self.sign(&mut head, body);
        Ok(Request::from_parts(head, Full::new(body.clone())))
    }

    fn sign(&self, head: &mut request::Parts, body: &[u8]) {
        let now = SystemTime::now();
        let mut signer = self.signer.borrow_mut();
        let signer = match &mut *signer {
            Some(signer) if signer.is_for(now) => signer,
            place => {
                let key = SigningKey::derive(self.credentials.secret(), now, &self.region, "lambda");
                place.insert(Signer::new(&self.credentials, key, SignedHeaders::new([CONTENT_TYPE])))
            }
        };
        signer.sign(head, &payload_hash(body), now);
    }

    fn path(&self, arn: &str, call: &str) -> String {
        format!("{}/2025-12-01/durable-executions/{}/{call}", self.base, escaped(arn))
    }
}

impl Journal for HttpJournal {
    async fn checkpoint(&self, call: &Checkpoint<'_>) -> Result<Answer, JournalError> {
        let body = CheckpointBody {
            checkpoint_token: call.token,
            client_token: client_token(call),
            updates: call.updates,
        };
        let body = serde_json::to_vec(&body).map_err(|error| JournalError::Unreachable(error.to_string()))?;
        self.call(Method::POST, &self.path(call.arn, "checkpoint"), body.into()).await
    }

    async fn state(&self, arn: &str, token: &str, marker: &str) -> Result<State, JournalError> {
        let query = format!("CheckpointToken={}&Marker={}&MaxItems=1000", escaped(token), escaped(marker));
        let path = format!("{}?{query}", self.path(arn, "state"));
        self.call(Method::GET, &path, Bytes::new()).await
    }
}

/// What makes a call that is sent twice one: the service answers it from memory. Made of all that the call says, so it needs
/// no chance, and another run that has the same token but something else to say is not taken for this one.
fn client_token(call: &Checkpoint<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(call.token);
    hash.update([0]);
    hash.update(serde_json::to_vec(call.updates).unwrap_or_default());
    hex(&hash.finalize())
}

/// Source: Amazon's restJson1 protocol, errors.
fn refusal(status: u16, headers: &HeaderMap, body: &[u8]) -> JournalError {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body {
        #[serde(alias = "__type", alias = "Type", alias = "code")]
        error_type: String,
        #[serde(alias = "Message")]
        message: String,
    }
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let written = if header.is_empty() { &*body.error_type } else { header };
    let error_type = written.split(':').next().unwrap_or(written).rsplit('#').next().unwrap_or(written);
    JournalError::Refused { status, error_type: error_type.to_owned(), message: body.message }
}

fn escaped(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, SEGMENT)
}

const ENDPOINT: &str = "AWS_ENDPOINT_URL_LAMBDA";

/// All but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Before a call is made again: ours. Together under four seconds, which a function that runs can bear.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_millis(2_500),
];

/// For one try. Ours: an answer may be large.
const MOST: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
