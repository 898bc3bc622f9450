//! Every URL that is answered, and where it leads.

use std::sync::Arc;

use stayput_core::{
    DIALECTS, Dialect, FunctionKey,
    dialect::Route,
    table::{Function, Table},
};

/// One URL of one function.
#[derive(Clone, Debug)]
pub struct ListedRoute {
    pub dialect: &'static dyn Dialect,
    pub key: FunctionKey,
    pub route: Route,
    pub function: Arc<Function>,
}

/// Every route to every function of `table`: dialect by dialect, and within one by the function's key.
pub fn list(table: &Table) -> Vec<ListedRoute> {
    let mut listed = Vec::new();
    for &dialect in DIALECTS {
        let mut rows: Vec<_> = table.rows().filter(|(name, ..)| *name == dialect.name()).collect();
        rows.sort_by_key(|(_, key, _)| *key);
        for (_, key, function) in rows {
            let routes = dialect.routes(key).into_iter();
            listed.extend(routes.map(|route| ListedRoute {
                dialect,
                key: key.clone(),
                route,
                function: Arc::clone(function),
            }));
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderValue, Method, Request, request};
    use stayput_core::{Call, Mode};

    use super::*;
    use crate::config::dev;

    fn listed() -> Vec<ListedRoute> {
        list(&dev::own_names(["hello", "echo-2"].map(|name| dev::OwnName::new(name, Duration::from_secs(3)))))
    }

    /// A request as a caller of `route` would send it.
    fn request(route: &Route, method: &Method, path: &str) -> request::Parts {
        let mut request = Request::builder().method(method).uri(path).body(()).unwrap();
        if route.mode == Mode::Async {
            // The one header by which a dialect tells modes apart; the others ignore it.
            request.headers_mut().insert("x-amz-invocation-type", HeaderValue::from_static("Event"));
        }
        request.into_parts().0
    }

    #[track_caller]
    fn check(listed: &ListedRoute, method: &Method, path: &str) -> Call {
        let parsed = listed.dialect.parse(&request(&listed.route, method, path));
        let call = parsed.unwrap_or_else(|| panic!("{path} is not {}'s", listed.dialect.name())).expect(path);
        assert_eq!((&call.function, call.mode), (&listed.key, listed.route.mode), "{method} {path}");
        call
    }

    #[test]
    fn what_is_listed_is_answered_by_that_function() {
        for listed in &listed() {
            for method in listed.route.methods {
                check(listed, method, &listed.route.path);
                if listed.route.deeper {
                    let deeper = format!("{}/more?x=1", listed.route.path.trim_end_matches('/'));
                    check(listed, method, &deeper);
                }
            }
        }
    }

    #[test]
    fn methods_that_are_not_listed_are_refused() {
        for listed in &listed() {
            let others = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::TRACE];
            for method in others.iter().filter(|method| !listed.route.methods.contains(method)) {
                let parsed = listed.dialect.parse(&request(&listed.route, method, &listed.route.path));
                assert!(matches!(parsed, Some(Err(_))), "{method} {}", listed.route.path);
            }
        }
    }

    #[test]
    fn every_dialect_is_listed_with_its_synchronous_route_first() {
        let listed = listed();
        for dialect in DIALECTS {
            let mut own = listed.iter().filter(|listed| listed.dialect.name() == dialect.name());
            assert_eq!(own.next().map(|listed| listed.route.mode), Some(Mode::Sync), "{}", dialect.name());
        }
    }

    #[test]
    fn the_credential_is_read_from_where_it_is_shown() {
        for dialect in DIALECTS {
            let (name, value) = dialect.credential_header("s3cret");
            let request = Request::builder().uri("/").header(name, value).body(()).unwrap();
            let read = dialect.credential(&request.into_parts().0);
            assert_eq!(read, Some(stayput_core::Credential::new("s3cret")), "{}", dialect.name());
        }
    }
}
