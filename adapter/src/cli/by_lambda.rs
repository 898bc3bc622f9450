//! What the commands have in common that Lambda runs as functions: a configuration and a key that need not be files, and the
//! account that they are in.

use stayput_core::{Credential, token::SealingKeys};

use super::{Failure, options::ConfigOptions};
use crate::{
    aws::{Account, KeptText, KeptTextError, SetupError},
    config::{self, Config, Flag, GATEWAY_KEY, SourceFile, Sources},
    tokens::sealing,
};

/// What such a command begins with.
pub(super) struct Basis {
    pub(super) config: Config,
    pub(super) account: Account,
    /// `None`: nobody gave one.
    pub(super) keys: Option<SealingKeys>,
}

/// Is this process a function's?
pub(super) fn is_run_by_lambda() -> bool {
    std::env::var_os(RUNTIME_API).is_some()
}

impl Basis {
    /// From the function's folder and variables, and from wherever these point: `STAYPUT_CONFIG` and `STAYPUT_GATEWAY_KEY` may
    /// name a [`KeptText`].
    ///
    /// # Errors
    /// What is wrong with the configuration, or why something cannot be read.
    pub(super) async fn find(options: &ConfigOptions, flags: Vec<Flag>) -> Result<Self, Failure> {
        let path = config::file_path(options.path());
        let kept = path.to_str().and_then(KeptText::parse);
        let (config, account) = match kept {
            None => {
                let config = options.load(flags)?;
                let account = account(&config).await?;
                (config, account)
            }
            Some(kept) => {
                let mut sources = Sources::without_file(flags);
                // What says where AWS is cannot lie there.
                let account = account(&Config::check(&sources).map_err(config::ConfigError::from)?).await?;
                let text = account.kept_text(&kept).await.map_err(|cause| unreadable(&kept, &cause))?;
                sources.file = Some(SourceFile { name: kept.to_string(), text });
                (Config::check(&sources).map_err(config::ConfigError::from)?, account)
            }
        };
        let keys = keys(&config, &account).await?;
        Ok(Self { config, account, keys })
    }
}

async fn account(config: &Config) -> Result<Account, Failure> {
    Account::find(&config.aws)
        .await
        .map_err(|cause: SetupError| Failure::unreachable("AWS cannot be reached").because(&cause))
}

async fn keys(config: &Config, account: &Account) -> Result<Option<SealingKeys>, Failure> {
    let mut given = GATEWAY_KEY.from_environment()?;
    let text = given.as_ref().and_then(|key| std::str::from_utf8(key.expose()).ok());
    if let Some(kept) = text.and_then(KeptText::parse) {
        let text = account.kept_text(&kept).await.map_err(|cause| unreadable(&kept, &cause))?;
        given = Some(Credential::new(text.trim_end()));
    }
    Ok(sealing::shared(given.as_ref(), config.gateway.key_file.as_deref())?)
}

fn unreadable(kept: &KeptText, cause: &KeptTextError) -> Failure {
    Failure::unreachable(format_args!("{kept} cannot be read")).because(cause)
}

/// Set where Lambda runs the program.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
