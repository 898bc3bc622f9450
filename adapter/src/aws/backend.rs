//! The backend that the settings ask for, ready to call.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use aws_credential_types::provider::error::CredentialsError;

use super::{credentials, endpoint, endpoint::EndpointError, lambda_client, sdk_config};
use crate::{
    backend::{
        LambdaBackend,
        lean::{Identities, Lean, LeanSettings},
        sdk::Sdk,
    },
    config::{AwsClient, AwsSettings},
    tls::Tls,
};

/// The way to Lambda on AWS.
pub struct Backend {
    pub backend: Arc<dyn LambdaBackend>,
    /// For people: where calls go.
    pub endpoint: String,
    /// To be polled as long as calls are made: renews what they are signed with.
    pub upkeep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Why there is no way to Lambda.
#[derive(Debug, thiserror::Error)]
pub enum BackendSetupError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("no AWS credentials were found")]
    Credentials(#[from] CredentialsError),
    #[error("TLS cannot be used")]
    Tls(#[from] std::io::Error),
}

/// Finds credentials and endpoint once, so that what is wrong with them is known before the first caller comes.
///
/// # Errors
/// What is missing.
pub async fn backend(settings: &AwsSettings) -> Result<Backend, BackendSetupError> {
    let config = sdk_config(settings).await;
    let origin = endpoint::resolve(&config).await?;
    let endpoint = origin.to_string();
    let provider = config
        .credentials_provider()
        .ok_or_else(|| CredentialsError::not_loaded("no provider is configured"))?;
    let identities = Identities::default();
    let expires = credentials::first(&provider, &identities).await?;
    match settings.client {
        AwsClient::Lean => {
            let region = config.region().ok_or(EndpointError::NoRegion)?.to_string();
            let tls = if origin.https { Some(Tls::of_the_system()?) } else { None };
            let lean = LeanSettings {
                origin,
                region,
                connect_limit: settings.connect_timeout,
                max_connections: settings.max_connections.get() as usize,
                keep_idle: settings.keep_alive,
                stall_limit: STALL_LIMIT,
                tls,
            };
            let backend = Arc::new(Lean::new(lean, identities.clone()));
            let upkeep = Box::pin(credentials::keep_fresh(provider, identities, expires));
            Ok(Backend { backend, endpoint, upkeep })
        }
        // The SDK keeps its own credentials fresh.
        AwsClient::Sdk => Ok(Backend {
            backend: Arc::new(Sdk::new(lambda_client(&config))),
            endpoint,
            upkeep: Box::pin(std::future::pending()),
        }),
    }
}

/// How long an answer that has begun may stand still. Lambda writes a buffered answer in one go.
const STALL_LIMIT: Duration = Duration::from_secs(20);
