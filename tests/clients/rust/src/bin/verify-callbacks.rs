//! The callbacks that `callbacks.py` has received, verified by Standard Webhooks' own crate.

use std::{collections::HashMap, fs, process::ExitCode};

use http::HeaderMap;
use serde::Deserialize;
use standardwebhooks::Webhook;

#[derive(Deserialize)]
struct Kept {
    secret: String,
    callbacks: Vec<Callback>,
}

#[derive(Deserialize)]
struct Callback {
    dialect: String,
    headers: HashMap<String, String>,
    body: String,
}

fn main() -> ExitCode {
    let kept = fs::read("target/clients/callbacks.json").expect("callbacks.py ran before");
    let kept: Kept = serde_json::from_slice(&kept).expect("its JSON");
    let webhook = Webhook::new(&kept.secret).expect("a secret");
    let mut failed = kept.callbacks.is_empty();
    for Callback { dialect, headers, body } in kept.callbacks {
        let headers = HeaderMap::try_from(&headers).expect("headers");
        let verified = webhook.verify(body.as_bytes(), &headers).is_ok();
        let refused = webhook.verify(format!("{body}x").as_bytes(), &headers).is_err();
        let word = if verified && refused { "ok" } else { "FAIL" };
        println!("{word} {dialect}: verified, and with another body refused");
        failed |= word != "ok";
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
