//! Settings: written by the operator, then checked into what the program runs on.
//!
//! Flag before environment before file before default. Everything that is wrong is reported at once, by the name
//! that the operator used, and a misspelt word is never taken for the default. Only this module reads the
//! environment.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use lambda_protocol::sigv4::{Credentials, SecretKey};
use stayput_core::{keys::Keyring, table::Table};

mod callback;
pub mod dev;
mod document;
mod function;
pub mod key;
mod kind;
pub mod mistake;
mod quantity;
mod raw;
mod row;
pub mod schema;
mod secret;
mod settings;

pub use key::{Holder, KeyRow};
pub use mistake::{Mistake, Mistakes, Origin};
pub use quantity::{Scale, duration};
pub use secret::{DEV_KEY, GATEWAY_KEY, Secret, SecretError};
pub use settings::{
    AwsClient, AwsSettings, CallbackSettings, Change, Flag, GatewaySettings, LambdaSettings, LogFormat,
    LogLevel, Setting, TlsFiles, Value,
};

use document::Document;
use mistake::nearest;
use raw::RawConfig;

/// What the program runs on.
#[derive(Debug)]
pub struct Config {
    pub gateway: GatewaySettings,
    pub lambda: LambdaSettings,
    pub aws: AwsSettings,
    pub callback: CallbackSettings,
    /// Every setting as it was written, and where.
    pub values: Vec<Value>,
    /// What the file says of functions and keys; `None` without a file.
    pub rows: Option<Rows>,
}

/// The operator's functions and keys.
#[derive(Debug)]
pub struct Rows {
    pub table: Table,
    pub keys: Vec<KeyRow>,
}

impl Rows {
    /// Is there anything in them?
    pub fn has_any(&self) -> bool {
        !(self.table.is_empty() && self.keys.is_empty())
    }

    pub fn keyring(&self) -> Keyring {
        key::keyring(&self.keys)
    }
}

/// Everything that an operator may have written, as text.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub flags: Vec<Flag>,
    /// Variables whose names begin with `STAYPUT_`.
    pub variables: Vec<(String, String)>,
    pub file: Option<SourceFile>,
}

/// A configuration file's text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As messages call it.
    pub name: String,
    pub text: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("the configuration file {} is over the limit of {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

/// Every setting with its default and every kind of row, with comments: where an operator begins.
pub const DEFAULT_FILE: &str = include_str!("config.default.toml");

impl Config {
    /// Reads the file and the environment, then [checks](Self::check).
    ///
    /// # Errors
    /// A named file that cannot be read, and everything that is wrong.
    pub fn load(file: Option<&Path>, flags: Vec<Flag>) -> Result<Self, ConfigError> {
        Ok(Self::check(&Sources::gather(file, flags)?)?)
    }

    /// # Errors
    /// Everything that is wrong. Where the text is not even TOML, only that.
    pub fn check(sources: &Sources) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let document = match &sources.file {
            Some(file) => Some(Document::parse(&file.name, &file.text)?),
            None => None,
        };
        let raw = document.as_ref().map(|document| RawConfig::read(document, &mut mistakes));
        check_variables(&sources.variables, &mut mistakes);
        let in_file = raw.as_ref().map(|raw| raw.settings.as_slice()).unwrap_or_default();
        let values = settings::strongest(&sources.flags, &sources.variables, in_file);
        let gateway = GatewaySettings::check(&values, &mut mistakes);
        let lambda = LambdaSettings::check(&values, &mut mistakes);
        let aws = AwsSettings::check(&values, &mut mistakes);
        let callback = CallbackSettings::check(&values, &mut mistakes);
        if let Some(gateway) = &gateway {
            gateway.check_tls(&values, &mut mistakes);
        }
        if let Some(callback) = &callback {
            callback.check_queues(&values, &mut mistakes);
        }
        let rows = raw.map(|raw| {
            let table = function::table(&raw.functions, &sources.variables, &mut mistakes);
            let keys = key::rows(&raw.keys, &table, &mut mistakes);
            Rows { table, keys }
        });
        mistakes.or(())?;
        let (Some(gateway), Some(lambda), Some(aws), Some(callback)) = (gateway, lambda, aws, callback)
        else {
            unreachable!("a setting without a value has its mistake");
        };
        Ok(Self { gateway, lambda, aws, callback, values, rows })
    }
}

impl Sources {
    /// # Errors
    /// A named file that cannot be read.
    pub fn gather(file: Option<&Path>, flags: Vec<Flag>) -> Result<Self, ConfigError> {
        let named = named_file(file);
        let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists());
        let file = named.or_else(usual).map(|path| read_file(&path)).transpose()?;
        Ok(Self { file, ..Self::without_file(flags) })
    }

    /// Flags and environment alone.
    pub fn without_file(flags: Vec<Flag>) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            })
            .filter(|(name, _)| {
                name.starts_with(PREFIX) && DEV_KEY.variable != name && GATEWAY_KEY.variable != name
            })
            .collect();
        Self { flags, variables, file: None }
    }
}

/// The configuration file that counts where `named` is what the command line says; it need not be there.
pub fn file_path(named: Option<&Path>) -> PathBuf {
    named_file(named).unwrap_or_else(|| PathBuf::from(USUAL_FILE))
}

fn named_file(on_command_line: Option<&Path>) -> Option<PathBuf> {
    let in_environment = || std::env::var_os(CONFIG).filter(|path| !path.is_empty()).map(PathBuf::from);
    on_command_line.map(Path::to_owned).or_else(in_environment)
}

/// The access key that the environment gives, in the variables that every AWS tool reads.
///
/// # Errors
/// Which variable is missing, or which part is unusable; nothing of what they hold.
pub fn aws_credentials_from_environment() -> Result<Credentials, String> {
    let given = |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let needed = |name| given(name).ok_or_else(|| format!("{name} is not set"));
    let (id, secret) = (needed(AWS_ACCESS_KEY_ID)?, needed(AWS_SECRET_ACCESS_KEY)?);
    let credentials = Credentials::new(id, SecretKey::new(secret), given(AWS_SESSION_TOKEN).as_deref());
    credentials.map_err(|error| error.to_string())
}

fn read_file(path: &Path) -> Result<SourceFile, ConfigError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(cause) => Err(ConfigError::Unreadable { path: path.to_owned(), cause }),
        Ok(bytes) if bytes as u64 > MAX_FILE_BYTES => Err(ConfigError::TooLarge { path: path.to_owned() }),
        Ok(_) => Ok(SourceFile { name: path.display().to_string(), text }),
    }
}

/// A variable that is nearly one of ours is a slip; other names with our prefix may be somebody else's (Kubernetes
/// makes some for a service that is called `stayput`).
fn check_variables(variables: &[(String, String)], mistakes: &mut Mistakes) {
    let known = || {
        settings::all().map(|setting| setting.variable).chain([
            CONFIG,
            DEV_KEY.variable,
            DEV_KEY.file_variable,
            GATEWAY_KEY.variable,
            GATEWAY_KEY.file_variable,
        ])
    };
    for (name, _) in variables.iter().filter(|(name, _)| known().all(|known| known != name)) {
        if let Some(meant) = nearest(name, known()) {
            mistakes.at(&Origin::Variable(name.clone()), format!("unknown; did you mean {meant}?"));
        }
    }
}

/// The file that is read where none is named, if it is there.
const USUAL_FILE: &str = "stayput.toml";

const PREFIX: &str = "STAYPUT_";
const CONFIG: &str = "STAYPUT_CONFIG";

const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// Ours: 10,000 functions and keys take about 3 MB.
const MAX_FILE_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests;
