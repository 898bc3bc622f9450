//! Error codes, and how each is spelled on the wire.

use http::StatusCode;

/// The codes that `Invoke` and its siblings answer with. `Other` keeps what a newer service may say.
///
/// Source: Lambda's service model and recorded answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ErrorCode {
    ResourceNotFound,
    AccessDenied,
    /// Parameters break a constraint of the model.
    Validation,
    InvalidParameterValue,
    /// The payload is no JSON, or a header is wrong.
    InvalidRequestContent,
    /// What the service says of a payload over the limit.
    RequestEntityTooLarge,
    /// What the model says of a payload over the limit.
    RequestTooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    /// The function cannot be invoked in its present state.
    ResourceConflict,
    /// The function's resources (network, image) are not there yet.
    ResourceNotReady,
    PreconditionFailed,
    DurableExecutionAlreadyStarted,
    CallbackTimeout,
    RecursiveInvocation,
    ModeNotSupported,
    NoPublishedVersion,
    MissingAuthenticationToken,
    /// The access key is unknown.
    UnrecognizedClient,
    /// The `Authorization` header is none of AWS's.
    IncompleteSignature,
    InvalidSignature,
    Service,
    Other {
        name: String,
        status: StatusCode,
    },
}

impl ErrorCode {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::AccessDenied => "AccessDeniedException",
            Self::Validation => "ValidationException",
            Self::InvalidParameterValue => "InvalidParameterValueException",
            Self::InvalidRequestContent => "InvalidRequestContentException",
            Self::RequestEntityTooLarge => "RequestEntityTooLargeException",
            Self::RequestTooLarge => "RequestTooLargeException",
            Self::UnsupportedMediaType => "UnsupportedMediaTypeException",
            Self::TooManyRequests => "TooManyRequestsException",
            Self::ResourceConflict => "ResourceConflictException",
            Self::ResourceNotReady => "ResourceNotReadyException",
            Self::PreconditionFailed => "PreconditionFailedException",
            Self::DurableExecutionAlreadyStarted => "DurableExecutionAlreadyStartedException",
            Self::CallbackTimeout => "CallbackTimeoutException",
            Self::RecursiveInvocation => "RecursiveInvocationException",
            Self::ModeNotSupported => "ModeNotSupportedException",
            Self::NoPublishedVersion => "NoPublishedVersionException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::Service => "ServiceException",
            Self::Other { name, .. } => name,
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::ResourceNotFound => StatusCode::NOT_FOUND,
            Self::AccessDenied
            | Self::MissingAuthenticationToken
            | Self::UnrecognizedClient
            | Self::IncompleteSignature
            | Self::InvalidSignature => StatusCode::FORBIDDEN,
            Self::Validation
            | Self::InvalidParameterValue
            | Self::InvalidRequestContent
            | Self::CallbackTimeout
            | Self::RecursiveInvocation
            | Self::ModeNotSupported
            | Self::NoPublishedVersion => StatusCode::BAD_REQUEST,
            Self::RequestEntityTooLarge | Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::ResourceConflict | Self::DurableExecutionAlreadyStarted => StatusCode::CONFLICT,
            Self::ResourceNotReady => StatusCode::BAD_GATEWAY,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::Service => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Other { status, .. } => *status,
        }
    }

    /// Reads a name; one that is not known keeps the `status` it came with.
    pub(super) fn parse(name: &str, status: StatusCode) -> Self {
        Self::KNOWN
            .into_iter()
            .find(|code| code.as_str() == name)
            .unwrap_or_else(|| Self::Other { name: name.to_owned(), status })
    }

    /// Every code but `Other`.
    pub(super) const KNOWN: [Self; 22] = [
        Self::ResourceNotFound,
        Self::AccessDenied,
        Self::Validation,
        Self::InvalidParameterValue,
        Self::InvalidRequestContent,
        Self::RequestEntityTooLarge,
        Self::RequestTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::ResourceConflict,
        Self::ResourceNotReady,
        Self::PreconditionFailed,
        Self::DurableExecutionAlreadyStarted,
        Self::CallbackTimeout,
        Self::RecursiveInvocation,
        Self::ModeNotSupported,
        Self::NoPublishedVersion,
        Self::MissingAuthenticationToken,
        Self::UnrecognizedClient,
        Self::IncompleteSignature,
        Self::InvalidSignature,
        Self::Service,
    ];

    pub(super) fn spelling(&self) -> Spelling {
        const MODEL_UPPER: Spelling = Spelling { typed: true, message: "Message" };
        const MODEL_LOWER: Spelling = Spelling { typed: true, message: "message" };
        const FRAMEWORK_UPPER: Spelling = Spelling { typed: false, message: "Message" };
        const FRAMEWORK_LOWER: Spelling = Spelling { typed: false, message: "message" };
        match self {
            Self::ResourceNotFound
            | Self::DurableExecutionAlreadyStarted
            | Self::CallbackTimeout
            | Self::RecursiveInvocation
            | Self::Service => MODEL_UPPER,
            Self::InvalidParameterValue
            | Self::InvalidRequestContent
            | Self::RequestTooLarge
            | Self::UnsupportedMediaType
            | Self::TooManyRequests
            | Self::ResourceConflict
            | Self::ResourceNotReady
            | Self::PreconditionFailed
            | Self::ModeNotSupported
            | Self::NoPublishedVersion => MODEL_LOWER,
            Self::AccessDenied => FRAMEWORK_UPPER,
            Self::Validation
            | Self::RequestEntityTooLarge
            | Self::MissingAuthenticationToken
            | Self::UnrecognizedClient
            | Self::IncompleteSignature
            | Self::InvalidSignature => FRAMEWORK_LOWER,
            Self::Other { name, .. }
                if ["KMS", "EC2", "ENI"].iter().any(|family| name.starts_with(family)) =>
            {
                MODEL_UPPER
            }
            Self::Other { .. } => MODEL_LOWER,
        }
    }
}

/// The members of an error's body.
pub(super) struct Spelling {
    /// Is there a `Type`?
    pub(super) typed: bool,
    /// `Message` or `message`.
    pub(super) message: &'static str,
}

/// Why a call was throttled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ThrottleReason {
    ConcurrentInvocationLimitExceeded,
    FunctionInvocationRateLimitExceeded,
    ReservedFunctionConcurrentInvocationLimitExceeded,
    ReservedFunctionInvocationRateLimitExceeded,
    CallerRateLimitExceeded,
    ConcurrentSnapshotCreateLimitExceeded,
}

impl ThrottleReason {
    pub const ALL: [Self; 6] = [
        Self::ConcurrentInvocationLimitExceeded,
        Self::FunctionInvocationRateLimitExceeded,
        Self::ReservedFunctionConcurrentInvocationLimitExceeded,
        Self::ReservedFunctionInvocationRateLimitExceeded,
        Self::CallerRateLimitExceeded,
        Self::ConcurrentSnapshotCreateLimitExceeded,
    ];

    /// Lambda's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
            Self::FunctionInvocationRateLimitExceeded => "FunctionInvocationRateLimitExceeded",
            Self::ReservedFunctionConcurrentInvocationLimitExceeded => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
            Self::ReservedFunctionInvocationRateLimitExceeded => {
                "ReservedFunctionInvocationRateLimitExceeded"
            }
            Self::CallerRateLimitExceeded => "CallerRateLimitExceeded",
            Self::ConcurrentSnapshotCreateLimitExceeded => "ConcurrentSnapshotCreateLimitExceeded",
        }
    }

    /// `None`: a word that Lambda did not have when this was written.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}
