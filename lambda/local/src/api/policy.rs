//! Resource-based policies: `AddPermission`, `GetPolicy` and `RemovePermission`.
//!
//! They are kept and told. Nobody is kept from calling on this machine, so a function without any is called all the same.

use bytes::Bytes;
use http::{Method, Response};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    validation::{self, Violation},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    House, Route, created, decoded, json as answer_json, nothing, parameter, read,
    subject::{Subject, check_revision, required},
};
use crate::deploy::{
    LATEST,
    record::{Policy, Record},
};

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    label: String,
    query: String,
}

#[derive(Clone, Debug)]
enum Operation {
    Add,
    Get,
    Remove(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    statement_id: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    function_url_auth_type: Option<String>,
    invoked_via_function_url: Option<bool>,
    revision_id: Option<String>,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let (operation, label) = match (route.method, route.parts) {
            (&Method::POST, ["2015-03-31", "functions", label, "policy"]) => (Operation::Add, label),
            (&Method::GET, ["2015-03-31", "functions", label, "policy"]) => (Operation::Get, label),
            (&Method::DELETE, ["2015-03-31", "functions", label, "policy", id]) => {
                (Operation::Remove(decoded(id)), label)
            }
            _ => return None,
        };
        Some(Self { operation, label: (*label).to_owned(), query: route.query.to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::read(&self.label, &self.query, house.settings())?;
        let record = subject.record(house)?;
        subject.meaning(&record, house.settings())?;
        let deployments = house.deployments()?;
        let qualifier = subject.word().unwrap_or(LATEST).to_owned();
        match self.operation {
            Operation::Get => {
                let policy = record.policies.get(&qualifier).ok_or_else(ApiError::no_such_resource)?;
                let whole = json!({"Version": "2012-10-17", "Id": "default", "Statement": policy.statements})
                    .to_string();
                let told = json!({ "Policy": whole, "RevisionId": policy.revision.to_string() });
                Ok(answer_json(told.to_string()))
            }
            Operation::Add => {
                let body: Body = read(body)?;
                let seen = body.revision_id.clone();
                let (id, statement) = body.statement(&subject.arn(house.settings()))?;
                let told = json!({ "Statement": statement.to_string() });
                let write = |record: &mut Record| {
                    let nothing = || Policy { statements: Vec::new(), revision: Uuid::new_v4() };
                    let policy = record.policies.entry(qualifier).or_insert_with(nothing);
                    if !policy.statements.is_empty() {
                        check_revision(seen.as_deref(), policy.revision)?;
                    }
                    if policy.at(&id).is_some() {
                        return Err(id_taken(&id));
                    }
                    policy.statements.push(statement);
                    policy.revision = Uuid::new_v4();
                    policy.check_size()
                };
                deployments.change(&subject.name, house.runner, write).await?;
                Ok(created(told.to_string()))
            }
            Operation::Remove(id) => {
                let seen = parameter(&self.query, "RevisionId");
                let write = |record: &mut Record| {
                    let policy =
                        record.policies.get_mut(&qualifier).ok_or_else(ApiError::no_such_resource)?;
                    check_revision(seen.as_deref(), policy.revision)?;
                    let at = policy.at(&id).ok_or_else(|| no_statement(&id))?;
                    policy.statements.remove(at);
                    policy.revision = Uuid::new_v4();
                    if policy.statements.is_empty() {
                        record.policies.remove(&qualifier);
                    }
                    Ok(())
                };
                deployments.change(&subject.name, house.runner, write).await?;
                Ok(nothing())
            }
        }
    }
}

impl Body {
    /// Its id, and the statement in the words of IAM.
    fn statement(self, arn: &str) -> Result<(String, Value), ApiError> {
        let id = required(self.statement_id, "statementId")?;
        let action = required(self.action, "action")?;
        let principal = required(self.principal, "principal")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if id.is_empty() || id.len() > ID_BYTES || !id.bytes().all(plain) {
            return Err(validation::error(&[Violation::pattern(&id, "statementId", "([a-zA-Z0-9-_]+)")]));
        }
        if action != "*" && !action.starts_with("lambda:") {
            let pattern = r"(lambda:[*]|lambda:[a-zA-Z]+|[*])";
            return Err(validation::error(&[Violation::pattern(&action, "action", pattern)]));
        }
        let principal = match &*principal {
            "*" => json!("*"),
            service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
            account if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
                json!({ "AWS": format!("arn:aws:iam::{account}:root") })
            }
            other => json!({ "AWS": other }),
        };
        let mut condition = Map::new();
        let mut hold = |operator: &str, key: &str, value: Option<String>| {
            if let Some(value) = value {
                let held = condition.entry(operator).or_insert_with(|| json!({}));
                held[key] = value.into();
            }
        };
        hold("ArnLike", "AWS:SourceArn", self.source_arn);
        hold("StringEquals", "AWS:SourceAccount", self.source_account);
        hold("StringEquals", "lambda:EventSourceToken", self.event_source_token);
        hold("StringEquals", "aws:PrincipalOrgID", self.principal_org_id);
        hold("StringEquals", "lambda:FunctionUrlAuthType", self.function_url_auth_type);
        hold("Bool", "lambda:InvokedViaFunctionUrl", self.invoked_via_function_url.map(|is| is.to_string()));
        let mut statement =
            json!({"Sid": id, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": arn});
        if !condition.is_empty() {
            statement["Condition"] = condition.into();
        }
        Ok((id, statement))
    }
}

impl Policy {
    fn at(&self, id: &str) -> Option<usize> {
        self.statements.iter().position(|statement| statement["Sid"] == id)
    }

    /// # Errors
    /// It is larger than a policy may be.
    fn check_size(&self) -> Result<(), ApiError> {
        let bytes = Value::from(self.statements.clone()).to_string().len();
        if bytes <= POLICY_BYTES {
            return Ok(());
        }
        let name = "PolicyLengthExceededException".to_owned();
        let code = ErrorCode::Other { name, status: http::StatusCode::BAD_REQUEST };
        let text = format_args!("The final policy size ({bytes}) is bigger than the limit ({POLICY_BYTES}).");
        Err(ApiError::new(code, text))
    }
}

fn id_taken(id: &str) -> ApiError {
    let text = format_args!(
        "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
    );
    ApiError::new(ErrorCode::ResourceConflict, text)
}

fn no_statement(id: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ResourceNotFound,
        format_args!("Statement {id} is not found in resource policy."),
    )
}

/// Source: service model, `StatementId`.
const ID_BYTES: usize = 100;

/// Source: quotas page, "Function resource-based policy": 20 KB.
const POLICY_BYTES: usize = 20_480;
