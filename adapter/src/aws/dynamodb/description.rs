//! What DynamoDB tells of a table itself. Source: DynamoDB API reference, `DescribeTable` and `DescribeTimeToLive`.

use serde::Deserialize;
use serde_json::json;

use super::{ANSWER_LIMIT, DynamoTable, ServiceError};

/// A table's shape.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Description {
    /// `ACTIVE`, or on its way there or away.
    pub table_status: String,
    pub key_schema: Vec<KeyPart>,
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// Left out where there is none.
    #[serde(default)]
    pub global_secondary_indexes: Vec<Index>,
}

/// One attribute of a key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPart {
    pub attribute_name: String,
    /// `HASH`, the partition key, or `RANGE`, the sort key.
    pub key_type: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Index {
    pub index_name: String,
    pub key_schema: Vec<KeyPart>,
}

/// Which attribute says when an item may be forgotten, if any does.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLive {
    /// `ENABLED`, `DISABLED`, or on its way there.
    #[serde(default)]
    pub time_to_live_status: String,
    #[serde(default)]
    pub attribute_name: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(rename = "Table")]
    table: Description,
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "TimeToLiveDescription", default)]
    time_to_live: TimeToLive,
}

/// Errors of all of these: DynamoDB's, or none came from it.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl DynamoTable {
    pub async fn describe(&self) -> Result<Description, ServiceError> {
        let input = json!({ "TableName": self.name });
        let described: Described = self.service.call("DescribeTable", &input, ANSWER_LIMIT).await?;
        Ok(described.table)
    }

    pub async fn time_to_live(&self) -> Result<TimeToLive, ServiceError> {
        let input = json!({ "TableName": self.name });
        let told: Told = self.service.call("DescribeTimeToLive", &input, ANSWER_LIMIT).await?;
        Ok(told.time_to_live)
    }
}
