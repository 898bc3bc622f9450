//! What the operator wrote: all optional, all text.

use stayput_core::{DIALECTS, Dialect};

use super::{
    document::{Document, Section},
    mistake::{Mistakes, Origin, Written},
    settings::{self, Value},
};

/// A configuration file, taken apart and not yet understood.
#[derive(Debug, Default)]
pub(super) struct RawConfig {
    pub(super) settings: Vec<Value>,
    pub(super) functions: Vec<RawFunction>,
    pub(super) keys: Vec<RawKey>,
}

/// A `[[function]]` row.
#[derive(Debug)]
pub(super) struct RawFunction {
    pub(super) origin: Origin,
    pub(super) lambda: Option<Written>,
    pub(super) qualifier: Option<Written>,
    pub(super) payload: Option<Written>,
    pub(super) durable: Option<bool>,
    pub(super) stream: Option<bool>,
    pub(super) timeout: Option<Written>,
    /// What each dialect's callers name it.
    pub(super) names: Vec<(&'static dyn Dialect, Written)>,
}

/// A `[[key]]` row.
#[derive(Debug)]
pub(super) struct RawKey {
    pub(super) origin: Origin,
    pub(super) label: Option<Written>,
    pub(super) sha256: Option<Written>,
    pub(super) anonymous: Option<bool>,
    pub(super) dialects: Option<Vec<Written>>,
    pub(super) functions: Option<Vec<Written>>,
    pub(super) rights: Option<Vec<Written>>,
    pub(super) sources: Option<Vec<Written>>,
    pub(super) rate: Option<Written>,
    pub(super) burst: Option<Written>,
    pub(super) concurrency: Option<Written>,
    pub(super) not_before: Option<Written>,
    pub(super) not_after: Option<Written>,
    pub(super) userinfo: Option<bool>,
}

impl RawConfig {
    /// Unknown keys and wrong types go to `mistakes`.
    pub(super) fn read(document: &Document<'_>, mistakes: &mut Mistakes) -> Self {
        let mut root = document.root();
        let mut raw = Self::default();
        for name in section_names() {
            let Some(mut section) = root.section(name, mistakes) else { continue };
            for setting in settings::all().filter(|setting| setting.section == name) {
                let written = section.setting(setting.key, &setting.shape, mistakes);
                raw.settings.extend(written.map(|written| Value { setting, written }));
            }
            section.finish(mistakes);
        }
        raw.functions =
            root.rows("function", mistakes).into_iter().map(|row| function(row, mistakes)).collect();
        raw.keys = root.rows("key", mistakes).into_iter().map(|row| key(row, mistakes)).collect();
        root.finish(mistakes);
        raw
    }
}

fn section_names() -> Vec<&'static str> {
    let mut names: Vec<_> = settings::all().map(|setting| setting.section).collect();
    names.dedup();
    names
}

fn function(mut row: Section<'_>, mistakes: &mut Mistakes) -> RawFunction {
    let raw = RawFunction {
        origin: row.origin().clone(),
        lambda: row.word("lambda", mistakes),
        qualifier: row.word("qualifier", mistakes),
        payload: row.word("payload", mistakes),
        durable: row.truth("durable", mistakes),
        stream: row.truth("stream", mistakes),
        timeout: row.word("timeout", mistakes),
        names: DIALECTS
            .iter()
            .flat_map(|&dialect| {
                let names = row.words(dialect.name(), mistakes).unwrap_or_default();
                names.into_iter().map(move |name| (dialect, name))
            })
            .collect(),
    };
    row.finish(mistakes);
    raw
}

fn key(mut row: Section<'_>, mistakes: &mut Mistakes) -> RawKey {
    let raw = RawKey {
        origin: row.origin().clone(),
        label: row.word("label", mistakes),
        sha256: row.word("sha256", mistakes),
        anonymous: row.truth("anonymous", mistakes),
        dialects: row.words("dialects", mistakes),
        functions: row.words("functions", mistakes),
        rights: row.words("rights", mistakes),
        sources: row.words("sources", mistakes),
        rate: row.word("rate", mistakes),
        burst: row.word("burst", mistakes),
        concurrency: row.word("concurrency", mistakes),
        not_before: row.word("not_before", mistakes),
        not_after: row.word("not_after", mistakes),
        userinfo: row.truth("userinfo", mistakes),
    };
    row.finish(mistakes);
    raw
}
