//! An account on AWS: credentials, found once and kept fresh, and the ways to its services.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_credential_types::provider::{SharedCredentialsProvider, error::CredentialsError};

use super::{
    credentials,
    destinations::EventInvokeConfigs,
    dynamodb::DynamoTable,
    endpoint::{self, EndpointError},
    event_bridge::EventBridge,
    json::{JsonService, signed},
    lambda_client,
    logs::CloudWatchLogs,
    sdk_config,
    sqs::Sqs,
};
use crate::{
    backend::{
        LambdaBackend,
        lean::{Identities, Lean, LeanSettings, Origin, Service},
        sdk::Sdk,
    },
    config::{AwsClient, AwsSettings},
    tls::Tls,
};

/// Credentials and a region.
#[derive(Debug)]
pub struct Account {
    settings: AwsSettings,
    config: SdkConfig,
    region: String,
    identities: Identities,
    provider: SharedCredentialsProvider,
    expires: Option<SystemTime>,
}

/// Why a service cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("no AWS credentials were found")]
    Credentials(#[from] CredentialsError),
    #[error("TLS cannot be used")]
    Tls(#[from] std::io::Error),
}

impl Account {
    /// Finds credentials and region, so that what is wrong with them is known before the first caller comes.
    ///
    /// # Errors
    /// What is missing.
    pub async fn find(settings: &AwsSettings) -> Result<Self, SetupError> {
        let config = sdk_config(settings).await;
        let region = config.region().ok_or(EndpointError::NoRegion)?.to_string();
        let provider = config
            .credentials_provider()
            .ok_or_else(|| CredentialsError::not_loaded("no provider is configured"))?;
        let identities = Identities::default();
        let expires = credentials::first(&provider, &identities).await?;
        Ok(Self { settings: settings.clone(), config, region, identities, provider, expires })
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// Lambda, and where it is, for people.
    ///
    /// # Errors
    /// Its endpoint is none.
    pub async fn lambda(&self) -> Result<(Arc<dyn LambdaBackend>, String), SetupError> {
        let origin = endpoint::of_lambda(&self.config).await?;
        let endpoint = origin.to_string();
        let backend: Arc<dyn LambdaBackend> = match self.settings.client {
            AwsClient::Lean => Arc::new(self.client(Service::lambda(), origin)?),
            AwsClient::Sdk => Arc::new(Sdk::new(lambda_client(&self.config))),
        };
        Ok((backend, endpoint))
    }

    /// Lambda's API as it is, whatever of it is asked.
    ///
    /// # Errors
    /// Its endpoint is none.
    pub async fn lambda_api(&self) -> Result<Lean, SetupError> {
        self.client(Service::lambda(), endpoint::of_lambda(&self.config).await?)
    }

    /// The queue of this URL, which says where SQS is, too.
    ///
    /// # Errors
    /// It is no URL.
    pub fn queue(&self, url: &str) -> Result<Sqs, SetupError> {
        let origin = Origin { base_path: String::new(), ..endpoint::parse(url)? };
        let client = self.client(signed("sqs"), origin)?;
        Ok(Sqs::new(JsonService::new(client, "AmazonSQS"), url.to_owned()))
    }

    /// The table of this name.
    ///
    /// # Errors
    /// DynamoDB's endpoint is none.
    pub async fn table(&self, name: &str) -> Result<DynamoTable, SetupError> {
        let client = self.other("DynamoDB", "dynamodb").await?;
        Ok(DynamoTable::new(JsonService::new(client, "DynamoDB_20120810"), name.to_owned()))
    }

    /// Where functions' destinations lead, seen from `queue`.
    ///
    /// # Errors
    /// Lambda's endpoint is none.
    pub async fn destinations(&self, queue: Arc<Sqs>) -> Result<EventInvokeConfigs, SetupError> {
        Ok(EventInvokeConfigs::new(self.lambda_api().await?, queue))
    }

    /// What functions wrote.
    ///
    /// # Errors
    /// The endpoint of CloudWatch Logs is none.
    pub async fn logs(&self) -> Result<CloudWatchLogs, SetupError> {
        let client = self.other("CloudWatch Logs", "logs").await?;
        Ok(CloudWatchLogs::new(JsonService::older(client, "Logs_20140328")))
    }

    /// EventBridge's rules.
    ///
    /// # Errors
    /// Its endpoint is none.
    pub async fn event_bridge(&self) -> Result<EventBridge, SetupError> {
        let client = self.other("EventBridge", "events").await?;
        Ok(EventBridge::new(JsonService::older(client, "AWSEvents")))
    }

    /// A service that is called `word` by its hosts and in signatures, and `service_id` by the SDK.
    pub(super) async fn other(&self, service_id: &str, word: &'static str) -> Result<Lean, SetupError> {
        let config = sdk_config(&AwsSettings { endpoint: None, ..self.settings.clone() }).await;
        let origin = endpoint::of_other(&config, service_id, word).await?;
        self.client(signed(word), origin)
    }

    /// To be polled as long as any of its services is used: renews what calls are signed with.
    pub fn upkeep(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(credentials::keep_fresh(self.provider.clone(), self.identities.clone(), self.expires))
    }

    fn client(&self, service: Service, origin: Origin) -> Result<Lean, SetupError> {
        let tls = if origin.https { Some(Tls::of_the_system()?) } else { None };
        let settings = LeanSettings {
            service,
            origin,
            region: self.region.clone(),
            connect_limit: self.settings.connect_timeout,
            max_connections: self.settings.max_connections.get() as usize,
            keep_idle: self.settings.keep_alive,
            stall_limit: STALL_LIMIT,
            tls,
        };
        Ok(Lean::new(settings, self.identities.clone()))
    }
}

/// How long an answer that has begun may stand still. Lambda writes a buffered answer in one go.
const STALL_LIMIT: Duration = Duration::from_secs(20);
