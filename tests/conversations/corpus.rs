//! All conversations, and what it takes to read, run and compare them.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) mod caller;
pub(crate) mod conversation;
pub(crate) mod ending;
pub(crate) mod event;
pub(crate) mod message;
pub(crate) mod replay;
pub(crate) mod setup;
pub(crate) mod situation;
pub(crate) mod sockets;
pub(crate) mod stream;
pub(crate) mod template;
pub(crate) mod told;

pub(crate) use conversation::Conversation;
use stayput_core::token::{SEALING_KEY_BYTES, SealingKey, SealingKeys};

/// Every conversation, by path.
///
/// # Panics
/// Names every file that cannot be read or does not fit the form.
pub(crate) fn all() -> Vec<Conversation> {
    all_at(HOST)
}

/// The same of a gateway that its callers know by this host.
pub(crate) fn all_at(host: &str) -> Vec<Conversation> {
    let mut mistakes = Vec::new();
    let mut told = Vec::new();
    for file in files(&folder()) {
        let path = file.strip_prefix(folder()).expect("below the folder").display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| error.to_string());
        match text.and_then(|text| Conversation::parse(&path, &text.replace(HOST, host))) {
            Ok(conversation) => told.push(conversation),
            Err(mistake) => mistakes.push(format!("{path}: {mistake}")),
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    told
}

/// The gateway's, as the files write it.
pub(crate) const HOST: &str = "functions.example";

/// What tickets are sealed with.
pub(crate) fn sealing_keys() -> SealingKeys {
    SealingKeys::new(SealingKey::new(&[7; SEALING_KEY_BYTES]), Vec::new())
}

/// Where the conversations are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conversations")
}

/// The `*.txt` of each dialect's folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        |folder: &Path| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries(folder)
        .filter(|path| path.is_dir())
        .flat_map(|dialect| entries(&dialect).collect::<Vec<_>>())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}
