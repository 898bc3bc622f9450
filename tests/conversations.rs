//! The conversation corpus, against the pure core and over sockets. `conversations/README.md` describes the files.

#[cfg(feature = "aws")]
#[path = "aws.rs"]
mod aws;
#[path = "conversations/corpus.rs"]
mod corpus;

use std::fs;

use corpus::{Conversation, replay::replay, setup, situation::SITUATIONS, sockets::SocketGateway};
use stayput_core::{DIALECTS, Dialect};

#[test]
fn every_conversation_goes_as_it_is_told() {
    let (keys, table) = (setup::keys(), setup::table());
    let replayed = corpus::all().into_iter().map(|told| replay(DIALECTS, &keys, &table, &told));
    let differences: Vec<String> = replayed.filter_map(Result::err).collect();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn every_conversation_goes_as_it_is_told_over_sockets() {
    let gateway = SocketGateway::start(DIALECTS).expect("a gateway");
    let replayed = corpus::all().into_iter().map(|told| gateway.replay(told));
    let differences: Vec<String> = replayed.filter_map(Result::err).collect();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn without_a_dialect_exactly_its_conversations_fail() {
    let table = setup::table();
    for missing in DIALECTS {
        let (register, keys) = (without(*missing), setup::keys());
        exactly_its_conversations_fail(*missing, |told| replay(register, &keys, &table, &told));
    }
}

#[test]
fn without_a_dialect_exactly_its_conversations_fail_over_sockets() {
    for missing in DIALECTS {
        let gateway = SocketGateway::start(without(*missing)).expect("a gateway");
        exactly_its_conversations_fail(*missing, |told| gateway.replay(told));
    }
}

fn without(missing: &dyn Dialect) -> &'static [&'static dyn Dialect] {
    let register: Vec<_> =
        DIALECTS.iter().copied().filter(|dialect| dialect.name() != missing.name()).collect();
    register.leak()
}

fn exactly_its_conversations_fail(
    missing: &dyn Dialect,
    replay: impl Fn(Conversation) -> Result<(), String>,
) {
    for told in corpus::all() {
        let (dialect, path) = (told.dialect.clone(), told.path.clone());
        assert_eq!(replay(told).is_err(), dialect == missing.name(), "{path} without {}", missing.name());
    }
}

#[test]
fn every_dialect_tells_every_situation() {
    let corpus = corpus::all();
    let mut missing = Vec::new();
    for dialect in DIALECTS {
        for (situation, modes) in SITUATIONS {
            for mode in *modes {
                let tells = |told: &Conversation| {
                    (told.dialect.as_str(), told.situation, told.mode) == (dialect.name(), *situation, *mode)
                };
                if !corpus.iter().any(tells) {
                    missing.push(format!("{}: {situation} {mode:?}", dialect.name()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "not told:\n{}", missing.join("\n"));
}

/// A page shows a conversation by linking its file; what it prints of one is the file, word for word.
#[test]
fn every_conversation_is_shown_on_its_dialects_page() {
    let corpus = corpus::all();
    for dialect in DIALECTS {
        let page = corpus::folder().join(format!("../../docs/dialects/{}.md", dialect.name()));
        let page = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        for told in corpus.iter().filter(|told| told.dialect == dialect.name()) {
            let link = format!("(../../tests/conversations/{})", told.path);
            assert!(page.contains(&link), "docs/dialects/{}.md has no link {link}", dialect.name());
        }
        for printed in page.split("```text\n# tests/conversations/").skip(1) {
            let (path, _) = printed.split_once(": ").expect("a conversation's first line names its file");
            let (printed, _) = printed.split_once("```").expect("a fence that ends");
            let file = fs::read_to_string(corpus::folder().join(path))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(
                format!("# tests/conversations/{printed}"),
                file,
                "as {} prints {path}",
                dialect.name()
            );
        }
    }
}
