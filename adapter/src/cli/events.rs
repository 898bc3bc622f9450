//! `stayput events list`, `show`, `redrive`, `cancel` and `purge`

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    time::SystemTime,
};

use clap::{Args, Subcommand};
use form_urlencoded::Serializer;
use serde::{Deserialize, Serialize};

use super::{
    Exit, Failure,
    admin::{AdminOptions, escaped},
    terminal::{print, print_json, print_table, say},
};
use crate::{
    config::duration,
    events::{Act, Event, Filter, MAX_PAGE, State, moment},
};

/// See and steer asynchronous calls that are not over, and dead ones
///
/// An event is queued, running, retrying (its function failed and is tried again), delivering (its function has run and its
/// caller is to be told) or dead. In front of AWS, what waits and runs is not visible: it is accepted.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput events list --state dead")]
pub(super) struct Events {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(List),
    Show(Show),
    Redrive(Redrive),
    Cancel(Cancel),
    Purge(Purge),
}

/// List them: running ones, then those that wait by their next try, then the dead
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput events list --function resize --since 1h")]
struct List {
    #[command(flatten)]
    filter: FilterOptions,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value = "100")]
    limit: usize,
    #[command(flatten)]
    admin: AdminOptions,
}

/// Show everything that there is of a call
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput events show 0199d6f3-8f3e-7c52-a7a1-0b8c7d9e6f50")]
struct Show {
    /// Our id of the call, or an event's own
    id: String,
    #[command(flatten)]
    admin: AdminOptions,
}

/// Begin dead ones anew, with as many attempts as at first
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  stayput events redrive 0199d6f3-8f3e-7c52-a7a1-0b8c7d9e6f50\n  stayput events redrive --host erp.example.com --yes"
)]
struct Redrive {
    #[command(flatten)]
    order: Order,
}

/// Take back those that wait: no further attempt is made
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput events cancel 0199d6f3-8f3e-7c52-a7a1-0b8c7d9e6f50")]
struct Cancel {
    #[command(flatten)]
    order: Order,
}

/// Remove dead ones for good
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput events purge --until 24h --yes")]
struct Purge {
    #[command(flatten)]
    order: Order,
}

/// One call, or all that are meant.
#[derive(Args, Debug)]
struct Order {
    /// Our id of the call, or an event's own; without it, all that are meant
    #[arg(conflicts_with_all = ["state", "function", "host", "since", "until"])]
    id: Option<String>,
    #[command(flatten)]
    filter: FilterOptions,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    admin: AdminOptions,
}

/// Which events are meant.
#[derive(Args, Clone, Debug, Default)]
struct FilterOptions {
    /// queued, running, retrying, delivering or dead; in front of AWS accepted, delivering, delivered, untold or dead
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Of the function that Lambda, or the caller, names so
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Whose callback goes to this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// There since: 2026-01-31T12:00:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = when)]
    since: Option<SystemTime>,
    /// There since before
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<SystemTime>,
}

/// What the admin listener answers.
#[derive(Debug, Deserialize)]
struct Page {
    events: Vec<Event>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Steered {
    done: Vec<String>,
    left: Vec<String>,
    more: bool,
}

impl Events {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        match self.verb {
            Verb::List(list) => list.run(json),
            Verb::Show(show) => show.run(json),
            Verb::Redrive(Redrive { order }) => order.run(Act::Redrive, json),
            Verb::Cancel(Cancel { order }) => order.run(Act::Cancel, json),
            Verb::Purge(Purge { order }) => order.run(Act::Purge, json),
        }
    }
}

