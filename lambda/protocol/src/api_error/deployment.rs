//! What calls are answered with that deploy functions, as recorded from AWS unless said otherwise.

use std::fmt::Display;

use super::{ApiError, ErrorCode};

impl ApiError {
    pub fn function_exists(name: &str) -> Self {
        Self::new(ErrorCode::ResourceConflict, format_args!("Function already exist: {name}"))
    }

    /// `why` is ours: AWS says no more than that it could not.
    pub fn could_not_unzip(why: impl Display) -> Self {
        let text = format_args!(
            "Could not unzip uploaded file. Please check your file, then try to upload again. ({why})"
        );
        Self::new(ErrorCode::InvalidParameterValue, text)
    }

    /// Source: the text that developers report; it is not among the recorded ones.
    pub fn too_large_unpacked(most: u64) -> Self {
        let text = format_args!("Unzipped size must be smaller than {most} bytes");
        Self::new(ErrorCode::InvalidParameterValue, text)
    }

    /// A call with an archive in it is over the limit of its body.
    pub fn too_large_upload(operation: &str, most: usize) -> Self {
        let text = format_args!("Request must be smaller than {most} bytes for the {operation} operation");
        Self::new(ErrorCode::RequestEntityTooLarge, text)
    }

    pub fn revision_mismatch() -> Self {
        let text = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                    retrieve the latest Revision Id";
        Self::new(ErrorCode::PreconditionFailed, text)
    }

    pub fn no_alias(arn: impl Display) -> Self {
        Self::new(ErrorCode::ResourceNotFound, format_args!("Cannot find alias arn: {arn}"))
    }

    pub fn alias_exists(arn: impl Display) -> Self {
        Self::new(ErrorCode::ResourceConflict, format_args!("Alias already exists: {arn}"))
    }

    /// There is no policy, URL or other part of the function of which one asked.
    pub fn no_such_resource() -> Self {
        Self::new(ErrorCode::ResourceNotFound, "The resource you requested does not exist.")
    }
}
