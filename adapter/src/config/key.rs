//! `[[key]]` rows into caller keys.

use stayput_core::{
    DIALECTS,
    keys::{Cidr, CredentialHash, Key, Keyring, Right, Scope},
    table::Table,
};

use super::{
    mistake::{Mistakes, Written, nearest, quoted, unknown},
    raw::RawKey,
};

mod bounds;

pub use bounds::moment;

/// One key and who holds it.
#[derive(Clone, Debug)]
pub struct KeyRow {
    pub holder: Holder,
    pub key: Key,
}

/// Who may use a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// Whoever presents the credential with this hash.
    Credential(CredentialHash),
    /// Whoever presents nothing.
    Anonymous,
}

/// A key ring of these rows; of two rows with one credential the first counts.
pub fn keyring(rows: &[KeyRow]) -> Keyring {
    let mut ring = Keyring::default();
    for row in rows.iter().rev() {
        if let Holder::Credential(hash) = row.holder {
            ring.add(hash, row.key.clone());
        }
    }
    for row in rows.iter().filter(|row| row.holder == Holder::Anonymous) {
        ring.add_anonymous(row.key.clone());
    }
    ring
}

/// The keys that the rows describe. `table` holds the functions that they may name.
pub(super) fn rows(raw: &[RawKey], table: &Table, mistakes: &mut Mistakes) -> Vec<KeyRow> {
    let mut rows: Vec<KeyRow> = Vec::new();
    for raw in raw {
        let Some(row) = row(raw, table, mistakes) else { continue };
        if let Some(label) =
            raw.label.as_ref().filter(|_| rows.iter().any(|other| other.key.label == row.key.label))
        {
            mistakes
                .add(label.mistake(format!("{} is already the label of another key", quoted(&label.text))));
        }
        let same = |other: &&KeyRow| row.holder != Holder::Anonymous && other.holder == row.holder;
        if let (Some(hash), Some(other)) = (&raw.sha256, rows.iter().find(same)) {
            mistakes.add(hash.mistake(format!("the same credential as key {:?}", other.key.label)));
        }
        let shadows = |other: &&KeyRow| row.holder == Holder::Anonymous && overlap(other, &row);
        if let Some(other) = rows.iter().find(shadows) {
            let what = format!(
                "key {:?} is anonymous in the same dialect, and only the first counts",
                other.key.label
            );
            mistakes.at(&raw.origin, what);
        }
        rows.push(row);
    }
    rows
}

/// Are both for callers who present nothing, in one dialect?
fn overlap(one: &KeyRow, other: &KeyRow) -> bool {
    let shared = |name: &str| one.key.dialects.contains(name) && other.key.dialects.contains(name);
    one.holder == other.holder && DIALECTS.iter().any(|dialect| shared(dialect.name()))
}

fn row(raw: &RawKey, table: &Table, mistakes: &mut Mistakes) -> Option<KeyRow> {
    let label = label(raw, mistakes);
    let holder = holder(raw, mistakes);
    let dialects = dialects(raw, mistakes);
    let functions = functions(raw, &dialects, table, mistakes);
    let rights = rights(raw, mistakes);
    let sources = sources(raw, mistakes);
    let valid = bounds::validity(raw, mistakes);
    let limits = bounds::limits(raw, mistakes);
    let userinfo = raw.userinfo.unwrap_or_default();
    let key = Key { sources, valid, limits, userinfo, ..Key::new(label?, dialects, functions, &rights) };
    Some(KeyRow { holder: holder?, key })
}

fn label(raw: &RawKey, mistakes: &mut Mistakes) -> Option<String> {
    let Some(written) = &raw.label else {
        mistakes.at(&raw.origin, "label is missing; it is your name for this key in logs");
        return None;
    };
    match check_label(&written.text) {
        Ok(()) => Some(written.text.clone()),
        Err(what) => {
            mistakes.add(written.mistake(what));
            None
        }
    }
}

/// Is this fit to be a key's label?
///
/// # Errors
/// What a label has to be.
pub fn check_label(text: &str) -> Result<(), String> {
    if (1..=MAX_LABEL_LEN).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(format!("{} is not 1 to {MAX_LABEL_LEN} visible ASCII characters without spaces", quoted(text)))
}

