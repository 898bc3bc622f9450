//! Options that several verbs share.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use lambda_local::{
    rust_build::BuildMode,
    template::{self, Template},
};

use super::{Failure, following::Source};
use crate::config::{Config, Flag};

/// Where the configuration comes from.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ConfigOptions {
    /// Configuration file [default: stayput.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Settings of the gateway.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct GatewayOptions {
    /// Where callers come in [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Health, metrics and version [default: 127.0.0.1:9080]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
}

/// Settings of the embedded Lambda service.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct LambdaOptions {
    /// Lambda's API; with 127.0.0.1, [::1] answers as well [default: 127.0.0.1:9000]
    #[arg(long, value_name = "ADDRESS")]
    lambda_listen: Option<String>,
}

/// Settings of the embedded Lambda service, where it is all there is.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct OwnLambdaOptions {
    /// Lambda's API; with 127.0.0.1, [::1] answers as well [default: 127.0.0.1:9000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Settings of the way to Lambda on AWS.
#[cfg(feature = "aws")]
#[derive(Args, Clone, Debug, Default)]
pub(super) struct AwsOptions {
    /// URL of the Lambda service [default: as the AWS SDK's rules say]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Region of the functions [default: as the AWS SDK's rules say]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

/// Settings of everything that runs for long.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ServiceOptions {
    /// What has to outlive the process [default: .stayput]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<String>,
    #[command(flatten)]
    log: LogOptions,
}

/// Settings of the program's own log.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct LogOptions {
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Which template says what functions there are.
#[derive(Args, Clone, Debug)]
pub(super) struct TemplateOptions {
    /// SAM template with the functions [default: template.yaml]
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

/// How functions in Rust get their programs.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct BuildOptions {
    /// Take what was built before
    #[arg(long, conflicts_with = "release")]
    no_build: bool,
    /// Build with optimisations
    #[arg(long)]
    release: bool,
}

impl GatewayOptions {
    pub(super) fn flags(self) -> Vec<Flag> {
        given([
            ("gateway", "listen", "--listen", self.listen),
            ("gateway", "admin_listen", "--admin-listen", self.admin_listen),
        ])
    }
}

impl LambdaOptions {
    pub(super) fn flags(self) -> Vec<Flag> {
        given([("lambda", "listen", "--lambda-listen", self.lambda_listen)])
    }
}

impl OwnLambdaOptions {
    pub(super) fn flags(self) -> Vec<Flag> {
        given([("lambda", "listen", "--listen", self.listen)])
    }
}

#[cfg(feature = "aws")]
impl AwsOptions {
    pub(super) fn flags(self) -> Vec<Flag> {
        given([("aws", "endpoint", "--endpoint", self.endpoint), ("aws", "region", "--region", self.region)])
    }
}

impl ServiceOptions {
    pub(super) fn flags(self) -> Vec<Flag> {
        let data_dir = given([("gateway", "data_dir", "--data-dir", self.data_dir)]);
        [data_dir, self.log.flags()].concat()
    }
}

impl LogOptions {
    pub(super) fn flags(self) -> Vec<Flag> {
        given([
            ("gateway", "log_format", "--log-format", self.log_format),
            ("gateway", "log_level", "--log-level", self.log_level),
        ])
    }
}

impl ConfigOptions {
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub(super) fn load(&self, flags: Vec<Flag>) -> Result<Config, Failure> {
        Ok(Config::load(self.path(), flags)?)
    }

    /// As [`load`](Self::load), with what it takes to load again.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub(super) fn load_and_keep(self, flags: Vec<Flag>) -> Result<(Config, Source), Failure> {
        let config = self.load(flags.clone())?;
        Ok((config, Source { file: self.config, flags }))
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

impl BuildOptions {
    pub(super) fn mode(self) -> BuildMode {
        if self.no_build {
            BuildMode::NoBuild
        } else if self.release {
            BuildMode::Release
        } else {
            BuildMode::Debug
        }
    }
}

impl TemplateOptions {
    /// # Errors
    /// Everything that is wrong with the template.
    pub(super) fn load(&self) -> Result<Template, Failure> {
        Ok(template::load(self.path(), &BTreeMap::new())?)
    }

    /// Likewise; without one that was named, and without the usual one, there are no functions.
    ///
    /// # Errors
    /// Everything that is wrong with the template.
    pub(super) fn load_if_there(&self) -> Result<Template, Failure> {
        if self.template.is_none() && !self.path().exists() {
            return Ok(Template { functions: Vec::new(), notes: Vec::new() });
        }
        self.load()
    }

    pub(super) fn path(&self) -> &Path {
        self.template.as_deref().unwrap_or_else(|| Path::new(DEFAULT_TEMPLATE))
    }
}

const DEFAULT_TEMPLATE: &str = "template.yaml";

/// Section and key of the setting, the flag's name, and what was typed behind it.
pub(super) fn given<const N: usize>(
    flags: [(&'static str, &'static str, &'static str, Option<String>); N],
) -> Vec<Flag> {
    let flags = flags.into_iter();
    flags.filter_map(|(section, key, name, value)| Some(Flag { section, key, name, value: value? })).collect()
}
