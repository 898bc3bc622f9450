//! The one place that knows how the AWS SDK is set up. Credentials, regions, endpoints, FIPS and dual stack are the
//! SDK's affair, by its own variables and files; what our settings say is stronger.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::{ProvideCredentials as _, error::CredentialsError};
use aws_sdk_lambda::{Client, config::SharedHttpClient};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::config::AwsSettings;

mod account;
mod credentials;
mod destinations;
mod dynamodb;
mod endpoint;
mod event_bridge;
mod json;
mod kept_text;
mod logs;
mod sqs;

pub use account::{Account, SetupError};
pub use destinations::{DestinationsUnknown, EventInvokeConfigs};
pub use dynamodb::{
    AttributeDefinition, Description as TableDescription, DynamoTable, Index as TableIndex, KeyPart,
    TimeToLive,
};
pub use endpoint::EndpointError;
pub use event_bridge::{EventBridge, Rule};
pub use json::ServiceError;
pub use kept_text::{KeptText, KeptTextError};
pub use logs::{CloudWatchLogs, Line};
pub use sqs::{LONG_POLL, MAX_BATCH, MAX_VISIBILITY, Message, Sqs, Tally};

/// Reads the SDK's variables and files; asks nobody over the network.
pub async fn sdk_config(settings: &AwsSettings) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(settings.connect_timeout).build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .timeout_config(timeouts)
        .http_client(http_client());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint.to_string());
    }
    loader.load().await
}

/// The SDK's own, with the TLS of everything else here.
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// A client that sends each request once: whether to try again is for whoever asked. Credentials, whose requests change
/// nothing, are fetched with the SDK's own retries.
pub fn lambda_client(config: &SdkConfig) -> Client {
    let config = aws_sdk_lambda::config::Builder::from(config).retry_config(RetryConfig::disabled()).build();
    Client::from_conf(config)
}

/// Are there credentials at all? Worth asking first, as a request without any fails for reasons that say less.
///
/// # Errors
/// Why the SDK's chain has none.
pub async fn check_credentials(config: &SdkConfig) -> Result<(), CredentialsError> {
    match config.credentials_provider() {
        Some(provider) => provider.provide_credentials().await.map(drop),
        None => Err(CredentialsError::not_loaded("no provider is configured")),
    }
}
