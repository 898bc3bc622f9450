//! What is kept becomes what runs: records lead to places and names.

use std::{collections::BTreeMap, time::SystemTime};

use uuid::Uuid;

use super::{
    Deployments, Kept, LATEST, program,
    record::{self, Record},
};
use crate::{
    function::{Function, FunctionUrl, Version},
    functions::{Alias, Named, WHOLE},
    run::Runner,
};

impl Deployments {
    /// What was kept runs from now on. The template's functions, which run already, win over those of the same name.
    pub(crate) fn begin(&self, runner: &Runner, now: SystemTime) {
        let functions = runner.functions.all();
        let mut all = self.kept();
        for function in functions {
            let kept = all.entry(function.name.clone()).or_insert_with(|| Kept {
                record: Record::default(),
                template: None,
                ready: BTreeMap::new(),
            });
            kept.record.reserved = function.reserved_concurrency;
            kept.deploy_template(&function, &self.store, now);
            if let Some(alias) = &function.alias {
                kept.record
                    .aliases
                    .entry(alias.clone())
                    .or_insert_with(record::Alias::of_latest)
                    .lead_to_latest();
            }
        }
        for (name, kept) in all.iter_mut() {
            let ready = std::mem::take(&mut kept.ready);
            let latest = runner.functions.named(name);
            let latest = latest.or_else(|| {
                let at = runner.driver.add(ready.get(&Version::Latest)?.clone(), None);
                runner.driver.reserve(at, kept.record.reserved);
                Some(at)
            });
            // Of a function that the template had once: it is there again when the template has it again.
            let Some(latest) = latest else { continue };
            let mut versions = BTreeMap::new();
            for (version, function) in ready {
                if let Version::Published(number) = version {
                    versions.insert(number, runner.driver.add(function, Some(latest)));
                }
            }
            let aliases = aliases(&kept.record);
            runner.functions.name(name, Named { latest, versions, aliases });
        }
    }

    /// What runs becomes what the record says.
    pub(super) async fn run(&self, name: &str, before: &Record, after: &Record, runner: &Runner) {
        let Runner { functions, driver } = runner;
        let url = |record: &Record| record.urls.get(LATEST).map(|url| url.config.clone());
        let mut named = match functions.entry(name) {
            Some(named) => {
                let is_new = after.latest.is_some() && revision(before) != revision(after);
                if is_new || url(before) != url(after) {
                    let function = match after.latest {
                        Some(_) => self.function(name, Version::Latest, after).await,
                        None => Function { url: url(after), ..Function::clone(&functions.get(named.latest)) },
                    };
                    driver.replace(named.latest, function);
                }
                named
            }
            None => {
                let function = self.function(name, Version::Latest, after).await;
                let latest = driver.add(function, None);
                Named { latest, versions: BTreeMap::new(), aliases: BTreeMap::new() }
            }
        };
        if before.reserved != after.reserved {
            driver.reserve(named.latest, after.reserved);
        }
        for &number in after.versions.keys() {
            if !named.versions.contains_key(&number) {
                let function = self.function(name, Version::Published(number), after).await;
                named.versions.insert(number, driver.add(function, Some(named.latest)));
            }
        }
        let gone = |number: &u64, _: &mut usize| !after.versions.contains_key(number);
        let gone: Vec<_> = named.versions.extract_if(.., gone).map(|(_, at)| at).collect();
        named.aliases = aliases(after);
        functions.name(name, named);
        for at in gone {
            driver.retire(at);
        }
    }

    pub(super) async fn function(&self, name: &str, version: Version, record: &Record) -> Function {
        let edition = record.edition(version).expect("asked for what the record has");
        let folder = self.store.hold(&edition.code.folder);
        let url =
            record.urls.get(LATEST).filter(|_| version == Version::Latest).map(|url| url.config.clone());
        program::function(name, version, edition, folder, url, &self.tools).await
    }
}

fn revision(record: &Record) -> Option<Uuid> {
    record.latest.as_ref().map(|latest| latest.revision)
}

fn aliases(record: &Record) -> BTreeMap<String, Alias> {
    let of_one = |(name, alias): (&String, &record::Alias)| {
        let share = |weight: f64| hundredths(weight).min(WHOLE);
        let others = alias.weights.iter().map(|(number, weight)| (*number, share(*weight))).collect();
        let url: Option<FunctionUrl> = record.urls.get(name).map(|url| url.config.clone());
        (name.clone(), Alias { version: alias.version, others, url })
    };
    record.aliases.iter().map(of_one).collect()
}

/// Of a percent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "weights are from 0 to 1")]
fn hundredths(weight: f64) -> u32 {
    (weight.clamp(0.0, 1.0) * f64::from(WHOLE)).round() as u32
}
