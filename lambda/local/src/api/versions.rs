//! Versions: `PublishVersion` and `ListVersionsByFunction`.

use bytes::Bytes;
use http::{Method, Response};
use lambda_protocol::api_error::{ApiError, ErrorCode};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    House, Route, created, json, page, read,
    subject::{Subject, check_revision, invalid},
    view::View,
};
use crate::{deploy::record::Record, function::Version};

#[derive(Debug)]
pub(crate) struct Call {
    publishes: bool,
    label: String,
    query: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let ["2015-03-31", "functions", name, "versions"] = route.parts else { return None };
        let publishes = match *route.method {
            Method::POST => true,
            Method::GET => false,
            _ => return None,
        };
        Some(Self { publishes, label: (*name).to_owned(), query: route.query.to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::whole(&self.label, house.settings())?;
        let record = subject.record(house)?;
        if self.publishes {
            return self.publish(&subject, &record, read(body)?, house).await;
        }
        let mut told = Vec::new();
        let numbers = record.versions.keys().map(|number| Version::Published(*number));
        for version in std::iter::once(Version::Latest).chain(numbers) {
            let Some(edition) = record.edition(version) else { continue };
            let qualifier = version.to_string();
            let view = View::of(&subject.name, version, Some(&qualifier), edition, house).await?;
            told.push((qualifier.clone(), view.render(house.settings()).to_string()));
        }
        Ok(json(page(told.into_iter(), &self.query, MAX_ITEMS).render("Versions")))
    }

    async fn publish(
        &self,
        subject: &Subject,
        record: &Record,
        body: Body,
        house: House<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let deployments = house.deployments()?;
        let latest = record.latest.as_ref().ok_or_else(|| subject.not_found(house.settings()))?;
        let measured = deployments.measured(latest, &subject.name, house.runner).await;
        if let Some(theirs) = body.code_sha256.as_deref().filter(|theirs| *theirs != measured.sha256) {
            let ours = measured.sha256;
            return Err(invalid(format_args!(
                "CodeSHA256 ({theirs}) is different from current CodeSHA256 in $LATEST ({ours}). Please try again with the \
                 CodeSHA256 in $LATEST."
            )));
        }
        let last = record.versions.values().next_back();
        let is_template = latest.code.folder.is_empty();
        let is_published = last.is_some_and(|last| last.code.sha256 == measured.sha256);
        // The same code under another name each time would never be the published one.
        let code = match last.filter(|_| is_template && is_published) {
            Some(last) => last.code.clone(),
            None => deployments.stored(latest, &subject.name, house.runner).await?,
        };
        let publish = |record: &mut Record| {
            let latest = record.latest.as_mut().ok_or_else(|| subject.not_found(house.settings()))?;
            check_revision(body.revision_id.as_deref(), latest.revision)?;
            let theirs = std::mem::replace(&mut latest.code, code.clone());
            let version = publish(record, body.description);
            if let Some(latest) = record.latest.as_mut() {
                latest.code = theirs;
            }
            Ok(version)
        };
        let published = deployments.change(&subject.name, house.runner, publish).await;
        if published.is_err() && is_template && !is_published {
            deployments.give_back(&code);
        }
        let version = published?;
        let record = subject.record(house)?;
        let edition = record.edition(version).ok_or_else(|| subject.not_found(house.settings()))?;
        let qualifier = version.to_string();
        let view = View::of(&subject.name, version, Some(&qualifier), edition, house).await?;
        Ok(created(view.render(house.settings()).to_string()))
    }
}

/// Publishes `$LATEST`. What was not changed since it was last published is that version.
pub(super) fn publish(record: &mut Record, description: Option<String>) -> Version {
    let latest = record.latest.clone().expect("whoever publishes has looked");
    if let Some((number, last)) = record.versions.iter().next_back()
        && last.code == latest.code
        && last.configuration.runs_as(&latest.configuration)
    {
        return Version::Published(*number);
    }
    record.published += 1;
    let mut edition = latest;
    edition.revision = Uuid::new_v4();
    if let Some(description) = description {
        edition.configuration.description = description;
    }
    record.versions.insert(record.published, edition);
    Version::Published(record.published)
}

/// # Errors
/// An alias leads there.
pub(super) fn remove(record: &mut Record, number: u64) -> Result<(), ApiError> {
    let leads_there = |alias: &crate::deploy::record::Alias| {
        alias.version == Version::Published(number) || alias.weights.contains_key(&number)
    };
    let aliases: Vec<&str> =
        record.aliases.iter().filter(|(_, alias)| leads_there(alias)).map(|(name, _)| &**name).collect();
    if !aliases.is_empty() {
        let text = format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            aliases.join(", ")
        );
        return Err(ApiError::new(ErrorCode::ResourceConflict, text));
    }
    record.versions.remove(&number);
    Ok(())
}

/// Source: a page of versions has 50.
const MAX_ITEMS: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deploy::{
            configuration::Configuration,
            record::{Alias, Edition, StoredCode},
        },
        function::Version::Published,
    };

    fn record() -> Record {
        let code = StoredCode { sha256: "x".to_owned(), bytes: 1, folder: "f".to_owned() };
        let edition =
            Edition { configuration: Configuration::new(), code, modified_ms: 0, revision: Uuid::nil() };
        Record { latest: Some(edition), ..Record::default() }
    }

    #[test]
    fn what_was_not_changed_is_published_once() {
        let mut record = record();
        assert_eq!(publish(&mut record, Some("first".to_owned())), Published(1));
        assert_eq!(publish(&mut record, Some("second".to_owned())), Published(1));
        assert_eq!(record.versions[&1].configuration.description, "first");
        record.latest.as_mut().unwrap().configuration.timeout = 4;
        assert_eq!(publish(&mut record, None), Published(2));
        record.latest.as_mut().unwrap().code.folder = "g".to_owned();
        assert_eq!(publish(&mut record, None), Published(3));
    }

    #[test]
    fn a_number_is_given_once() {
        let mut record = record();
        publish(&mut record, None);
        remove(&mut record, 1).unwrap();
        assert_eq!(publish(&mut record, None), Published(2));
    }

    #[test]
    fn a_version_that_an_alias_leads_to_stays() {
        let mut record = record();
        publish(&mut record, None);
        let alias = Alias {
            version: Version::Latest,
            description: String::new(),
            weights: [(1, 0.5)].into(),
            revision: Uuid::nil(),
        };
        record.aliases.insert("live".to_owned(), alias);
        let refused = remove(&mut record, 1).unwrap_err();
        assert!(refused.message.ends_with("[live]"), "{refused}");
    }
}
