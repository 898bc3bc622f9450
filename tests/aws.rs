//! `stayput serve` as it stands in front of AWS: over the network, signed, through TLS, with either client.
//!
//! ```text
//! conversation ─► stayput serve ─ signed ─► TLS ends ─► a Lambda that checks the signature and is told what to say
//!                                                    └► stayput lambda --require-signatures ─► a function that is told
//! ```
//!
//! `aws/function_url.rs` has `stayput serve` as a function.

#[path = "aws/configuration.rs"]
mod configuration;
#[path = "aws/deliverer_function.rs"]
mod deliverer_function;
#[path = "aws/embedded.rs"]
mod embedded;
#[path = "aws/function_url.rs"]
mod function_url;
#[path = "aws/gateway_function.rs"]
mod gateway_function;
#[path = "aws/on_the_way.rs"]
mod on_the_way;
#[path = "aws/process.rs"]
mod process;
#[path = "aws/serve.rs"]
mod serve;
#[path = "aws/server.rs"]
mod server;
#[path = "aws/services.rs"]
mod services;
#[path = "aws/signer.rs"]
mod signer;
#[path = "aws/tls.rs"]
mod tls;
#[path = "aws/wire.rs"]
mod wire;

use std::sync::Arc;

use super::corpus::{
    self, Conversation, caller::Caller, conversation::Turn, message::Lambda, told::ToldLambda,
};
use embedded::Embedded;
use http::{HeaderName, StatusCode};
use lambda_protocol::invoke::X_AMZ_LOG_RESULT;
use serve::{CLIENTS, Serving};
use signer::Signer;
use tls::TlsEnd;
use wire::{Checks, Wire};

#[test]
fn every_conversation_goes_as_it_is_told_over_signed_http() {
    for client in CLIENTS {
        let lambda = Wire::start(Checks::Signatures(Signer::Process)).expect("a Lambda");
        let gateway = Serving::start(client, &format!("http://{}", lambda.address), None);
        replay_all(client, &gateway, &lambda.told, is_without_callback);
        assert!(lambda.requests() > 0, "{client} asked somebody else");
    }
}

#[test]
fn every_conversation_goes_as_it_is_told_over_tls() {
    for client in CLIENTS {
        let lambda = Wire::start(Checks::Signatures(Signer::Process)).expect("a Lambda");
        let tls = TlsEnd::start(lambda.address).expect("TLS");
        let gateway = Serving::start(client, &tls.url(), Some(tls.authority()));
        replay_all(client, &gateway, &lambda.told, is_without_callback);
        assert!(tls.connections() > 0, "{client} went another way");
    }
}

#[test]
fn what_functions_answer_comes_through_the_strict_embedded_service_and_tls() {
    let function = Wire::start(Checks::Nothing).expect("whom the function asks");
    let lambda = Embedded::start(function.address);
    let tls = TlsEnd::start(lambda.address).expect("TLS");
    for client in CLIENTS {
        let gateway = Serving::start(client, &tls.url(), Some(tls.authority()));
        let before = function.requests();
        replay_all(client, &gateway, &function.told, is_a_functions_to_say);
        assert_eq!(
            function.requests() - before,
            asked(is_a_functions_to_say),
            "{client} asked somebody else"
        );
    }
}

#[test]
fn a_certificate_that_nobody_trusts_is_an_unreachable_lambda() {
    for client in CLIENTS {
        let lambda = Wire::start(Checks::Signatures(Signer::Process)).expect("a Lambda");
        let tls = TlsEnd::start(lambda.address).expect("TLS");
        let stranger = TlsEnd::start(lambda.address).expect("TLS");
        let gateway = Serving::start(client, &tls.url(), Some(stranger.authority()));
        let caller = Caller {
            gateway: lambda.address,
            in_front_of_nobody: Some(gateway.address),
            lambda: Arc::clone(&lambda.told),
            unlisted: &[],
        };
        assert_eq!(unreachable(&caller), Vec::<String>::new(), "{client}");
        assert_eq!(lambda.requests(), 0, "{client} told a stranger what its caller sent");
    }
}

/// Replays the conversations all of whose turns `fits` takes.
#[track_caller]
fn replay_all(client: &str, gateway: &Serving, lambda: &Arc<ToldLambda>, fits: fn(&Turn) -> bool) {
    let nobody = Serving::start(client, NOBODY, None);
    let caller = Caller {
        gateway: gateway.address,
        in_front_of_nobody: Some(nobody.address),
        lambda: Arc::clone(lambda),
        unlisted: &LOG_TAIL,
    };
    let differences = differences(&caller, fits);
    assert!(differences.is_empty(), "{client}: {} differ:\n{}", differences.len(), differences.join("\n"));
}

fn differences(caller: &Caller, fits: fn(&Turn) -> bool) -> Vec<String> {
    let told = corpus::all().into_iter().filter(|told| told.turns.iter().all(fits));
    told.map(|told| caller.replay(told)).filter_map(Result::err).collect()
}

/// How often these conversations ask Lambda.
fn asked(fits: fn(&Turn) -> bool) -> usize {
    let told = corpus::all().into_iter().filter(|told| told.turns.iter().all(fits));
    told.flat_map(|told| told.turns).filter(|turn| turn.call.is_some()).count()
}

/// The turns in which nobody is reached.
fn unreachable(caller: &Caller) -> Vec<String> {
    let is_unreachable = |turn: &Turn| matches!(turn.call, Some((_, Lambda::Unreachable)));
    let told = corpus::all().into_iter().map(|told| {
        let turns = told.turns.into_iter().filter(is_unreachable).collect();
        Conversation { turns, ..told }
    });
    told.map(|told| caller.replay(told)).filter_map(Result::err).collect()
}

/// `serve` delivers no callbacks, and so promises none.
fn is_without_callback(turn: &Turn) -> bool {
    !turn.request.head.headers.contains_key("x-callback-url")
}

/// What no function can make Lambda say is left out: its own refusals, and log tails that a file could know. So are
/// streams, which the function here does not speak, aliases, which the embedded service has none of, and calls whose function is asked once its caller was answered.
fn is_a_functions_to_say(turn: &Turn) -> bool {
    match &turn.call {
        _ if !is_without_callback(turn) => false,
        None => true,
        Some((invoke, Lambda::Reply { status, headers, .. })) => {
            *status == StatusCode::OK
                && !invoke.target.contains('?')
                && headers.iter().all(|(name, _)| name != X_AMZ_LOG_RESULT)
        }
        Some((_, Lambda::Stream(_) | Lambda::Unreachable | Lambda::Deadline)) => false,
    }
}

/// Port 1 of the loopback address: "tcpmux", which no machine of today has.
const NOBODY: &str = "http://127.0.0.1:1";

/// Where a function runs, Lambda itself writes lines into its log.
static LOG_TAIL: [HeaderName; 1] = [HeaderName::from_static("x-stedi-invocationlogs")];
