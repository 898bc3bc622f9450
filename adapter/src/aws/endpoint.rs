//! Where a service is for an account's settings, by the SDK's own rules: what was set for the service, what was set for
//! all, FIPS, dual stack, the partition of the region.

use aws_config::SdkConfig;
use aws_sdk_lambda::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_types::service_config::ServiceConfigKey;

use crate::backend::lean::{Origin, OriginError};

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("no region; set AWS_REGION, or region in the section [aws]")]
    NoRegion,
    #[error("the AWS SDK has no endpoint for these settings: {0}")]
    Unresolved(String),
    #[error("the endpoint {url} cannot be used: {cause}")]
    Unusable { url: String, cause: OriginError },
}

/// # Errors
/// No region, or an endpoint that is none.
pub(super) async fn of_lambda(config: &SdkConfig) -> Result<Origin, EndpointError> {
    parse(&resolve(config, configured(config, "Lambda")).await?)
}

/// By the rules of Lambda, whose hosts are called as those of others but for the first word: FIPS, dual stack and the
/// partition's domain are alike. `service_id` is the SDK's name for the service, `word` the first of its host.
/// `config` has no endpoint of our settings, which are Lambda's.
///
/// # Errors
/// As [`of_lambda`].
pub(super) async fn of_other(
    config: &SdkConfig,
    service_id: &str,
    word: &str,
) -> Result<Origin, EndpointError> {
    if let Some(url) = configured(config, service_id) {
        return parse(&url);
    }
    let url = resolve(config, None).await?;
    parse(&url.replacen("://lambda", &format!("://{word}"), 1))
}

async fn resolve(config: &SdkConfig, configured: Option<String>) -> Result<String, EndpointError> {
    let region = config.region().ok_or(EndpointError::NoRegion)?;
    let params = Params::builder()
        .region(region.as_ref())
        .set_use_fips(config.use_fips())
        .set_use_dual_stack(config.use_dual_stack())
        .set_endpoint(configured)
        .build()
        .map_err(|error| EndpointError::Unresolved(error.to_string()))?;
    let endpoint = DefaultResolver::new()
        .resolve_endpoint(&params)
        .await
        .map_err(|error| EndpointError::Unresolved(error.to_string()))?;
    Ok(endpoint.url().to_owned())
}

pub(super) fn parse(url: &str) -> Result<Origin, EndpointError> {
    Origin::parse(url).map_err(|cause| EndpointError::Unusable { url: shown(url, cause), cause })
}

/// `AWS_ENDPOINT_URL_LAMBDA` counts more than `AWS_ENDPOINT_URL`, and what our own settings say more than both: the
/// order in which the SDK's client of a service reads them.
fn configured(config: &SdkConfig, service_id: &str) -> Option<String> {
    let of_all = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return of_all();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .expect("all of it is there");
    config.service_config().and_then(|service| service.load_config(key)).or_else(of_all)
}

/// A URL that may hold a password is not repeated.
fn shown(url: &str, cause: OriginError) -> String {
    if cause == OriginError::UserInfo { "(hidden)".to_owned() } else { url.to_owned() }
}
