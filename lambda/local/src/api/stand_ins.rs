//! The few calls of IAM, STS and CloudWatch Logs that `cargo lambda deploy` makes on its way, answered as if they had worked:
//! there are no roles and no retention on this machine.
//!
//! Source: cargo-lambda 1.9.2, whose `--endpoint-url` holds for every service that it talks to.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header::CONTENT_TYPE, request};
use lambda_protocol::api_error::{ApiError, ErrorCode};
use uuid::Uuid;

use super::{House, json, parameter};

#[derive(Debug)]
pub(crate) enum Call {
    /// AWS's query protocol: a form in, XML out.
    Query,
    /// CloudWatch Logs: the operation's name.
    Logs(String),
}

impl Call {
    pub(super) fn route(head: &request::Parts) -> Option<Self> {
        if head.method != Method::POST || head.uri.path() != "/" {
            return None;
        }
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(target) = text("x-amz-target").and_then(|target| target.strip_prefix(LOGS)) {
            return Some(Self::Logs(target.to_owned()));
        }
        text("content-type").filter(|kind| kind.starts_with(FORM)).map(|_| Self::Query)
    }

    pub(super) fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        match self {
            Self::Logs(operation) => match &*operation {
                "CreateLogGroup" | "PutRetentionPolicy" => Ok(json("{}".to_owned())),
                _ => Err(not_here(&operation)),
            },
            Self::Query => query(body, &house.settings().account),
        }
    }
}

fn query(body: &[u8], account: &str) -> Result<Response<Bytes>, ApiError> {
    let form = String::from_utf8_lossy(body).replace('+', "%20");
    let action = parameter(&form, "Action").unwrap_or_default();
    let (namespace, result) = match &*action {
        "GetCallerIdentity" => (
            STS,
            format!(
                "<Arn>arn:aws:iam::{account}:root</Arn><UserId>{account}</UserId><Account>{account}</Account>"
            ),
        ),
        "AssumeRole" => {
            let role = parameter(&form, "RoleArn").unwrap_or_default();
            let session = parameter(&form, "RoleSessionName").unwrap_or_default();
            (
                STS,
                format!(
                    "<Credentials><AccessKeyId>LOCALLAMBDA</AccessKeyId><SecretAccessKey>local</SecretAccessKey>\
                     <SessionToken>local</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                     <AssumedRoleUser><Arn>{}/{}</Arn><AssumedRoleId>AROALOCAL:local</AssumedRoleId></AssumedRoleUser>",
                    escaped(&role),
                    escaped(&session)
                ),
            )
        }
        "CreateRole" => {
            let name = escaped(&parameter(&form, "RoleName").unwrap_or_default());
            (
                IAM,
                format!(
                    "<Role><Path>/</Path><RoleName>{name}</RoleName><RoleId>AROALOCAL</RoleId>\
                     <Arn>arn:aws:iam::{account}:role/{name}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"
                ),
            )
        }
        "AttachRolePolicy" | "UpdateAssumeRolePolicy" => (IAM, String::new()),
        _ => return Err(not_here(&action)),
    };
    let result =
        if result.is_empty() { result } else { format!("<{action}Result>{result}</{action}Result>") };
    let id = Uuid::new_v4();
    let text = format!(
        "<{action}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{id}</RequestId>\
         </ResponseMetadata></{action}Response>"
    );
    let mut response = Response::new(Bytes::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    Ok(response)
}

/// In XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn not_here(action: &str) -> ApiError {
    let name = "UnknownOperationException".to_owned();
    let code = ErrorCode::Other { name, status: http::StatusCode::BAD_REQUEST };
    let text = format_args!(
        "This is a local Lambda: of other services it answers only what deploying needs, not {action:?}."
    );
    ApiError::new(code, text)
}

const LOGS: &str = "Logs_20140328.";
const FORM: &str = "application/x-www-form-urlencoded";
const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const IAM: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
