//! Function URLs: `CreateFunctionUrlConfig` and its siblings.

use std::time::SystemTime;

use bytes::Bytes;
use http::{Method, Response};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    validation::{self, Violation},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    House, Route, created, json as answer_json, nothing, page, read,
    subject::{Meaning, Subject, arn, invalid, required},
    view::iso,
};
use crate::{
    deploy::{
        LATEST,
        record::{Record, Url},
    },
    events::config::epoch_ms,
    function::{Cors, FunctionUrl, InvokeMode, UrlAuth, Version},
    url,
};

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    label: String,
    query: String,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Create,
    Get,
    Update,
    Delete,
    List,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    auth_type: Option<String>,
    invoke_mode: Option<String>,
    cors: Option<CorsBody>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CorsBody {
    allow_origins: Vec<String>,
    allow_methods: Vec<String>,
    allow_headers: Vec<String>,
    expose_headers: Vec<String>,
    max_age: Option<u32>,
    allow_credentials: bool,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let (operation, label) = match (route.method, route.parts) {
            (method, ["2021-10-31", "functions", label, "url"]) => {
                let operation = match *method {
                    Method::POST => Operation::Create,
                    Method::GET => Operation::Get,
                    Method::PUT => Operation::Update,
                    Method::DELETE => Operation::Delete,
                    _ => return None,
                };
                (operation, label)
            }
            (&Method::GET, ["2021-10-31", "functions", label, "urls"]) => (Operation::List, label),
            _ => return None,
        };
        Some(Self { operation, label: (*label).to_owned(), query: route.query.to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::read(&self.label, &self.query, house.settings())?;
        let record = subject.record(house)?;
        let deployments = house.deployments()?;
        if let Operation::List = self.operation {
            let told = record.urls.iter().map(|(qualifier, url)| {
                (qualifier.clone(), render(&subject.name, qualifier, url, house).to_string())
            });
            return Ok(answer_json(page(told, &self.query, MAX_ITEMS).render("FunctionUrlConfigs")));
        }
        let qualifier = match (subject.word(), subject.meaning(&record, house.settings())?) {
            (None, _) => LATEST.to_owned(),
            (Some(alias), Meaning::Alias(_)) => alias.to_owned(),
            (Some(_), Meaning::Version(Version::Latest | Version::Published(_))) => {
                let text = "A function URL is of the function or of an alias, and of no version.";
                return Err(invalid(text));
            }
        };
        let name = &*subject.name;
        match self.operation {
            Operation::Get | Operation::List => {
                let url = record.urls.get(&qualifier).ok_or_else(ApiError::no_such_resource)?;
                Ok(answer_json(render(name, &qualifier, url, house).to_string()))
            }
            Operation::Create => {
                let body: Body = read(body)?;
                required(body.auth_type.as_ref(), "authType")?;
                let now = epoch_ms(SystemTime::now());
                let config = body.apply(FunctionUrl::default())?;
                let new = Url { config, created_ms: now, modified_ms: now };
                let kept = new.clone();
                let write = |record: &mut Record| {
                    if record.urls.contains_key(&qualifier) {
                        let alias = Some(&*qualifier).filter(|qualifier| *qualifier != LATEST);
                        return Err(exists(&arn(name, alias, house.settings())));
                    }
                    record.urls.insert(qualifier.clone(), kept);
                    Ok(())
                };
                deployments.change(name, house.runner, write).await?;
                Ok(created(render(name, &qualifier, &new, house).to_string()))
            }
            Operation::Update => {
                let body: Body = read(body)?;
                let write = |record: &mut Record| {
                    let url = record.urls.get_mut(&qualifier).ok_or_else(ApiError::no_such_resource)?;
                    url.config = body.apply(url.config.clone())?;
                    url.modified_ms = epoch_ms(SystemTime::now());
                    Ok(url.clone())
                };
                let url = deployments.change(name, house.runner, write).await?;
                Ok(answer_json(render(name, &qualifier, &url, house).to_string()))
            }
            Operation::Delete => {
                let write = |record: &mut Record| {
                    record.urls.remove(&qualifier).map(drop).ok_or_else(ApiError::no_such_resource)
                };
                deployments.change(name, house.runner, write).await?;
                Ok(nothing())
            }
        }
    }
}

impl Body {
    /// # Errors
    /// A word that Lambda does not know, or more than browsers may be told.
    fn apply(self, mut to: FunctionUrl) -> Result<FunctionUrl, ApiError> {
        let mut violations = Vec::new();
        if let Some(word) = &self.auth_type {
            match UrlAuth::parse(word) {
                Some(auth) => to.auth = auth,
                None => violations.push(Violation::not_in_set(word, "authType", "NONE, AWS_IAM")),
            }
        }
        if let Some(word) = &self.invoke_mode {
            match InvokeMode::parse(word) {
                Some(mode) => to.invoke_mode = mode,
                None => {
                    violations.push(Violation::not_in_set(word, "invokeMode", "BUFFERED, RESPONSE_STREAM"))
                }
            }
        }
        if let Some(cors) = self.cors {
            cors.check(&mut violations);
            to.cors = cors.into_rules();
        }
        if violations.is_empty() { Ok(to) } else { Err(validation::error(&violations)) }
    }
}

impl CorsBody {
    fn check(&self, violations: &mut Vec<Violation>) {
        let lists = [
            (&self.allow_origins, "cors.allowOrigins", Cors::ITEMS, Cors::ORIGIN_BYTES),
            (&self.allow_methods, "cors.allowMethods", Cors::METHODS, Cors::METHOD_BYTES),
            (&self.allow_headers, "cors.allowHeaders", Cors::ITEMS, Cors::HEADER_BYTES),
            (&self.expose_headers, "cors.exposeHeaders", Cors::ITEMS, Cors::HEADER_BYTES),
        ];
        for (list, field, items, bytes) in lists {
            if let Some(text) = list.iter().find(|text| !Cors::is_entry(text, &bytes)) {
                violations.push(Violation::pattern(text, field, ".*"));
            }
            if list.len() > items {
                violations.push(Violation::too_long(&format!("[{}]", list.join(", ")), field, items));
            }
        }
        let most = *Cors::MAX_AGE_S.end();
        if let Some(seconds) = self.max_age.filter(|seconds| *seconds > most) {
            violations.push(Violation::too_great(seconds, "cors.maxAge", most));
        }
    }

    /// An empty object takes the rules away.
    fn into_rules(self) -> Option<Cors> {
        let rules = Cors {
            allow_origins: self.allow_origins,
            allow_methods: self.allow_methods,
            allow_headers: self.allow_headers,
            expose_headers: self.expose_headers,
            max_age_s: self.max_age,
            allow_credentials: self.allow_credentials,
        };
        Some(rules).filter(|rules| *rules != Cors::default())
    }
}

fn render(name: &str, qualifier: &str, url: &Url, house: House<'_>) -> Value {
    let alias = Some(qualifier).filter(|qualifier| *qualifier != LATEST);
    let mut told = json!({
        "FunctionUrl": address(name, alias, house),
        "FunctionArn": arn(name, alias, house.settings()),
        "AuthType": url.config.auth.as_str(),
        "InvokeMode": url.config.invoke_mode.as_str(),
        "CreationTime": iso(url.created_ms),
        "LastModifiedTime": iso(url.modified_ms),
    });
    if let Some(cors) = &url.config.cors {
        told["Cors"] = rules(cors).into();
    }
    told
}

/// What was not said is left out.
fn rules(cors: &Cors) -> Map<String, Value> {
    let lists = [
        ("AllowOrigins", &cors.allow_origins),
        ("AllowMethods", &cors.allow_methods),
        ("AllowHeaders", &cors.allow_headers),
        ("ExposeHeaders", &cors.expose_headers),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let mut told: Map<_, _> = lists.map(|(name, list)| (name.to_owned(), json!(list))).collect();
    told.insert("AllowCredentials".to_owned(), cors.allow_credentials.into());
    if let Some(seconds) = cors.max_age_s {
        told.insert("MaxAge".to_owned(), seconds.into());
    }
    told
}

/// Of the function by path, as not every client looks for `….localhost` on this machine; an alias's is by host.
fn address(name: &str, alias: Option<&str>, house: House<'_>) -> String {
    let endpoint = house.settings().endpoint.as_deref().unwrap_or("http://127.0.0.1");
    match alias {
        None => format!("{endpoint}{}{name}/", url::PATH),
        Some(alias) => {
            let id = url::url_id(&format!("{name}:{alias}"));
            let port = endpoint.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
            format!("http://{id}.lambda-url.localhost{port}/")
        }
    }
}

fn exists(arn: &str) -> ApiError {
    let text = format_args!(
        "Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists for this \
         Lambda function"
    );
    ApiError::new(ErrorCode::ResourceConflict, text)
}

/// Source: service model, `MaxItems`.
const MAX_ITEMS: u32 = 50;
