//! The functions themselves: made, read, listed, changed, removed.

use std::time::SystemTime;

use bytes::Bytes;
use http::{Method, Response, request};
use lambda_protocol::{api_error::ApiError, validation};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    House, Route,
    code::Code,
    create, json as answer_json, nothing, page, parameter, read,
    subject::{Meaning, Subject, check_revision, invalid},
    versions,
    view::View,
};
use crate::{
    deploy::{
        configuration::Change,
        record::{Edition, Record, StoredCode},
    },
    events::config::{epoch_ms, key},
    function::Version,
};

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    /// Still encoded; empty where the body names the function, or none is meant.
    label: String,
    query: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Create,
    List,
    Get,
    GetConfiguration,
    UpdateCode,
    UpdateConfiguration,
    Delete,
    GetCodeSigning,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateCode<'a> {
    #[serde(flatten, borrow)]
    code: Code<'a>,
    publish: Option<bool>,
    dry_run: Option<bool>,
    revision_id: Option<String>,
    architectures: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Seen {
    revision_id: Option<String>,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let (operation, label) = match (route.method, route.parts) {
            (&Method::POST, [DATE, FUNCTIONS]) => (Operation::Create, ""),
            (&Method::GET, [DATE, FUNCTIONS]) => (Operation::List, ""),
            (&Method::GET, [DATE, FUNCTIONS, name]) => (Operation::Get, *name),
            (&Method::DELETE, [DATE, FUNCTIONS, name]) => (Operation::Delete, *name),
            (&Method::GET, [DATE, FUNCTIONS, name, "configuration"]) => (Operation::GetConfiguration, *name),
            (&Method::PUT, [DATE, FUNCTIONS, name, "configuration"]) => {
                (Operation::UpdateConfiguration, *name)
            }
            (&Method::PUT, [DATE, FUNCTIONS, name, "code"]) => (Operation::UpdateCode, *name),
            (&Method::GET, ["2020-06-30", FUNCTIONS, name, "code-signing-config"]) => {
                (Operation::GetCodeSigning, *name)
            }
            _ => return None,
        };
        Some(Self { operation, label: label.to_owned(), query: route.query.to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        match self.operation {
            Operation::Create => create::create(body, house).await,
            Operation::List => list(&self.query, house).await,
            Operation::Get => self.get(house).await,
            Operation::GetConfiguration => {
                let told = self.configuration(&self.subject(house)?, house).await?;
                Ok(answer_json(told.to_string()))
            }
            Operation::UpdateCode => self.update_code(body, house).await,
            Operation::UpdateConfiguration => self.update_configuration(body, house).await,
            Operation::Delete => self.delete(house).await,
            Operation::GetCodeSigning => {
                let subject = self.subject(house)?;
                subject.record(house)?;
                Ok(answer_json(json!({ "FunctionName": subject.name }).to_string()))
            }
        }
    }

    fn subject(&self, house: House<'_>) -> Result<Subject, ApiError> {
        Subject::read(&self.label, &self.query, house.settings())
    }

    async fn get(&self, house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = self.subject(house)?;
        let record = subject.record(house)?;
        let mut told = json!({
            "Configuration": self.configuration(&subject, house).await?,
            "Code": {"RepositoryType": "S3", "Location": location(&subject, &record, house)?},
        });
        if !record.tags.is_empty() {
            told["Tags"] = json!(record.tags);
        }
        if let Some(reserved) = record.reserved {
            told["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
        }
        Ok(answer_json(told.to_string()))
    }

    async fn configuration(&self, subject: &Subject, house: House<'_>) -> Result<Value, ApiError> {
        let record = subject.record(house)?;
        let version = subject.meaning(&record, house.settings())?.version();
        let edition = record.edition(version).ok_or_else(|| subject.not_found(house.settings()))?;
        let view = View::of(&subject.name, version, subject.word(), edition, house).await?;
        Ok(view.render(house.settings()))
    }

    async fn update_code(&self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::whole(&self.label, house.settings())?;
        let record = subject.record(house)?;
        let update: UpdateCode<'_> = read(body)?;
        let mut violations = Vec::new();
        let change = Change::of_architectures(update.architectures);
        change.check(&mut violations);
        if !violations.is_empty() {
            return Err(validation::error(&violations));
        }
        let seen = update.revision_id;
        check_revision(seen.as_deref(), latest(&record)?.revision)?;
        let code = update.code.store(house).await?;
        if update.dry_run == Some(true) {
            house.deployments()?.give_back(&code);
            let edition = Edition { code: code.clone(), ..latest(&record)?.clone() };
            let view = View {
                name: &subject.name,
                version: Version::Latest,
                qualifier: None,
                edition: &edition,
                code,
            };
            return Ok(answer_json(view.render(house.settings()).to_string()));
        }
        let brought = code.clone();
        let write = |record: &mut Record| {
            let edition = latest_mut(record)?;
            check_revision(seen.as_deref(), edition.revision)?;
            change.apply(&mut edition.configuration)?;
            edition.code = code;
            renew(edition);
            Ok(if update.publish == Some(true) { versions::publish(record, None) } else { Version::Latest })
        };
        let changed = house.deployments()?.change(&subject.name, house.runner, write).await;
        let version = changed.inspect_err(|_| house.give_back(&brought))?;
        tell(&subject.name, version, house).await.map(answer_json)
    }

    async fn update_configuration(&self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::whole(&self.label, house.settings())?;
        let record = subject.record(house)?;
        let change: Change = read(body)?;
        let Seen { revision_id } = read(body)?;
        let mut violations = Vec::new();
        change.check(&mut violations);
        if !violations.is_empty() {
            return Err(validation::error(&violations));
        }
        // The template's own configuration is the template's: from here on, this is another function.
        let code = house.deployments()?.stored(latest(&record)?, &subject.name, house.runner).await?;
        let stored = code.clone();
        let write = |record: &mut Record| {
            let edition = latest_mut(record)?;
            check_revision(revision_id.as_deref(), edition.revision)?;
            change.check_old(&edition.configuration)?;
            change.apply(&mut edition.configuration)?;
            if edition.code.folder.is_empty() {
                edition.code = code;
            }
            renew(edition);
            Ok(())
        };
        let changed = house.deployments()?.change(&subject.name, house.runner, write).await;
        if changed.is_err() && latest(&record)?.code.folder.is_empty() {
            house.give_back(&stored);
        }
        changed?;
        tell(&subject.name, Version::Latest, house).await.map(answer_json)
    }

    async fn delete(&self, house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = self.subject(house)?;
        let record = subject.record(house)?;
        let (name, deployments) = (&*subject.name, house.deployments()?);
        match (subject.qualifier.is_some(), subject.meaning(&record, house.settings())?) {
            (false, _) => {
                let qualifiers =
                    house.functions().entry(name).map(|named| named.qualifiers()).unwrap_or_default();
                deployments.delete(name, house.runner).await?;
                for qualifier in qualifiers {
                    house.configs.forget(&key(name, Some(&qualifier))).await;
                }
            }
            (true, Meaning::Version(Version::Latest)) => {
                return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
            }
            (true, Meaning::Alias(_)) => {
                return Err(invalid("An alias is removed by DeleteAlias; DeleteFunction takes a version."));
            }
            (true, Meaning::Version(Version::Published(number))) => {
                deployments.change(name, house.runner, |record| versions::remove(record, number)).await?;
                house.configs.forget(&key(name, Some(&number.to_string()))).await;
            }
        }
        Ok(nothing())
    }
}

/// The operation whose body may be an archive. `None`: it is none of these.
pub(crate) fn upload(head: &request::Parts) -> Option<&'static str> {
    let path = head.uri.path().strip_prefix("/2015-03-31/functions")?;
    match head.method {
        Method::POST if path.is_empty() || path == "/" => Some("CreateFunction"),
        Method::PUT if path.ends_with("/code") => Some("UpdateFunctionCode"),
        _ => None,
    }
}

impl House<'_> {
    /// Code that came with a call that is refused after all.
    fn give_back(&self, code: &StoredCode) {
        if let Some(deployments) = self.deployments {
            deployments.give_back(code);
        }
    }
}

