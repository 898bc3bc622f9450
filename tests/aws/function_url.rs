//! The conversations with the gateway as a function in the embedded service, each request sent to the function's URL.
//!
//! ```text
//! conversation ─► URL ─► event ─► stayput as a function ─ signed ─► a Lambda that is told what to say
//!                                                       └─────────► a ledger in DynamoDB
//! record of the call's end ─► batch ─► stayput as another function ─► its caller
//! ```

use std::{io, net::TcpStream, time::Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use lambda_protocol::invoke::X_AMZN_TRACE_ID;

use super::{
    deliverer_function::{Accepted, Receiver, deliver},
    gateway_function::{GATEWAY, GatewayFunction, IN_FRONT_OF_NOBODY, host},
    on_the_way::{OnTheWay, Used},
    serve::CLIENTS,
    services::Services,
    signer::Signer,
    wire::{Checks, Wire},
};
use crate::corpus::{
    self,
    caller::{PATIENCE, exchange},
    conversation::{Conversation, Turn},
    message::{Got, Lambda},
    template::Known,
    told::Told,
};

/// Calls that are accepted end as they are told to, and the deliverer tells their callers so.
#[test]
fn every_conversation_goes_as_it_is_told_through_a_function_url_but_for_what_is_listed() {
    for client in CLIENTS {
        replay_all(client);
    }
}

fn replay_all(client: &str) {
    let (way, caller) = (OnTheWay::read(), UrlCaller::start(client));
    let (mut differences, mut used, mut accepted) = (Vec::new(), Used::new(), Vec::new());
    for Conversation { path, turns, .. } in corpus::all_at(&host(GATEWAY)) {
        for (index, mut turn) in turns.into_iter().enumerate() {
            let at = format!("{path} turn {}", index + 1);
            let (excused, changed) = (way.excused(&path, index + 1), way.change(&mut turn));
            let Answered { went, status } = caller.turn(&at, turn);
            match (went, excused) {
                (Ok(call), None) => {
                    used.extend(changed);
                    accepted.extend(call);
                }
                (Err(_), Some(excused)) if status == Some(excused.status) => used.extend([excused.name()]),
                (Err(difference), _) => differences.push(format!("{at}: {difference}")),
                (Ok(_), Some(_)) => differences.push(format!("{at}: it needs no excuse")),
            }
        }
    }
    assert!(differences.is_empty(), "{client}: {} differ:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(used, way.all(), "{client}: what is listed, and made a difference");

    let told = accepted.iter().filter(|call| call.end.callback.is_some()).count();
    assert!(told > 0, "somebody is called back");
    let differences = deliver(caller.gateway.address, &caller.receiver, accepted);
    assert!(differences.is_empty(), "{client}: {} differ:\n{}", differences.len(), differences.join("\n"));
    let kept = caller.services.kept();
    assert_eq!(kept.promises("delivered"), told, "{client}: as the ledger knows: {:?}", kept.items);
    assert_eq!(kept.mistakes, Vec::<String>::new(), "{client}: what else AWS was asked for");
    for (key, writes) in kept.writes.iter().filter(|(key, _)| key.starts_with("promises/")) {
        let bytes = kept.items[key].to_string().len();
        assert!(*writes <= WRITES_OF_A_PROMISE, "{client}: {key} was written {writes} times");
        assert!(
            bytes <= WRITE_UNIT_BYTES,
            "{client}: {key} has {bytes} bytes, as JSON even more than in the table"
        );
    }
}

/// What docs/deploy.md counts with: when it is made, when Lambda has the call, when the callback was taken.
const WRITES_OF_A_PROMISE: usize = 3;
/// For more, DynamoDB asks for another write's price.
const WRITE_UNIT_BYTES: usize = 1024;

#[test]
fn what_a_function_url_changes_is_what_the_page_for_operators_says() {
    let page = corpus::folder().join("../../docs/operations.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let table = OnTheWay::read().to_table();
    assert!(page.contains(&format!("\n\n{table}\n")), "docs/operations.md does not print\n{table}");
}

/// Calls the gateway at its function's URL.
struct UrlCaller {
    gateway: GatewayFunction,
    lambda: Wire,
    services: Services,
    receiver: Receiver,
}

/// How a turn went.
struct Answered {
    /// As it is told, with what is to follow; or the first difference.
    went: Result<Option<Accepted>, String>,
    /// `None`: no answer came.
    status: Option<u16>,
}

impl UrlCaller {
    fn start(client: &str) -> Self {
        let lambda = Wire::start(Checks::Signatures(Signer::Function)).expect("a Lambda");
        let services = Services::start().expect("services");
        let gateway = GatewayFunction::start(client, lambda.address, &services);
        Self { gateway, lambda, services, receiver: Receiver::start().expect("a receiver") }
    }

    fn turn(&self, at: &str, turn: Turn) -> Answered {
        let Turn { request, call, response, end } = turn;
        let mut raw = replaced(request.raw, CALLBACK_URL, &self.receiver.url());
        let target = call.as_ref().map(|(invoke, _)| invoke.target.clone());
        let is_to_nobody = matches!(call, Some((_, Lambda::Unreachable)));
        if is_to_nobody {
            raw = replaced(raw, &host(GATEWAY), &host(IN_FRONT_OF_NOBODY));
        }
        self.lambda.told.expect(call, Known::new());
        let got = self.ask(&request.head.method, &raw);
        let Told { call: unasked, mut known, difference } = self.lambda.told.take();
        let got = match got {
            Ok(got) => got,
            Err(error) => return Answered { went: Err(error.to_string()), status: None },
        };
        let status = Some(got.head.status.as_u16());
        let checked = match difference {
            Some(difference) => Err(difference),
            None if unasked.is_some() && !is_to_nobody => {
                Err(format!("Lambda was not asked, and the caller got {}", got.head.status))
            }
            None => response.check(&got, &mut known),
        };
        let call = target.zip(end).map(|(target, end)| {
            let event = self.lambda.payload();
            Accepted { at: at.to_owned(), end, target, event, known }
        });
        Answered { went: checked.map(|()| call), status }
    }

    fn ask(&self, method: &Method, raw: &Bytes) -> io::Result<Got> {
        let begun = Instant::now();
        loop {
            let mut caller = TcpStream::connect(self.gateway.address)?;
            caller.set_read_timeout(Some(PATIENCE))?;
            let got = exchange(&mut caller, method, raw.clone())?;
            if !is_busy(&got) || begun.elapsed() > PATIENCE {
                return Ok(got);
            }
        }
    }
}

/// The function has one place, and may not have left it yet when its answer's end is here.
fn is_busy(answer: &Got) -> bool {
    let is_a_functions = answer.head.headers.contains_key(X_AMZN_TRACE_ID);
    answer.head.status == StatusCode::TOO_MANY_REQUESTS && !is_a_functions
}

/// The bytes of a request with another text in a place of its head.
fn replaced(raw: Bytes, from: &str, to: &str) -> Bytes {
    let Ok(text) = str::from_utf8(&raw) else { return raw };
    if text.contains(from) { text.replace(from, to).into() } else { raw }
}

/// Where the conversations' callers want to be called back.
const CALLBACK_URL: &str = "https://caller.example/done";
