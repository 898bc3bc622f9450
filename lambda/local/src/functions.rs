//! The functions of the service: by their places, where the pool and environments know them, and by every name that leads
//! there.
//!
//! Each runnable version of a function has a place of its own, and keeps it as long as there is a name for it. Whoever looks sees one state of it all;
//! changes are rare, and make a new one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use lambda_protocol::{
    api_error::ApiError,
    function::{FunctionArn, FunctionRef, Qualifier},
    invoke::Invoke,
};

use tokio::sync::watch;

use crate::{
    function::{Function, FunctionUrl, Version},
    settings::Settings,
    url,
};

#[derive(Debug)]
pub(crate) struct Functions {
    table: ArcSwap<Table>,
    /// Held by who changes.
    changing: Mutex<()>,
    /// Changes with what names lead to.
    renamed: watch::Sender<()>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    places: Vec<Arc<Function>>,
    /// Places that nothing leads to.
    vacant: Vec<usize>,
    /// In the order in which they came.
    names: Vec<String>,
    named: HashMap<String, Named>,
    /// URL ids and whose they are: name and alias.
    urls: HashMap<String, (String, Option<String>)>,
}

/// What one name leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Named {
    /// The place of `$LATEST`.
    pub(crate) latest: usize,
    /// The places of what was published.
    pub(crate) versions: BTreeMap<u64, usize>,
    pub(crate) aliases: BTreeMap<String, Alias>,
}

/// Another name for a version, or for several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Alias {
    pub(crate) version: Version,
    /// Further ones, each with its share of the calls, in hundredths of a percent.
    pub(crate) others: Vec<(u64, u32)>,
    /// `None`: it has none of its own.
    pub(crate) url: Option<FunctionUrl>,
}

impl Functions {
    /// Of two with one name the first counts.
    pub(crate) fn new(functions: Vec<Function>) -> Self {
        let mut table = Table::default();
        for function in functions {
            let at = table.places.len();
            let name = function.name.clone();
            table.places.push(Arc::new(function));
            if !table.named.contains_key(&name) {
                let alias = table.places[at].alias.clone();
                let aliases = alias.map(|alias| (alias, Alias::LATEST)).into_iter().collect();
                table.set(name, Named { latest: at, versions: BTreeMap::new(), aliases });
            }
        }
        Self {
            table: ArcSwap::from_pointee(table),
            changing: Mutex::default(),
            renamed: watch::Sender::new(()),
        }
    }

    /// The unpublished ones, in the order in which they came.
    pub(crate) fn all(&self) -> Vec<Arc<Function>> {
        let table = self.table.load();
        table.names.iter().map(|name| Arc::clone(&table.places[table.named[name].latest])).collect()
    }

    /// Every place, in order.
    pub(crate) fn places(&self) -> Vec<Arc<Function>> {
        self.table.load().places.clone()
    }

    /// As it is now.
    pub(crate) fn get(&self, at: usize) -> Arc<Function> {
        Arc::clone(&self.table.load().places[at])
    }

