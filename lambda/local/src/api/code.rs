//! The archive in a call.

use std::borrow::Cow;

use lambda_protocol::api_error::ApiError;
use serde::Deserialize;

use super::{House, subject::invalid};
use crate::deploy::record::StoredCode;

/// Where a call says that the code is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Code<'a> {
    /// Base64. Not copied out of the body, which it nearly fills.
    #[serde(borrow)]
    zip_file: Option<Cow<'a, str>>,
    s3_bucket: Option<String>,
    image_uri: Option<String>,
}

impl Code<'_> {
    /// # Errors
    /// There is no archive, or none that Lambda would take.
    pub(super) async fn store(&self, house: House<'_>) -> Result<StoredCode, ApiError> {
        let Some(zip) = &self.zip_file else { return Err(self.none_here()) };
        let archive = base64_simd::STANDARD.decode_to_vec(zip.as_bytes());
        let archive = archive.map_err(|_| ApiError::could_not_unzip("it is no base64"))?;
        if archive.len() > ARCHIVE_BYTES {
            let text = format_args!("Zipped size must be smaller than {ARCHIVE_BYTES} bytes");
            return Err(invalid(text));
        }
        house.deployments()?.unpack(archive).await
    }

    fn none_here(&self) -> ApiError {
        if self.image_uri.is_some() {
            return invalid("Container images do not run in this local Lambda; deploy a zip archive.");
        }
        if self.s3_bucket.is_some() {
            return invalid("This local Lambda reaches no S3; send the archive itself (ZipFile).");
        }
        invalid("Please provide a source for function code.")
    }
}

/// Body of a call that brings code, bytes. Source: the text of the recorded 413, 70,167,211.
pub(crate) const UPLOAD_BYTES: usize = 70_167_211;

/// Source: quotas page, "Deployment package size, zipped, for direct upload": 50 MB.
pub(super) const ARCHIVE_BYTES: usize = 52_428_800;