fn holder(raw: &RawKey, mistakes: &mut Mistakes) -> Option<Holder> {
    match (&raw.sha256, raw.anonymous) {
        (Some(written), None | Some(false)) => {
            let hash = parse_hash(&written.text);
            if hash.is_none() {
                // Not quoted: it may be the credential itself.
                mistakes.add(
                    written.mistake("not 64 hex digits; `stayput keys add` makes them from a credential"),
                );
            }
            hash.map(Holder::Credential)
        }
        (None, Some(true)) => Some(Holder::Anonymous),
        (Some(written), Some(true)) => {
            mistakes.add(written.mistake("an anonymous key has no credential; leave one of the two out"));
            None
        }
        (None, None | Some(false)) => {
            mistakes
                .at(&raw.origin, "sha256 is missing (or anonymous = true, for callers who present nothing)");
            None
        }
    }
}

fn parse_hash(hex: &str) -> Option<CredentialHash> {
    let mut hash = [0; 32];
    if hex.len() != 2 * hash.len() || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(CredentialHash(hash))
}

fn dialects(raw: &RawKey, mistakes: &mut Mistakes) -> Scope {
    let known = || DIALECTS.iter().map(|dialect| dialect.name());
    let Some(written) = &raw.dialects else {
        let known: Vec<_> = known().collect();
        mistakes.at(&raw.origin, format!("dialects is missing; list some of {}", known.join(", ")));
        return Scope::Only(Vec::new());
    };
    not_empty("dialects", written, raw, mistakes);
    for word in written.iter().filter(|word| known().all(|name| name != word.text)) {
        mistakes.add(word.mistake(unknown(&word.text, known().collect::<Vec<_>>())));
    }
    Scope::Only(texts(written))
}

fn functions(raw: &RawKey, dialects: &Scope, table: &Table, mistakes: &mut Mistakes) -> Scope {
    let Some(written) = &raw.functions else { return Scope::All };
    not_empty("functions", written, raw, mistakes);
    for word in written {
        let own = |(dialect, _, _): &(&str, _, _)| dialects.contains(dialect);
        let names = || table.rows().filter(own).map(|(_, key, _)| key.as_str());
        if names().all(|name| name != word.text) {
            let meant = nearest(&word.text, names()).map(|meant| format!("; did you mean {meant:?}?"));
            let text = quoted(&word.text);
            let what = format!("no function is named {text}{}", meant.unwrap_or_default());
            mistakes.add(word.mistake(what));
        }
    }
    Scope::Only(texts(written))
}

fn rights(raw: &RawKey, mistakes: &mut Mistakes) -> Vec<Right> {
    let known = Right::ALL.map(Right::as_str);
    let Some(written) = &raw.rights else {
        mistakes.at(&raw.origin, format!("rights is missing; list some of {}", known.join(", ")));
        return Vec::new();
    };
    not_empty("rights", written, raw, mistakes);
    let mut rights = Vec::new();
    for word in written {
        match Right::parse(&word.text) {
            Some(right) => rights.push(right),
            None => mistakes.add(word.mistake(unknown(&word.text, known))),
        }
    }
    rights
}

fn sources(raw: &RawKey, mistakes: &mut Mistakes) -> Vec<Cidr> {
    let Some(written) = &raw.sources else { return Vec::new() };
    if written.is_empty() {
        mistakes.at(&raw.origin, "sources = [] would allow every address; list some, or leave it out");
    }
    let mut sources = Vec::new();
    for word in written {
        match Cidr::parse(&word.text) {
            Some(block) => sources.push(block),
            None => {
                let text = quoted(&word.text);
                mistakes.add(
                    word.mistake(format!("{text} is not a block of addresses; write e.g. \"10.0.0.0/8\"")),
                );
            }
        }
    }
    sources
}

/// A list of nothing allows nothing, which nobody means who writes a key.
fn not_empty(name: &str, written: &[Written], raw: &RawKey, mistakes: &mut Mistakes) {
    if written.is_empty() {
        mistakes.at(&raw.origin, format!("{name} = [] would allow nothing; list some"));
    }
}

fn texts(written: &[Written]) -> Vec<String> {
    written.iter().map(|word| word.text.clone()).collect()
}

/// Ours; a label has its column in lists and logs.
const MAX_LABEL_LEN: usize = 64;
