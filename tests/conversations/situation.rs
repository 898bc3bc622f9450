//! The situations that every dialect tells, and in which modes.

use stayput_core::Mode;

/// The word of the tag line, and the modes in which every dialect must have it.
pub(crate) const SITUATIONS: &[(&str, &[Mode])] = &[
    ("success", BOTH),
    ("callback", ASYNC),
    ("methods", SYNC),
    ("path-and-query", SYNC),
    ("encoded-path", SYNC),
    ("binary", SYNC),
    ("repeated-headers", SYNC),
    ("fault", SYNC),
    ("timeout", SYNC),
    ("crash", SYNC),
    ("not-found", BOTH),
    ("foreign-function", BOTH),
    ("throttled", SYNC),
    ("rate-limited", SYNC),
    ("pending", SYNC),
    ("request-too-large", SYNC),
    ("answer-too-large", SYNC),
    ("wrong-method", BOTH),
    ("auth-missing", BOTH),
    ("auth-wrong", BOTH),
    ("auth-lacks-right", BOTH),
    ("anonymous", SYNC),
    ("malformed", SYNC),
    ("backend-down", SYNC),
    ("trace", SYNC),
    ("stream", SYNC),
];

const SYNC: &[Mode] = &[Mode::Sync];
const ASYNC: &[Mode] = &[Mode::Async];
const BOTH: &[Mode] = &[Mode::Sync, Mode::Async];

pub(crate) fn mode(word: &str) -> Option<Mode> {
    match word {
        "sync" => Some(Mode::Sync),
        "async" => Some(Mode::Async),
        _ => None,
    }
}

/// The listed word that `word` is.
pub(crate) fn situation(word: &str) -> Option<&'static str> {
    SITUATIONS.iter().map(|(listed, _)| *listed).find(|listed| *listed == word)
}