impl List {
    fn run(self, json: bool) -> Result<Exit, Failure> {
        let (mut events, mut next) = (Vec::new(), None::<String>);
        while events.len() < self.limit {
            let mut query = self.filter.clone().query();
            query.append_pair("limit", &(self.limit - events.len()).min(MAX_PAGE).to_string());
            query.extend_pairs(next.as_deref().map(|page| ("page", page)));
            let page: Page = self.admin.ask(&format!("/events?{}", query.finish()))?;
            events.extend(page.events);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        show(&events, json);
        if next.is_some() && !json {
            say(format_args!("there may be more than these {}; --limit shows them", events.len()));
        }
        Ok(Exit::Done)
    }
}

impl Show {
    fn run(self, json: bool) -> Result<Exit, Failure> {
        let Page { events, .. } = self.admin.ask(&path(&self.id))?;
        if json {
            print_json(&events);
            return Ok(Exit::Done);
        }
        for event in events {
            for (name, value) in details(event) {
                print(format_args!("{name:<9} {value}"));
            }
        }
        Ok(Exit::Done)
    }
}

impl Order {
    fn run(self, act: Act, json: bool) -> Result<Exit, Failure> {
        let path = match &self.id {
            Some(id) => format!("{}/{}", path(id), act.as_str()),
            None => {
                self.confirm(act)?;
                let mut query = self.filter.query();
                format!("/events/{}?{}", act.as_str(), query.append_pair("confirm", "true").finish())
            }
        };
        let steered: Steered = self.admin.order(&path)?;
        if json {
            print_json(&steered);
        } else {
            steered.done.iter().for_each(print);
        }
        let Steered { done, left, more } = steered;
        say(format_args!(
            "{}: {} done{}",
            act.as_str(),
            done.len(),
            match left.len() {
                0 => String::new(),
                left => format!(", {left} left as they are"),
            }
        ));
        if more {
            say("there are more; say it again");
        }
        Ok(Exit::Done)
    }

    /// # Errors
    /// Nobody said yes.
    fn confirm(&self, act: Act) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let act = act.as_str();
            return Err(Failure::usage(format_args!("this may be about many calls; {act} them with --yes")));
        }
        say(format_args!("{} all that are meant? Write yes:", act.as_str()));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if answer.trim() == "yes" { Ok(()) } else { Err(Failure::usage("nothing was done")) }
    }
}

impl FilterOptions {
    fn query(self) -> Serializer<'static, String> {
        let Self { state, function, host, since, until } = self;
        let mut query = Serializer::new(String::new());
        query.extend_pairs(Filter { state, function, host, since, until }.to_pairs());
        query
    }
}

fn show(events: &[Event], json: bool) {
    if json {
        print_json(&events);
        return;
    }
    let cells = |event: &Event| {
        let host = event.callback.as_ref().map(|callback| callback.host.clone());
        [
            event.id.clone(),
            event.function.clone(),
            event.state.as_str().to_owned(),
            event.attempts.to_string(),
            event.next_try.clone().unwrap_or_else(nothing),
            host.unwrap_or_else(nothing),
            event.last_error.clone().unwrap_or_else(nothing),
        ]
    };
    let rows: Vec<_> = events.iter().map(cells).collect();
    print_table(["ID", "FUNCTION", "STATE", "ATTEMPTS", "NEXT TRY", "CALLBACK", "LAST ERROR"], &rows);
}

fn details(event: Event) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("id", event.id),
        ("call", event.request_id),
        ("state", event.state.as_str().to_owned()),
        ("function", event.function),
        ("since", event.since),
        ("attempts", event.attempts.to_string()),
        ("next try", event.next_try.unwrap_or_else(nothing)),
        ("error", event.last_error.unwrap_or_else(nothing)),
        ("bytes", event.size_bytes.map_or_else(nothing, |bytes| bytes.to_string())),
    ];
    if let Some(callback) = event.callback {
        details.push(("caller", format!("{} {}", callback.dialect, callback.function)));
        details.push(("callback", callback.url));
    }
    details
}

fn nothing() -> String {
    "-".to_owned()
}

fn path(id: &str) -> String {
    format!("/events/{}", escaped(id))
}

fn state(word: &str) -> Result<State, String> {
    let known = || State::ALL.map(State::as_str).join(", ");
    State::parse(word).ok_or_else(|| format!("known: {}", known()))
}

/// A moment, or how long ago it was.
fn when(text: &str) -> Result<SystemTime, String> {
    if let Ok(ago) = duration(text) {
        return SystemTime::now().checked_sub(ago).ok_or_else(|| "before all time".to_owned());
    }
    moment(text).map_err(|_| "write e.g. 2026-01-31T12:00:00Z, or 2h for two hours ago".to_owned())
}
