//! A ledger's table in DynamoDB.
//!
//! ```text
//! pk (S, partition key)  "promises/0199…"           value (B)      expires (N, seconds: the table's TTL)
//! index "alarms":        alarms (S, partition key) "0" … "f"       alarm (N, milliseconds, sort key); keys only
//! ```
//!
//! Items whose alarm is cleared are not in the index. Source: DynamoDB API reference, in its JSON protocol.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod description;

pub use description::{AttributeDefinition, Description, Index, KeyPart, TimeToLive};

use super::json::{JsonService, ServiceError};
use crate::ledger::{Alarm, Cell, Key, LedgerError, Scanned, Space, Table, TableFuture, When};

/// A table of the shape above.
#[derive(Debug)]
pub struct DynamoTable {
    service: JsonService,
    name: String,
}

/// An item, or a part of one.
type Item = BTreeMap<String, Attribute>;

/// Only of the types that are used here.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum Attribute {
    S(String),
    N(String),
    /// As base64.
    B(String),
}

#[derive(Debug, Deserialize)]
struct Got {
    #[serde(rename = "Item")]
    item: Option<Item>,
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(rename = "Items", default)]
    items: Vec<Item>,
    #[serde(rename = "LastEvaluatedKey")]
    last: Option<Item>,
}

impl DynamoTable {
    pub(super) fn new(service: JsonService, name: String) -> Self {
        Self { service, name }
    }

    async fn read(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        let input = json!({ "TableName": self.name, "Key": { PK: pk(key) }, "ConsistentRead": true });
        let Got { item } = self.call("GetItem", &input).await?;
        let Some(item) = item else { return Ok(None) };
        // The table forgets what has expired within days.
        if number(&item, EXPIRES).is_some_and(|expires| expires <= seconds(SystemTime::now())) {
            return Ok(None);
        }
        value(&item).map(Some)
    }

    /// False: the condition did not hold.
    async fn write(
        &self,
        operation: &'static str,
        mut input: Value,
        when: When,
        written: Option<&Bytes>,
    ) -> Result<bool, LedgerError> {
        let now = Attribute::N(seconds(SystemTime::now()).to_string());
        let (condition, values) = match &when {
            When::Always => (None, json!({})),
            // What has expired is not there.
            When::Absent => (Some("attribute_not_exists(pk) OR expires <= :now"), json!({ ":now": now })),
            When::Equals(bytes) => (Some("#value = :before"), json!({ ":before": blob(bytes) })),
        };
        if let Some(condition) = condition {
            input["ConditionExpression"] = condition.into();
            input["ExpressionAttributeValues"] = values;
            input["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
            if matches!(when, When::Equals(_)) {
                input["ExpressionAttributeNames"] = json!({ "#value": VALUE });
            }
        }
        match self.service.call::<serde::de::IgnoredAny>(operation, &input, ANSWER_LIMIT).await {
            Ok(_) => Ok(true),
            Err(ServiceError::Refused { name, body, .. }) if name == CONDITION_FAILED => {
                // It was sent twice, and the first one was done: what is there is ours.
                let there = serde_json::from_slice::<Got>(&body).ok().and_then(|got| got.item);
                Ok(written.is_some() && there.and_then(|item| value(&item).ok()).as_ref() == written)
            }
            Err(error) => Err(LedgerError(error.into())),
        }
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        input: &Value,
    ) -> Result<T, LedgerError> {
        self.service.call(operation, input, ANSWER_LIMIT).await.map_err(|error| LedgerError(error.into()))
    }

    async fn find_overdue(&self, now: SystemTime, most: usize) -> Result<Vec<Key>, LedgerError> {
        let mut found = Vec::new();
        for shard in SHARDS.chars() {
            if found.len() >= most {
                break;
            }
            let input = json!({
                "TableName": self.name,
                "IndexName": ALARMS,
                "KeyConditionExpression": "alarms = :shard AND alarm < :now",
                "ExpressionAttributeValues": {
                    ":shard": Attribute::S(shard.to_string()),
                    ":now": Attribute::N(milliseconds(now).to_string()),
                },
                "Limit": most - found.len(),
            });
            let Page { items, .. } = self.call("Query", &input).await?;
            found.extend(items.iter().filter_map(promise));
        }
        Ok(found)
    }

    async fn read_on(&self, from: Option<String>, most: usize) -> Result<Scanned, LedgerError> {
        let now = seconds(SystemTime::now());
        let mut input = json!({
            "TableName": self.name,
            "FilterExpression": "begins_with(pk, :promises) AND expires > :now",
            "ExpressionAttributeValues": {
                ":promises": Attribute::S(format!("{}/", Space::Promises.as_str())),
                ":now": Attribute::N(now.to_string()),
            },
            "Limit": most,
        });
        if let Some(from) = from {
            input["ExclusiveStartKey"] = json!({ PK: Attribute::S(from) });
        }
        let Page { items, last } = self.call("Scan", &input).await?;
        let next = last.and_then(|item| match item.get(PK) {
            Some(Attribute::S(key)) => Some(key.clone()),
            _ => None,
        });
        let cells = items.iter().filter_map(|item| Some((promise(item)?.name, value(item).ok()?)));
        Ok(Scanned { cells: cells.collect(), next })
    }
}

impl Table for DynamoTable {
    fn get<'a>(&'a self, key: &'a Key) -> TableFuture<'a, Option<Bytes>> {
        Box::pin(self.read(key))
    }

