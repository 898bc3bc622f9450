//! An HTTP function that greets whom the query (`?name=Ada`), the path (`/Ada`) or the body names.

use std::{borrow::Cow, process::ExitCode};

use percent_encoding::percent_decode_str;
use stayput_runtime::{
    Bytes, Context, Error,
    http::{Request, Response, header::CONTENT_TYPE},
};

fn main() -> ExitCode {
    stayput_runtime::run_http(hello)
}

async fn hello(request: Request<Bytes>, _: Context) -> Result<Response<String>, Error> {
    let greeting = format!("Hello, {}!\n", name(&request));
    Ok(Response::builder().header(CONTENT_TYPE, "text/plain; charset=utf-8").body(greeting)?)
}

/// The first of query, path and body that names somebody, or else the world.
fn name(request: &Request<Bytes>) -> Cow<'_, str> {
    let query = request.uri().query().unwrap_or_default();
    let in_query =
        form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == "name").then_some(value));
    let in_path = percent_decode_str(request.uri().path().trim_matches('/')).decode_utf8_lossy();
    let in_body = String::from_utf8_lossy(request.body().trim_ascii());
    in_query
        .into_iter()
        .chain([in_path, in_body])
        .find(|name| !name.is_empty())
        .unwrap_or(Cow::Borrowed("World"))
}

#[cfg(test)]
mod tests {
    use stayput_runtime::testing;

    use super::*;

    async fn check(uri: &str, body: &'static str, greeting: &str) {
        let request = Request::post(uri).body(body).unwrap();
        let response = testing::http(request).call(hello).await.unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(response.body(), greeting, "greeting for {uri} with body {body:?}");
    }

    #[tokio::test]
    async fn query_path_or_body_name_who_is_greeted() {
        check("/?name=Ada+L%C3%B6velace", "", "Hello, Ada Lövelace!\n").await;
        check("/Ada%20L", "", "Hello, Ada L!\n").await;
        check("/", "Ada\n", "Hello, Ada!\n").await;
        check("/", "", "Hello, World!\n").await;
    }

    #[tokio::test]
    async fn the_query_goes_before_the_path_and_the_path_before_the_body() {
        check("/Grace?name=Ada", "Edsger", "Hello, Ada!\n").await;
        check("/Grace?name=", "Edsger", "Hello, Grace!\n").await;
    }
}
