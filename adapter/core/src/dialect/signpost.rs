//! What people are told about a dialect: how functions are named, where they answer, how a caller shows a credential.

use std::fmt::Display;

use http::{HeaderName, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{FunctionKey, Mode};

/// The signs that a dialect puts up for operators. Pure text; requests never pass here.
pub trait Signpost {
    /// How a function is named here: `space/name`.
    fn key_shape(&self) -> &'static str;

    /// The key under which a Lambda function answers where no table says otherwise.
    fn own_key(&self, lambda: &str) -> FunctionKey;

    /// Every route at which a function answers, the synchronous one first. A key that no caller could write gives
    /// routes that [`Dialect::parse`](super::Dialect::parse) refuses or reads differently.
    fn routes(&self, key: &FunctionKey) -> Vec<Route>;

    /// The header in which a caller presents `secret`.
    fn credential_header(&self, secret: &str) -> (HeaderName, String);
}

/// One kind of URL that a function answers at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    pub mode: Mode,
    pub methods: &'static [Method],
    /// From the leading `/`, percent-encoded.
    pub path: String,
    /// Further path levels may follow; the function gets to see them.
    pub deeper: bool,
}

/// One path segment as a caller would write it.
pub(super) fn segment(text: &str) -> impl Display {
    utf8_percent_encode(text, NOT_UNRESERVED)
}

/// RFC 3986 section 2.3.
const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
