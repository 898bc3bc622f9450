use super::*;

#[track_caller]
fn check(method: &Method, rest: &str, query: &str, expected: &Result<Option<Asked>, StatusCode>) {
    let headers = HeaderMap::from_iter([(X_STAYPUT_ADMIN, HeaderValue::from_static("1"))]);
    let parsed = parse((method, &headers), rest, query).map_err(|refused| refused.status);
    assert_eq!(&parsed, expected, "{method} /events{rest}?{query}");
}

#[test]
fn questions_and_orders_are_understood() {
    let list = Asked::List { filter: Filter::default(), from: None, limit: DEFAULT_PAGE };
    check(&Method::GET, "", "", &Ok(Some(list)));
    let filter = Filter { function: Some("a b".to_owned()), ..Filter::default() };
    let list = Asked::List { filter: filter.clone(), from: None, limit: 7 };
    check(&Method::GET, "", "function=a+b&limit=7", &Ok(Some(list)));
    check(&Method::GET, "/7", "", &Ok(Some(Asked::Show { id: "7".to_owned() })));
    let steer = Asked::Steer { id: "7".to_owned(), act: Act::Cancel };
    check(&Method::POST, "/7/cancel", "", &Ok(Some(steer)));
    let purge = Asked::SteerThose { filter, act: Act::Purge };
    check(&Method::POST, "/purge", "function=a%20b&confirm=true", &Ok(Some(purge)));
}

#[test]
fn what_is_not_understood_is_refused_and_not_taken_for_everything() {
    let bad = Err(StatusCode::BAD_REQUEST);
    for query in ["functoin=x", "state=done", "since=yesterday", "limit=0", "limit=501"] {
        check(&Method::GET, "", query, &bad);
    }
    check(&Method::POST, "/purge", "", &bad);
    check(&Method::POST, "/purge", "confirm=yes", &bad);
    check(&Method::POST, "/7/purge", "function=x", &bad);
    check(&Method::POST, "/7/delete", "", &Err(StatusCode::NOT_FOUND));
    check(&Method::GET, "/7/purge/x", "", &Err(StatusCode::NOT_FOUND));
    check(&Method::GET, "/7/purge", "", &Ok(None));
    check(&Method::DELETE, "/7", "", &Ok(None));
}

#[test]
fn a_page_of_another_origin_can_order_nothing() {
    let simple = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    for rest in ["/7/cancel", "/7/redrive", "/purge"] {
        let query = if rest == "/purge" { "confirm=true" } else { "" };
        let refused = parse((&Method::POST, &simple), rest, query).unwrap_err();
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{rest}");
    }
}

#[tokio::test]
async fn on_aws_lambdas_queue_is_not_visible() {
    let answer = answer(None, (&Method::GET, &HeaderMap::new()), "", "").await;
    assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED);
}
