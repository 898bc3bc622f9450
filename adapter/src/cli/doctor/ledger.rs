//! The ledger's table: is it there, and of the shape that `aws/dynamodb.rs` reads and writes?

use super::{Aws, Failure, Finding, unreachable};
use crate::{
    aws::{Account, DynamoTable, KeyPart, ServiceError, TableDescription, TimeToLive},
    config::Config,
};

pub(super) async fn look(
    config: &Config,
    account: &Account,
    findings: &mut Vec<Finding>,
) -> Result<(), Failure> {
    let Some(name) = &config.aws.ledger else { return Ok(()) };
    let table = account.table(name).await.map_err(|cause| unreachable(&cause))?;
    let aws = Aws { region: account.region() };
    findings.extend(examine(name, &aws, told(&table).await));
    Ok(())
}

async fn told(table: &DynamoTable) -> Result<(TableDescription, TimeToLive), ServiceError> {
    Ok((table.describe().await?, table.time_to_live().await?))
}

fn examine(
    name: &str,
    aws: &Aws<'_>,
    told: Result<(TableDescription, TimeToLive), ServiceError>,
) -> Vec<Finding> {
    let create = aws.dynamodb(
        "create-table",
        name,
        &format!(
            "--billing-mode PAY_PER_REQUEST --attribute-definitions {ATTRIBUTES} --key-schema {KEY} --global-secondary-indexes {INDEX}"
        ),
    );
    let (table, time_to_live) = match told {
        Ok(told) => told,
        Err(error) => {
            let mend = match &error {
                ServiceError::Refused { name, .. } if name == "ResourceNotFoundException" => create,
                _ => "allow dynamodb:DescribeTable and dynamodb:DescribeTimeToLive on it".to_owned(),
            };
            return vec![Finding::to_mend(LEDGER, error.to_string(), mend)];
        }
    };
    if table.table_status == "CREATING" {
        let seen = format!("{name} is being created");
        return vec![Finding::to_mend(LEDGER, seen, aws.dynamodb("wait table-exists", name, ""))];
    }
    if !has_key(&table, &table.key_schema, &[("pk", "HASH", "S")]) {
        let seen = format!("{name} is a table of another kind: its key is not `pk`, a text");
        return vec![Finding::to_mend(
            LEDGER,
            seen,
            format!(
                "set aws.ledger to a name that is free, and run doctor again; or delete {name}, and: {create}"
            ),
        )];
    }
    let mut findings = vec![Finding::well(LEDGER, name.to_owned())];
    let index = table.global_secondary_indexes.iter().find(|index| index.index_name == "alarms");
    let alarms = [("alarms", "HASH", "S"), ("alarm", "RANGE", "N")];
    let what = format!("{LEDGER}, index alarms");
    match index {
        Some(index) if has_key(&table, &index.key_schema, &alarms) => {}
        Some(_) => {
            let update = r#"--global-secondary-index-updates '[{"Delete":{"IndexName":"alarms"}}]'"#;
            findings.push(Finding::to_mend(
                what,
                "has another key",
                aws.dynamodb("update-table", name, update),
            ));
        }
        None => {
            let update = format!(
                "--attribute-definitions {ATTRIBUTES} --global-secondary-index-updates '[{{\"Create\":{NEW_INDEX}}}]'"
            );
            let seen = "not there: nobody finds calls whose outcome never comes";
            findings.push(Finding::to_mend(what, seen, aws.dynamodb("update-table", name, &update)));
        }
    }
    findings.extend(forgets(name, aws, &time_to_live));
    findings
}

/// What is to mend about the table's TTL.
fn forgets(name: &str, aws: &Aws<'_>, told: &TimeToLive) -> Option<Finding> {
    let set = |enabled: bool, attribute: &str| {
        let specification =
            format!("--time-to-live-specification Enabled={enabled},AttributeName={attribute}");
        aws.dynamodb("update-time-to-live", name, &specification)
    };
    let is_on = matches!(&*told.time_to_live_status, "ENABLED" | "ENABLING");
    let (seen, mend) = match told.attribute_name.as_deref().filter(|_| is_on) {
        Some(EXPIRES) => return None,
        Some(other) => (format!("goes by `{other}`"), set(false, other)),
        None => ("off: the table grows with every call".to_owned(), set(true, EXPIRES)),
    };
    Some(Finding::to_mend(format!("{LEDGER}, TTL"), seen, mend))
}

