//! What an `Invoke` must pass before it runs, in the order in which AWS looks.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::HeaderValue;
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    function::{FunctionArn, FunctionRef, Qualifier},
    invoke::Invoke,
    json,
    quotas::{EVENT_REQUEST_BYTES, INVOKE_ASYNC_REQUEST_BYTES, SYNC_REQUEST_BYTES},
};

use crate::{environment::VERSION, function::Function, settings::Settings, url};

/// The functions of the service, by their place and by their names.
#[derive(Debug)]
pub(crate) struct Functions {
    all: Vec<ArcSwap<Function>>,
    by_name: HashMap<String, usize>,
    by_url_id: HashMap<String, usize>,
}

impl Functions {
    /// Of two with one name the first counts.
    pub(crate) fn new(functions: Vec<Function>) -> Self {
        let mut by_name = HashMap::new();
        for (at, function) in functions.iter().enumerate() {
            by_name.entry(function.name.clone()).or_insert(at);
        }
        let by_url_id = by_name.iter().map(|(name, at)| (url::url_id(name), *at)).collect();
        Self { all: functions.into_iter().map(ArcSwap::from_pointee).collect(), by_name, by_url_id }
    }

    /// In the order in which they were given.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Function>> {
        self.all.iter().map(ArcSwap::load_full)
    }

    /// As it is now.
    pub(crate) fn get(&self, at: usize) -> Arc<Function> {
        self.all[at].load_full()
    }

    /// The place of a function that is called `name`.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The place of the function whose URL has this id.
    pub(crate) fn with_url_id(&self, id: &str) -> Option<usize> {
        self.by_url_id.get(id).copied()
    }

    /// From now on `function` is at this place.
    pub(crate) fn set(&self, at: usize, function: Function) {
        self.all[at].store(Arc::new(function));
    }

    /// The place of the function that is meant.
    ///
    /// # Errors
    /// It is another region's or account's, or there is no such function or qualifier.
    pub(crate) fn find(&self, invoke: &Invoke, settings: &Settings) -> Result<usize, ApiError> {
        let meant = &invoke.function;
        let qualifier = invoke.effective_qualifier().map_or(Qualifier::LATEST, Qualifier::as_str);
        check_place(meant, Some(qualifier), settings)?;
        let (region, account) = (&*settings.region, &*settings.account);
        let arn = FunctionArn { region, account, name: &meant.name, qualifier: Some(qualifier) };
        let place = match (self.named(&meant.name), &*self.all) {
            (Some(place), _) => Some(place),
            (None, [_]) if meant.name == ONLY_FUNCTION => Some(0),
            (None, _) => None,
        };
        place.filter(|_| qualifier == VERSION).ok_or_else(|| ApiError::function_not_found(&arn))
    }
}

/// # Errors
/// The function is another region's or account's.
pub(crate) fn check_place(
    meant: &FunctionRef,
    qualifier: Option<&str>,
    settings: &Settings,
) -> Result<(), ApiError> {
    let (region, account) = (&*settings.region, &*settings.account);
    if let Some(theirs) = meant.region.as_deref().filter(|theirs| *theirs != region) {
        return Err(ApiError::wrong_region(theirs, region));
    }
    if let Some(theirs) = meant.account.as_deref().filter(|theirs| *theirs != account) {
        let user = format!("arn:aws:iam::{account}:root");
        let arn = FunctionArn { region, account: theirs, name: &meant.name, qualifier };
        return Err(ApiError::access_denied(&user, &arn));
    }
    Ok(())
}

/// What a payload is for, as far as its size goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Synchronous,
    Event,
    /// The deprecated call.
    InvokeAsync,
}

/// The payload, an empty one as the `{}` that it stands for.
///
/// # Errors
/// It is too large or no JSON.
pub(crate) fn check_payload(payload: Bytes, kind: Kind) -> Result<Bytes, ApiError> {
    match (kind, payload.len()) {
        (_, bytes) if bytes > SYNC_REQUEST_BYTES => return Err(ApiError::too_large_sync()),
        (Kind::Event, bytes) if bytes > EVENT_REQUEST_BYTES => return Err(ApiError::too_large_event(bytes)),
        (Kind::InvokeAsync, bytes) if bytes > INVOKE_ASYNC_REQUEST_BYTES => {
            return Err(ApiError::too_large_invoke_async(bytes, INVOKE_ASYNC_REQUEST_BYTES));
        }
        (Kind::Synchronous | Kind::Event | Kind::InvokeAsync, _) => {}
    }
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    json::check(&payload).map_err(ApiError::could_not_parse)?;
    Ok(payload)
}

