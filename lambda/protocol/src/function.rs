//! How a function is named: a bare name, a partial or a full ARN, with or without a qualifier.

use std::fmt;

use crate::{
    api_error::ApiError,
    validation::{self, Violation},
};

/// A function as a caller of Lambda's API names it, taken apart but not resolved.
///
/// `Display` writes the shortest form from which [`parse`](Self::parse) reads the same again: `name`,
/// `name:qualifier`, `account:function:name` or the full ARN.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct FunctionRef {
    pub region: Option<String>,
    /// 12 digits.
    pub account: Option<String>,
    pub name: String,
    pub qualifier: Option<Qualifier>,
}

impl FunctionRef {
    /// A function of the service's own region and account. Whether such a name can exist is the service's to say.
    pub fn new(name: impl Into<String>) -> Self {
        Self { region: None, account: None, name: name.into(), qualifier: None }
    }

    /// Takes a decoded name or ARN apart. An ARN's partition is not kept: it follows from the region.
    ///
    /// # Errors
    /// `ValidationException` with the recorded text.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        Self::check(text).map_err(|violations| validation::error(&violations))
    }

    /// [`parse`](Self::parse) for calls with more parameters. The pattern and the length are judged apart.
    ///
    /// # Errors
    /// Every constraint that it breaks, to be told together with those of the other parameters.
    pub fn check(text: &str) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let parsed = take_apart(text);
        if parsed.is_none() {
            violations.push(Violation::pattern(text, FUNCTION_NAME, FUNCTION_PATTERN));
        }
        if text.len() > MAX_REF_BYTES {
            violations.push(Violation::too_long(text, FUNCTION_NAME, MAX_REF_BYTES));
        }
        match parsed {
            Some(parsed) if violations.is_empty() => Ok(parsed),
            Some(_) | None => Err(violations),
        }
    }

    /// A name or ARN without a qualifier, as calls that configure a whole function take it.
    ///
    /// # Errors
    /// Every constraint that it breaks.
    pub fn check_unqualified(text: &str) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let parsed = take_apart(text).filter(|it| it.qualifier.is_none() && !it.name.contains('.'));
        if parsed.is_none() {
            violations.push(Violation::pattern(text, FUNCTION_NAME, UNQUALIFIED_PATTERN));
        }
        if text.len() > MAX_UNQUALIFIED_BYTES {
            violations.push(Violation::too_long(text, FUNCTION_NAME, MAX_UNQUALIFIED_BYTES));
        }
        parsed.filter(|_| violations.is_empty()).ok_or(violations)
    }
}