    fn put<'a>(&'a self, key: &'a Key, cell: Cell, when: When) -> TableFuture<'a, bool> {
        Box::pin(async move {
            let input = json!({ "TableName": self.name, "Item": item(key, &cell) });
            self.write("PutItem", input, when, Some(&cell.bytes)).await
        })
    }

    fn remove<'a>(&'a self, key: &'a Key, _: Alarm, when: When) -> TableFuture<'a, bool> {
        Box::pin(async move {
            let input = json!({ "TableName": self.name, "Key": { PK: pk(key) } });
            self.write("DeleteItem", input, when, None).await
        })
    }

    fn overdue(&self, now: SystemTime, most: usize) -> TableFuture<'_, Vec<Key>> {
        Box::pin(self.find_overdue(now, most))
    }

    fn scan(&self, from: Option<String>, most: usize) -> TableFuture<'_, Scanned> {
        Box::pin(self.read_on(from, most))
    }
}

fn item(key: &Key, cell: &Cell) -> Item {
    let mut item = Item::from([
        (PK.to_owned(), pk(key)),
        (VALUE.to_owned(), blob(&cell.bytes)),
        (EXPIRES.to_owned(), Attribute::N(seconds(cell.expires).to_string())),
    ]);
    if let Alarm::Set(at) = cell.alarm {
        item.insert(ALARMS.to_owned(), Attribute::S(shard(&key.name)));
        item.insert(ALARM.to_owned(), Attribute::N(milliseconds(at).to_string()));
    }
    item
}

fn pk(key: &Key) -> Attribute {
    Attribute::S(format!("{}/{}", key.space.as_str(), key.name))
}

/// The last digit of an id is random: alarms of one moment lie in different partitions.
fn shard(name: &str) -> String {
    let last = name.chars().next_back().filter(|last| SHARDS.contains(*last));
    last.unwrap_or('0').to_string()
}

/// The promise that an item is. `None`: it is something else.
fn promise(item: &Item) -> Option<Key> {
    let Some(Attribute::S(pk)) = item.get(PK) else { return None };
    let name = pk.strip_prefix(Space::Promises.as_str())?.strip_prefix('/')?;
    Some(Key { space: Space::Promises, name: name.to_owned() })
}

fn value(item: &Item) -> Result<Bytes, LedgerError> {
    let Some(Attribute::B(text)) = item.get(VALUE) else {
        return Err(LedgerError("an item of the table has no value".into()));
    };
    let bytes = base64_simd::STANDARD.decode_to_vec(text);
    bytes.map(Bytes::from).map_err(|error| LedgerError(error.into()))
}

fn blob(bytes: &[u8]) -> Attribute {
    Attribute::B(base64_simd::STANDARD.encode_to_string(bytes))
}

fn number(item: &Item, name: &str) -> Option<u64> {
    match item.get(name) {
        Some(Attribute::N(text)) => text.parse().ok(),
        _ => None,
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn milliseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

const PK: &str = "pk";
const VALUE: &str = "value";
const EXPIRES: &str = "expires";
/// The index, and its partition key.
const ALARMS: &str = "alarms";
const ALARM: &str = "alarm";
const SHARDS: &str = "0123456789abcdef";
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
