//! Texts that AWS keeps for programs that have no files of their own: parameters of Systems Manager, secrets of Secrets Manager.

use std::{fmt, time::Duration};

use serde::Deserialize;
use serde_json::json;

use super::{Account, ServiceError, SetupError, json::JsonService};

/// Where such a text is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeptText {
    /// `ssm:/stayput/config`: a parameter, a `SecureString` too.
    Parameter(String),
    /// `secretsmanager:stayput/config`: a secret, by its name or ARN.
    Secret(String),
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum KeptTextError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("the secret has no text")]
    Binary,
}

impl KeptText {
    /// `None`: a text like any other.
    pub fn parse(text: &str) -> Option<Self> {
        let named =
            |prefix| text.strip_prefix(prefix).filter(|name: &&str| !name.is_empty()).map(str::to_owned);
        let parameter = named(PARAMETER).map(Self::Parameter);
        parameter.or_else(|| named(SECRET).map(Self::Secret))
    }
}

impl fmt::Display for KeptText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "{PARAMETER}{name}"),
            Self::Secret(id) => write!(f, "{SECRET}{id}"),
        }
    }
}

impl Account {
    /// Source: Systems Manager API reference, `GetParameter`; Secrets Manager API reference, `GetSecretValue`.
    ///
    /// # Errors
    /// It is not there, or not for us to read.
    pub async fn kept_text(&self, kept: &KeptText) -> Result<String, KeptTextError> {
        match kept {
            KeptText::Parameter(name) => {
                let service = JsonService::older(self.other("SSM", "ssm").await?, "AmazonSSM");
                let input = json!({ "Name": name, "WithDecryption": true });
                let answer: Parameter = service.call("GetParameter", &input, PATIENCE).await?;
                Ok(answer.parameter.value)
            }
            KeptText::Secret(id) => {
                let client = self.other("Secrets Manager", "secretsmanager").await?;
                let service = JsonService::older(client, "secretsmanager");
                let answer: Secret =
                    service.call("GetSecretValue", &json!({ "SecretId": id }), PATIENCE).await?;
                answer.secret_string.ok_or(KeptTextError::Binary)
            }
        }
    }
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "Parameter")]
    parameter: Value,
}

#[derive(Deserialize)]
struct Value {
    #[serde(rename = "Value")]
    value: String,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(rename = "SecretString")]
    secret_string: Option<String>,
}

const PARAMETER: &str = "ssm:";
const SECRET: &str = "secretsmanager:";

/// For one answer. A function has 10 s to start in.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_from_a_path() {
        assert_eq!(KeptText::parse("ssm:/a/b"), Some(KeptText::Parameter("/a/b".to_owned())));
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-1";
        let secret = KeptText::parse(&format!("secretsmanager:{arn}")).unwrap();
        assert_eq!(
            (secret.to_string(), &secret),
            (format!("secretsmanager:{arn}"), &KeptText::Secret(arn.to_owned()))
        );
        for path in ["stayput.toml", "ssm:", "./ssm:/a", "secretsmanager:", ""] {
            assert_eq!(KeptText::parse(path), None, "{path}");
        }
    }
}
