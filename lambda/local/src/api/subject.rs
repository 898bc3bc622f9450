//! Which function, and which qualifier of it, a call is about.

use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    function::{FunctionArn, FunctionRef, Qualifier},
    validation::{self, Violation},
};

use super::{House, decoded, parameter};
use crate::{deploy::record::Record, function::Version, functions::check_place, settings::Settings};

/// A function and a qualifier, both well-formed; they need not be there.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) qualifier: Option<Qualifier>,
}

/// What a qualifier stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Meaning {
    Version(Version),
    /// An alias and the version that it is for.
    Alias(Version),
}

impl Subject {
    /// `label` is the path's, still encoded. The qualifier is the one in it or the query's.
    ///
    /// # Errors
    /// One of them is malformed, they say different things, or the function is elsewhere.
    pub(super) fn read(label: &str, query: &str, settings: &Settings) -> Result<Self, ApiError> {
        let mut violations = Vec::new();
        let function = FunctionRef::check(&decoded(label)).map_err(|found| violations.extend(found));
        let qualifier = parameter(query, "Qualifier").map(|text| Qualifier::check(&text)).transpose();
        let qualifier = qualifier.map_err(|found| violations.extend(found));
        let (Ok(function), Ok(qualifier)) = (function, qualifier) else {
            return Err(validation::error(&violations));
        };
        if let (Some(inner), Some(outer)) = (&function.qualifier, &qualifier)
            && inner != outer
        {
            return Err(ApiError::qualifier_mismatch());
        }
        let qualifier = qualifier.or_else(|| function.qualifier.clone());
        check_place(&function, qualifier.as_ref().map(Qualifier::as_str), settings)?;
        Ok(Self { name: function.name, qualifier })
    }

    /// Of a call about a whole function.
    ///
    /// # Errors
    /// As [`read`](Self::read); or there is a qualifier.
    pub(super) fn whole(label: &str, settings: &Settings) -> Result<Self, ApiError> {
        Self::named(&decoded(label), settings)
    }

    /// Likewise, by a name or ARN as it is.
    ///
    /// # Errors
    /// As [`whole`](Self::whole).
    pub(super) fn named(text: &str, settings: &Settings) -> Result<Self, ApiError> {
        let function = FunctionRef::check_unqualified(text);
        let function = function.map_err(|violations| validation::error(&violations))?;
        check_place(&function, None, settings)?;
        Ok(Self { name: function.name, qualifier: None })
    }

    pub(super) fn word(&self) -> Option<&str> {
        self.qualifier.as_ref().map(Qualifier::as_str)
    }

    /// As the call named it: with a qualifier only if there was one.
    pub(super) fn arn(&self, settings: &Settings) -> String {
        arn(&self.name, self.word(), settings)
    }

    pub(super) fn not_found(&self, settings: &Settings) -> ApiError {
        let (region, account) = (&*settings.region, &*settings.account);
        ApiError::function_not_found(&FunctionArn {
            region,
            account,
            name: &self.name,
            qualifier: self.word(),
        })
    }

    /// What is kept of the function.
    ///
    /// # Errors
    /// There is no such function here.
    pub(super) fn record(&self, house: House<'_>) -> Result<Record, ApiError> {
        let record = house.deployments()?.record(&self.name, house.runner);
        record.ok_or_else(|| self.not_found(house.settings()))
    }

    /// # Errors
    /// There is no such version or alias.
    pub(super) fn meaning(&self, record: &Record, settings: &Settings) -> Result<Meaning, ApiError> {
        let meaning = match self.word() {
            None => Some(Meaning::Version(Version::Latest)),
            Some(word) => match Version::parse(word) {
                Some(version) => record.edition(version).map(|_| Meaning::Version(version)),
                None => record.aliases.get(word).map(|alias| Meaning::Alias(alias.version)),
            },
        };
        meaning.ok_or_else(|| self.not_found(settings))
    }
}

impl Meaning {
    pub(super) fn version(self) -> Version {
        match self {
            Self::Version(version) | Self::Alias(version) => version,
        }
    }
}

pub(super) fn arn(name: &str, qualifier: Option<&str>, settings: &Settings) -> String {
    FunctionArn { region: &settings.region, account: &settings.account, name, qualifier }.to_string()
}

/// # Errors
/// The caller has seen another state than `now`.
pub(super) fn check_revision(seen: Option<&str>, now: uuid::Uuid) -> Result<(), ApiError> {
    match seen {
        Some(seen) if seen != now.to_string() => Err(ApiError::revision_mismatch()),
        Some(_) | None => Ok(()),
    }
}

/// A member of a body that must be there.
pub(super) fn required<T>(value: Option<T>, field: &str) -> Result<T, ApiError> {
    value.ok_or_else(|| validation::error(&[Violation::missing(field)]))
}

pub(super) fn invalid(text: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameterValue, text)
}