    /// The place of what is called `name`, unpublished.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.table.load().named.get(name).map(|named| named.latest)
    }

    /// What the name leads to.
    pub(crate) fn entry(&self, name: &str) -> Option<Named> {
        self.table.load().named.get(name).cloned()
    }

    /// The place behind a name and a qualifier; without one, that of `$LATEST`. An alias of several versions leads now here,
    /// now there.
    pub(crate) fn place(&self, name: &str, qualifier: Option<&str>) -> Option<usize> {
        self.table.load().named.get(name)?.place(qualifier, chance)
    }

    /// The place of the function whose URL has this id, the alias that it is of, and what that says of the URL.
    pub(crate) fn with_url_id(&self, id: &str) -> Option<(usize, Option<String>, Option<FunctionUrl>)> {
        let table = self.table.load();
        let (name, alias) = table.urls.get(id)?;
        let named = &table.named[name];
        let url = alias.as_ref().and_then(|alias| named.aliases.get(alias)?.url.clone());
        Some((named.place(alias.as_deref(), chance)?, alias.clone(), url))
    }

    /// From now on `function` is at this place.
    pub(crate) fn set(&self, at: usize, function: Function) {
        self.change(|table| table.places[at] = Arc::new(function));
    }

    /// `function` gets the next place; no name leads there yet.
    pub(crate) fn push(&self, function: Function) -> usize {
        self.change(|table| {
            table.places.push(Arc::new(function));
            table.places.len() - 1
        })
    }

    /// Nothing leads to this place any more.
    pub(crate) fn vacate(&self, at: usize) {
        self.change(|table| table.vacant.push(at));
    }

    /// A place that nothing leads to and that `is_free`, for another function.
    pub(crate) fn vacant(&self, is_free: impl Fn(usize) -> bool) -> Option<usize> {
        if self.table.load().vacant.is_empty() {
            return None;
        }
        self.change(|table| {
            let found = table.vacant.iter().position(|at| is_free(*at))?;
            Some(table.vacant.swap_remove(found))
        })
    }

    /// From now on `name` leads to what `named` says.
    pub(crate) fn name(&self, name: &str, named: Named) {
        self.change(|table| table.set(name.to_owned(), named));
        self.renamed.send_replace(());
    }

    /// From now on `name` leads nowhere.
    pub(crate) fn forget(&self, name: &str) {
        self.change(|table| {
            table.names.retain(|known| known != name);
            table.named.remove(name);
            table.urls.retain(|_, (owner, _)| owner != name);
        });
        self.renamed.send_replace(());
    }

    /// Hears of it when a name leads somewhere else, or is there no more.
    pub(crate) fn renamed(&self) -> watch::Receiver<()> {
        self.renamed.subscribe()
    }

    /// The place of the function that is meant.
    ///
    /// # Errors
    /// It is another region's or account's, or there is no such function or qualifier.
    pub(crate) fn find(&self, invoke: &Invoke, settings: &Settings) -> Result<usize, ApiError> {
        let meant = &invoke.function;
        let qualifier = invoke.effective_qualifier().map_or(Qualifier::LATEST, Qualifier::as_str);
        check_place(meant, Some(qualifier), settings)?;
        let table = self.table.load();
        let named = match (table.named.get(&meant.name), &*table.names) {
            (None, [only]) if meant.name == ONLY_FUNCTION => table.named.get(only),
            (named, _) => named,
        };
        named.and_then(|named| named.place(Some(qualifier), chance)).ok_or_else(|| {
            let (region, account) = (&*settings.region, &*settings.account);
            let arn = FunctionArn { region, account, name: &meant.name, qualifier: Some(qualifier) };
            ApiError::function_not_found(&arn)
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::clone(&self.table.load());
        let result = change(&mut table);
        self.table.store(Arc::new(table));
        result
    }
}

impl Table {
    fn set(&mut self, name: String, named: Named) {
        self.urls.retain(|_, (owner, _)| *owner != name);
        self.urls.insert(url::url_id(&name), (name.clone(), None));
        for alias in named.aliases.keys() {
            let id = url::url_id(&format!("{name}:{alias}"));
            self.urls.insert(id, (name.clone(), Some(alias.clone())));
        }
        if self.named.insert(name.clone(), named).is_none() {
            self.names.push(name);
        }
    }
}

impl Named {
    /// `chance` is from 0 up to [`WHOLE`], and asked for only where it decides something.
    pub(crate) fn place(&self, qualifier: Option<&str>, chance: impl FnOnce() -> u32) -> Option<usize> {
        match qualifier {
            None | Some(Qualifier::LATEST) => Some(self.latest),
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.versions.get(&number.parse().ok()?).copied()
            }
            Some(alias) => self.at(self.aliases.get(alias)?.version(chance)),
        }
    }

    /// Everything that may stand behind the name, `$LATEST` first.
    pub(crate) fn qualifiers(&self) -> Vec<String> {
        let versions = self.versions.keys().map(u64::to_string);
        let latest = Qualifier::LATEST.to_owned();
        std::iter::once(latest).chain(versions).chain(self.aliases.keys().cloned()).collect()
    }

    fn at(&self, version: Version) -> Option<usize> {
        match version {
            Version::Latest => Some(self.latest),
            Version::Published(number) => self.versions.get(&number).copied(),
        }
    }
}

impl Alias {
    const LATEST: Self = Self { version: Version::Latest, others: Vec::new(), url: None };

    fn version(&self, chance: impl FnOnce() -> u32) -> Version {
        if self.others.is_empty() {
            return self.version;
        }
        let mut left = chance();
        for (number, share) in &self.others {
            match left.checked_sub(*share) {
                Some(rest) => left = rest,
                None => return Version::Published(*number),
            }
        }
        self.version
    }
}

fn chance() -> u32 {
    let (_, low) = uuid::Uuid::new_v4().as_u64_pair();
    u32::try_from(low % u64::from(WHOLE)).expect("less than a whole")
}

/// # Errors
/// The function is another region's or account's.
pub(crate) fn check_place(
    meant: &FunctionRef,
    qualifier: Option<&str>,
    settings: &Settings,
) -> Result<(), ApiError> {
    let (region, account) = (&*settings.region, &*settings.account);
    if let Some(theirs) = meant.region.as_deref().filter(|theirs| *theirs != region) {
        return Err(ApiError::wrong_region(theirs, region));
    }
    if let Some(theirs) = meant.account.as_deref().filter(|theirs| *theirs != account) {
        let user = format!("arn:aws:iam::{account}:root");
        let arn = FunctionArn { region, account: theirs, name: &meant.name, qualifier };
        return Err(ApiError::access_denied(&user, &arn));
    }
    Ok(())
}

/// All of an alias's calls, in hundredths of a percent.
pub(crate) const WHOLE: u32 = 10_000;

/// How `cargo lambda invoke` calls "the only function" when it is given no name.
const ONLY_FUNCTION: &str = "_";

#[cfg(test)]
mod tests;