impl fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.region, &self.account) {
            (Some(region), Some(account)) => {
                let (name, qualifier) = (&self.name, self.qualifier.as_ref().map(Qualifier::as_str));
                return FunctionArn { region, account, name, qualifier }.fmt(f);
            }
            (Some(place), None) | (None, Some(place)) => write!(f, "{place}:function:{}", self.name)?,
            // `function:live` would be the function `live`.
            (None, None) if self.qualifier.is_some() && is_prefix(&self.name) => {
                write!(f, "function:{}", self.name)?;
            }
            (None, None) => f.write_str(&self.name)?,
        }
        match &self.qualifier {
            Some(Qualifier(qualifier)) => write!(f, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

/// `$LATEST`, a version number or an alias.
///
/// Shape: `$LATEST`, `$LATEST.PUBLISHED`, or 1 to 128 of `A-Z a-z 0-9 - _ $`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Qualifier(String);

impl Qualifier {
    pub const LATEST: &'static str = "$LATEST";

    /// # Errors
    /// `ValidationException` with the recorded text.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        Self::check(text).map_err(|violations| validation::error(&violations))
    }

    /// `$LATEST`, the unpublished code.
    pub fn latest() -> Self {
        Self(Self::LATEST.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// # Errors
    /// Every constraint that it breaks, to be told with those of other parameters.
    pub fn check(text: &str) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let plain = |b: u8| is_alias_byte(b) || b == b'$';
        if text != LATEST_PUBLISHED && (text.is_empty() || !text.bytes().all(plain)) {
            violations.push(Violation::pattern(text, QUALIFIER, QUALIFIER_PATTERN));
        }
        if text.is_empty() {
            violations.push(Violation::too_short(text, QUALIFIER, 1));
        }
        if text.len() > MAX_QUALIFIER_BYTES {
            violations.push(Violation::too_long(text, QUALIFIER, MAX_QUALIFIER_BYTES));
        }
        if violations.is_empty() { Ok(Self(text.to_owned())) } else { Err(violations) }
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A full function ARN; `Display` writes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FunctionArn<'a> {
    pub region: &'a str,
    pub account: &'a str,
    pub name: &'a str,
    pub qualifier: Option<&'a str>,
}

impl fmt::Display for FunctionArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, account, name, qualifier } = self;
        write!(f, "arn:{}:lambda:{region}:{account}:function:{name}", partition(region))?;
        match qualifier {
            Some(qualifier) => write!(f, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

/// Longest name or ARN that `Invoke` takes, in bytes. Source: Lambda's service model, `NamespacedFunctionName`.
pub const MAX_REF_BYTES: usize = 256;
/// Longest name or ARN that calls take which configure a function, in bytes. Source: service model,
/// `UnqualifiedFunctionName`.
pub const MAX_UNQUALIFIED_BYTES: usize = 140;
/// Longest qualifier, in bytes. Source: Lambda's service model, `NumericLatestPublishedOrAliasQualifier`.
pub const MAX_QUALIFIER_BYTES: usize = 128;

const FUNCTION_NAME: &str = "functionName";
const QUALIFIER: &str = "qualifier";
const LATEST_PUBLISHED: &str = "$LATEST.PUBLISHED";

/// Quoted by `ValidationException`; [`take_apart`] is its matcher.
const FUNCTION_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
/// Quoted by `ValidationException`: [`FUNCTION_PATTERN`] without dots and qualifier.
const UNQUALIFIED_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)";
/// Quoted by `ValidationException`; [`Qualifier::check`] is its matcher.
const QUALIFIER_PATTERN: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";

/// Matches [`FUNCTION_PATTERN`] as a backtracking matcher would: each optional prefix is taken where it can be, and
/// the last one is given back where the rest is then no name (`function:$LATEST` is a function called `function`).
fn take_apart(text: &str) -> Option<FunctionRef> {
    let parts: Vec<&str> = text.splitn(MOST_PARTS + 1, ':').collect();
    let mut at = 0;
    if let ["arn", partition, "lambda", _, ..] = parts[..]
        && is_partition(partition)
    {
        at = 3;
    }
    let (mut region, mut account) = (None, None);
    if parts.len() - at > 1 && is_region(parts[at]) {
        region = Some(parts[at]);
        at += 1;
    }
    if parts.len() - at > 1 && is_account(parts[at]) {
        account = Some(parts[at]);
        at += 1;
    }
    if parts.len() - at > 1 && parts[at] == "function" {
        at += 1;
    }
    let (name, qualifier) = match parts[at..] {
        [name] if is_name(name) => (name, None),
        [name, qualifier] if is_name(name) && is_inner_qualifier(qualifier) => (name, Some(qualifier)),
        [qualifier] if at > 0 && parts[at - 1] != "lambda" && is_inner_qualifier(qualifier) => {
            let name = parts[at - 1];
            if region == Some(name) {
                region = None;
            } else if name != "function" {
                account = None;
            }
            (name, Some(qualifier))
        }
        _ => return None,
    };
    Some(FunctionRef {
        region: region.map(str::to_owned),
        account: account.map(str::to_owned),
        name: name.to_owned(),
        qualifier: qualifier.map(|text| Qualifier(text.to_owned())),
    })
}

/// `arn`, partition, `lambda`, region, account, `function`, name, qualifier.
const MOST_PARTS: usize = 8;

fn is_prefix(part: &str) -> bool {
    part == "function" || is_region(part) || is_account(part)
}

fn is_partition(part: &str) -> bool {
    part.is_empty()
        || part
            .strip_prefix("aws")
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'))
}

/// `us-east-1`, `us-gov-west-1`, `us-isob-east-1`, `eusc-de-east-1`.
fn is_region(part: &str) -> bool {
    let lower = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase());
    let sealed = |text: &str| {
        text == "gov" || text.strip_prefix("iso").is_some_and(|rest| rest.len() <= 1 && lower(rest))
    };
    let ends = |area: &str, side: &str, number: &str| {
        area.len() == 2
            && lower(area)
            && !side.is_empty()
            && lower(side)
            && number.len() == 1
            && number.as_bytes()[0].is_ascii_digit()
    };
    let words: Vec<&str> = part.strip_prefix("eusc-").unwrap_or(part).splitn(5, '-').collect();
    match words[..] {
        [area, side, number] => ends(area, side, number),
        [area, seal, side, number] => sealed(seal) && ends(area, side, number),
        _ => false,
    }
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit())
}

fn is_name(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| is_alias_byte(b) || b == b'.')
}

/// What may stand behind a name: narrower than [`Qualifier`], which may hold `$` anywhere.
fn is_inner_qualifier(part: &str) -> bool {
    part == Qualifier::LATEST
        || part == LATEST_PUBLISHED
        || (!part.is_empty() && part.bytes().all(is_alias_byte))
}

fn is_alias_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

/// Source: AWS General Reference, partitions.
fn partition(region: &str) -> &'static str {
    const BY_PREFIX: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests;
