//! Altair's stock example as an HTTP function: `GET /stock/market/today?company=Google`.
//!
//! Method, path and query decide; what is wrong with them is told by an HTTP status. The prices are invented.

use std::process::ExitCode;

use serde_json::{Value, json};
use stayput_runtime::{
    Bytes, Context, Error,
    http::{
        Method, Request, Response, StatusCode,
        header::{ALLOW, CONTENT_TYPE},
    },
};

fn main() -> ExitCode {
    stayput_runtime::run_http(stock)
}

async fn stock(request: Request<Bytes>, _: Context) -> Result<Response<String>, Error> {
    let Some(day) = request.uri().path().strip_prefix("/stock/market/") else {
        return answer(StatusCode::NOT_FOUND, &json!({"error": "ask for /stock/market/today?company=…"}));
    };
    if request.method() != Method::GET {
        let mut refusal =
            answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "prices can only be read"}))?;
        refusal.headers_mut().insert(ALLOW, "GET".parse()?);
        return Ok(refusal);
    }
    let query = request.uri().query().unwrap_or_default();
    let Some((_, company)) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "company")
    else {
        return answer(StatusCode::BAD_REQUEST, &json!({"error": "which company? add ?company=Google"}));
    };
    match price(day, &company) {
        Some(price) => answer(StatusCode::OK, &json!({"company": company, "day": day, "price": price})),
        None => answer(StatusCode::NOT_FOUND, &json!({"error": format!("no price of {company} for {day}")})),
    }
}

fn answer(status: StatusCode, body: &Value) -> Result<Response<String>, Error> {
    let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    Ok(response.body(body.to_string())?)
}

fn price(day: &str, company: &str) -> Option<f64> {
    let (_, yesterday, today) = PRICES.iter().find(|(name, ..)| *name == company)?;
    match day {
        "yesterday" => Some(*yesterday),
        "today" => Some(*today),
        _ => None,
    }
}

/// Company, yesterday's price, today's price.
const PRICES: [(&str, f64, f64); 3] =
    [("Altair", 111.5, 112.25), ("Google", 176.75, 178.5), ("Procter & Gamble", 168.25, 167.5)];

#[cfg(test)]
mod tests {
    use stayput_runtime::testing;

    use super::*;

    async fn check(method: Method, uri: &str, status: u16, expected: Value) {
        let request = Request::builder().method(method).uri(uri).body("").unwrap();
        let response = testing::http(request).call(stock).await.unwrap();
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), body), (status, expected), "answer to {uri}");
    }

    #[tokio::test]
    async fn path_and_query_name_the_price() {
        let google = json!({"company": "Google", "day": "today", "price": 178.5});
        check(Method::GET, "/stock/market/today?company=Google", 200, google).await;
        let gamble = json!({"company": "Procter & Gamble", "day": "yesterday", "price": 168.25});
        check(Method::GET, "/stock/market/yesterday?lang=en&company=Procter+%26+Gamble", 200, gamble).await;
    }

    #[tokio::test]
    async fn what_has_no_price_is_not_found() {
        let day = json!({"error": "no price of Google for tomorrow"});
        check(Method::GET, "/stock/market/tomorrow?company=Google", 404, day).await;
        let company = json!({"error": "no price of Acme for today"});
        check(Method::GET, "/stock/market/today?company=Acme", 404, company).await;
        check(Method::GET, "/", 404, json!({"error": "ask for /stock/market/today?company=…"})).await;
    }

    #[tokio::test]
    async fn a_company_must_be_named() {
        let which = json!({"error": "which company? add ?company=Google"});
        check(Method::GET, "/stock/market/today", 400, which).await;
    }

    #[tokio::test]
    async fn prices_are_only_read() {
        let request = Request::put("/stock/market/today?company=Google").body("1000000").unwrap();
        let response = testing::http(request).call(stock).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET");
    }
}