/// For a service that keeps no events. Not a 5xx, which SDKs would try again.
pub(crate) fn asynchronous_unavailable() -> ApiError {
    let text = "Asynchronous invocation (InvocationType Event) needs a place to keep events, and this local Lambda has \
                none. Use RequestResponse.";
    ApiError::new(ErrorCode::InvalidParameterValue, text)
}

/// The function's ARN as the caller named it: with a qualifier only if there was one.
pub(crate) fn invoked_arn(name: &str, qualifier: Option<&str>, settings: &Settings) -> HeaderValue {
    let (region, account) = (&*settings.region, &*settings.account);
    let arn = FunctionArn { region, account, name, qualifier };
    HeaderValue::try_from(arn.to_string()).expect("names, regions and accounts are ASCII by their checks")
}

/// How `cargo lambda invoke` calls "the only function" when it is given no name.
const ONLY_FUNCTION: &str = "_";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::function::Unavailable;

    fn function(name: &str) -> Function {
        Function {
            name: name.to_owned(),
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            program: Err(Unavailable("install it".to_owned())),
            variables: std::collections::BTreeMap::new(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            reserved_concurrency: None,
            events: crate::function::FunctionEvents::default(),
            url: None,
        }
    }

    #[track_caller]
    fn check(functions: &[&str], meant: &str, expected: Result<usize, &str>) {
        let functions = Functions::new(functions.iter().map(|name| function(name)).collect());
        let invoke = Invoke::new(FunctionRef::parse(meant).unwrap());
        let found = functions.find(&invoke, &Settings::default()).map_err(|error| error.message);
        assert_eq!(found, expected.map_err(str::to_owned), "{meant}");
    }

    #[test]
    fn every_way_to_name_a_function_leads_to_it() {
        for meant in [
            "two",
            "two:$LATEST",
            "function:two",
            "000000000000:function:two",
            "arn:aws:lambda:us-east-1:000000000000:function:two",
            "arn:aws:lambda:us-east-1:000000000000:function:two:$LATEST",
        ] {
            check(&["one", "two"], meant, Ok(1));
        }
    }

    #[test]
    fn what_is_not_here_is_named_as_aws_names_it() {
        let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:three:$LATEST";
        check(&["one"], "three", Err(missing));
        let version = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:one:7";
        check(&["one"], "one:7", Err(version));
        let region = "Functions from 'us-west-2' are not reachable in this region ('us-east-1')";
        check(&["one"], "arn:aws:lambda:us-west-2:000000000000:function:one", Err(region));
    }

    #[test]
    fn another_accounts_function_is_denied() {
        let functions = Functions::new(vec![function("one")]);
        let invoke = Invoke::new(FunctionRef::parse("111111111111:function:one").unwrap());
        let error = functions.find(&invoke, &Settings::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied);
        assert!(error.message.contains("arn:aws:lambda:us-east-1:111111111111:function:one"), "{error}");
    }

    #[test]
    fn an_underscore_is_the_only_function() {
        check(&["one"], "_", Ok(0));
        let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:_:$LATEST";
        check(&["one", "two"], "_", Err(missing));
    }

    #[test]
    fn an_empty_payload_stands_for_an_empty_object() {
        assert_eq!(check_payload(Bytes::new(), Kind::Event).unwrap(), "{}");
        assert_eq!(check_payload(Bytes::from_static(b" [1] "), Kind::Event).unwrap(), " [1] ");
    }

    #[test]
    fn a_payload_is_json_of_bounded_size() {
        let error = check_payload(Bytes::from_static(b"{"), Kind::Synchronous).unwrap_err();
        assert!(error.message.starts_with("Could not parse request body into json: Could not parse payload"));
        let error = check_payload(vec![b' '; SYNC_REQUEST_BYTES + 1].into(), Kind::Synchronous).unwrap_err();
        assert_eq!(error.code, ErrorCode::RequestEntityTooLarge);
    }

    #[test]
    fn an_arn_has_a_qualifier_only_if_the_caller_gave_one() {
        let arn = |meant| {
            let invoke = Invoke::new(FunctionRef::parse(meant).unwrap());
            invoked_arn("one", invoke.effective_qualifier().map(Qualifier::as_str), &Settings::default())
        };
        assert_eq!(arn("one"), "arn:aws:lambda:us-east-1:000000000000:function:one");
        assert_eq!(arn("one:$LATEST"), "arn:aws:lambda:us-east-1:000000000000:function:one:$LATEST");
    }
}