/// Name, kind and type of each part.
fn has_key(table: &TableDescription, schema: &[KeyPart], wanted: &[(&str, &str, &str)]) -> bool {
    schema.len() == wanted.len()
        && wanted.iter().all(|&(name, kind, type_)| {
            schema.iter().any(|part| part.attribute_name == name && part.key_type == kind)
                && (table.attribute_definitions.iter())
                    .any(|defined| defined.attribute_name == name && defined.attribute_type == type_)
        })
}

const LEDGER: &str = "aws.ledger";
const EXPIRES: &str = "expires";
const KEY: &str = "AttributeName=pk,KeyType=HASH";
const ATTRIBUTES: &str = "AttributeName=pk,AttributeType=S AttributeName=alarms,AttributeType=S AttributeName=alarm,AttributeType=N";
const INDEX: &str = "'IndexName=alarms,KeySchema=[{AttributeName=alarms,KeyType=HASH},{AttributeName=alarm,KeyType=RANGE}],Projection={ProjectionType=KEYS_ONLY}'";
const NEW_INDEX: &str = r#"{"IndexName":"alarms","KeySchema":[{"AttributeName":"alarms","KeyType":"HASH"},{"AttributeName":"alarm","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(index: &str) -> TableDescription {
        let text = r#"{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[
            {"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"alarms","AttributeType":"S"},
            {"AttributeName":"alarm","AttributeType":"N"}],"GlobalSecondaryIndexes":[INDEX]}"#;
        serde_json::from_str(&text.replace("INDEX", index)).unwrap()
    }

    fn time_to_live(status: &str, attribute: Option<&str>) -> TimeToLive {
        TimeToLive { time_to_live_status: status.to_owned(), attribute_name: attribute.map(str::to_owned) }
    }

    /// What is to mend, and a part of the command for it.
    #[track_caller]
    fn check(table: TableDescription, time_to_live: TimeToLive, expected: &[(&str, &str)]) {
        let findings = examine("ledger", &Aws { region: "eu-central-1" }, Ok((table, time_to_live)));
        let mends: Vec<_> =
            findings.iter().filter_map(|finding| Some((&*finding.what, finding.mend.as_deref()?))).collect();
        assert_eq!(mends.len(), expected.len(), "{mends:?}");
        for ((what, mend), (named, part)) in mends.iter().zip(expected) {
            assert!(what == named && mend.contains(part), "{what}: {mend}");
        }
    }

    const ON: (&str, Option<&str>) = ("ENABLED", Some("expires"));

    #[test]
    fn a_table_of_the_right_shape_is_well() {
        check(table(NEW_INDEX), time_to_live(ON.0, ON.1), &[]);
        check(table(NEW_INDEX), time_to_live("ENABLING", ON.1), &[]);
    }

    #[test]
    fn what_is_missing_has_a_command() {
        let off = time_to_live("DISABLED", None);
        check(table(""), off, &[("aws.ledger, index alarms", "Create"), ("aws.ledger, TTL", "Enabled=true")]);
        let other = time_to_live("ENABLED", Some("until"));
        check(table(NEW_INDEX), other, &[("aws.ledger, TTL", "Enabled=false,AttributeName=until")]);
        let other = NEW_INDEX.replace(
            r#"{"AttributeName":"alarm","KeyType":"RANGE"}"#,
            r#"{"AttributeName":"pk","KeyType":"RANGE"}"#,
        );
        check(table(&other), time_to_live(ON.0, ON.1), &[("aws.ledger, index alarms", "Delete")]);
    }

    #[test]
    fn a_table_of_another_kind_is_not_touched() {
        let mut sorted = table(NEW_INDEX);
        sorted.key_schema.push(KeyPart { attribute_name: "sk".to_owned(), key_type: "RANGE".to_owned() });
        check(sorted, time_to_live(ON.0, ON.1), &[("aws.ledger", "a name that is free")]);
        let mut counted = table(NEW_INDEX);
        counted.attribute_definitions[0].attribute_type = "N".to_owned();
        check(counted, time_to_live(ON.0, ON.1), &[("aws.ledger", "a name that is free")]);
    }
}