async fn list(query: &str, house: House<'_>) -> Result<Response<Bytes>, ApiError> {
    let deployments = house.deployments()?;
    let all_versions = parameter(query, "FunctionVersion").is_some_and(|which| which == "ALL");
    let mut told = Vec::new();
    for function in house.functions().all() {
        let name = &*function.name;
        let Some(record) = deployments.record(name, house.runner) else { continue };
        let numbers =
            record.versions.keys().filter(|_| all_versions).map(|number| Version::Published(*number));
        for version in std::iter::once(Version::Latest).chain(numbers) {
            let Some(edition) = record.edition(version) else { continue };
            let qualifier = version.to_string();
            let view =
                View::of(name, version, Some(&*qualifier).filter(|_| all_versions), edition, house).await?;
            told.push((format!("{name}:{qualifier}"), view.render(house.settings()).to_string()));
        }
    }
    Ok(answer_json(page(told.into_iter(), query, MAX_ITEMS).render("Functions")))
}

/// The function as it is now: of a version with its number in the ARN.
pub(super) async fn tell(name: &str, version: Version, house: House<'_>) -> Result<String, ApiError> {
    let Some(record) = house.deployments()?.record(name, house.runner) else {
        return Err(ApiError::service("The function was removed meanwhile."));
    };
    let edition =
        record.edition(version).ok_or_else(|| ApiError::service("The version was removed meanwhile."))?;
    let qualifier = Some(version.to_string()).filter(|_| version != Version::Latest);
    let view = View::of(name, version, qualifier.as_deref(), edition, house).await?;
    Ok(view.render(house.settings()).to_string())
}

/// Where the code can be looked at.
fn location(subject: &Subject, record: &Record, house: House<'_>) -> Result<String, ApiError> {
    let version = subject.meaning(record, house.settings())?.version();
    let folder = record.edition(version).and_then(|edition| house.deployments?.folder(&edition.code));
    let folder = folder.or_else(|| {
        let at = house.functions().named(&subject.name)?;
        house.functions().get(at).program.as_ref().ok().map(|program| program.directory.clone())
    });
    Ok(folder.map(|folder| format!("file://{}", folder.display())).unwrap_or_default())
}

fn latest(record: &Record) -> Result<&Edition, ApiError> {
    record.latest.as_ref().ok_or_else(|| ApiError::service("The function has no code."))
}

fn latest_mut(record: &mut Record) -> Result<&mut Edition, ApiError> {
    record.latest.as_mut().ok_or_else(|| ApiError::service("The function has no code."))
}

pub(super) fn renew(edition: &mut Edition) {
    edition.modified_ms = epoch_ms(SystemTime::now());
    edition.revision = Uuid::new_v4();
}

const DATE: &str = "2015-03-31";
const FUNCTIONS: &str = "functions";

/// Source: service model, `MaxListItems`; a page of functions has 50.
const MAX_ITEMS: u32 = 50;
