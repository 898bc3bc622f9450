//! A function's URL, as its template configures it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// What `FunctionUrlConfig` or `AWS::Lambda::Url` says. A function without either is called as the default says.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FunctionUrl {
    pub auth: UrlAuth,
    pub invoke_mode: InvokeMode,
    /// `None`: the service knows of no origins; what a function says of them is passed on.
    pub cors: Option<Cors>,
}

/// Who may call: `AuthType`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum UrlAuth {
    /// Everybody: `NONE`.
    #[default]
    Open,
    /// Whoever signs: `AWS_IAM`.
    Iam,
}

/// How an answer travels: `InvokeMode`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum InvokeMode {
    /// Once it is whole.
    #[default]
    Buffered,
    /// As the function makes it.
    ResponseStream,
}

/// Which pages of other origins may call, and what their browsers are told. `*` in a list stands for any.
///
/// All entries are visible ASCII. Source: Lambda API reference, `Cors`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cors {
    /// Like `https://example.com`; at most 100.
    pub allow_origins: Vec<String>,
    /// At most 6.
    pub allow_methods: Vec<String>,
    /// At most 100.
    pub allow_headers: Vec<String>,
    /// At most 100.
    pub expose_headers: Vec<String>,
    /// 0 to 86,400 s.
    pub max_age_s: Option<u32>,
    pub allow_credentials: bool,
}

/// Source: Lambda API reference, `Cors`.
impl Cors {
    /// Entries of a list of origins or header names.
    pub(crate) const ITEMS: usize = 100;
    /// Entries of `AllowMethods`.
    pub(crate) const METHODS: usize = 6;
    pub(crate) const ORIGIN_BYTES: RangeInclusive<usize> = 1..=253;
    /// `OPTIONS`, which the service answers itself, is longer.
    pub(crate) const METHOD_BYTES: RangeInclusive<usize> = 1..=6;
    pub(crate) const HEADER_BYTES: RangeInclusive<usize> = 1..=1_024;
    /// Seconds.
    pub(crate) const MAX_AGE_S: RangeInclusive<u32> = 0..=86_400;

    /// Whether a list may have such an entry.
    pub(crate) fn is_entry(text: &str, bytes: &RangeInclusive<usize>) -> bool {
        bytes.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl UrlAuth {
    /// Lambda's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "NONE",
            Self::Iam => "AWS_IAM",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "NONE" => Some(Self::Open),
            "AWS_IAM" => Some(Self::Iam),
            _ => None,
        }
    }
}

impl InvokeMode {
    /// Lambda's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "BUFFERED",
            Self::ResponseStream => "RESPONSE_STREAM",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "BUFFERED" => Some(Self::Buffered),
            "RESPONSE_STREAM" => Some(Self::ResponseStream),
            _ => None,
        }
    }
}
