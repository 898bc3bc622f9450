//! The calls that were promised a callback in front of AWS: what the ledger remembers of them, and the dead letters.
//!
//! What Lambda does with a call between the 202 and its record is seen by nobody: its own queue tells nothing.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use lambda_protocol::{destination::DestinationRecord, function::FunctionRef, http_event::Ticketed};
use stayput_core::token::SealingKeys;
use uuid::Uuid;

use super::{
    Act, Call, Event, Filter, MAX_LOOKED_AT, MAX_PAGE, MAX_STEERED, State, Steered,
    view::{ViewError, Viewed, broken},
};
use crate::{
    aws::{CloudWatchLogs, Line, Message, Sqs, Tally},
    ledger::{Ledger, Promise, Standing},
    metrics::Depth,
    timelines::{Entry, Timeline, What},
};

/// One ledger and its two queues. Clones see and steer the same ones.
#[derive(Clone, Debug)]
pub struct Promises {
    pub ledger: Ledger,
    pub queue: Arc<Sqs>,
    pub dead_letters: Arc<Sqs>,
    pub logs: Arc<CloudWatchLogs>,
    /// Have sealed the tickets.
    pub keys: SealingKeys,
}

impl Promises {
    pub(super) async fn list(
        &self,
        filter: Filter,
        mut from: Option<String>,
        limit: usize,
    ) -> Result<Viewed, ViewError> {
        check(filter.state)?;
        let limit = limit.clamp(1, MAX_PAGE);
        let (mut events, mut looked_at) = (Vec::new(), 0);
        loop {
            let page = self.ledger.list(from, limit - events.len()).await.map_err(broken)?;
            looked_at += page.promises.len().max(1);
            let shown = page.promises.into_iter().filter(|(_, promise)| {
                // What is over is shown to whoever asks for it.
                let is_over = matches!(promise.standing, Standing::Delivered | Standing::Untold);
                (filter.state.is_some() || !is_over) && filter.takes_time(promise.accepted)
            });
            let shown = shown.map(|(call, promise)| Event::of_promise(call, &promise, &self.keys));
            events.extend(shown.filter(|event| filter.takes(event)));
            from = page.next;
            if from.is_none() || events.len() == limit || looked_at >= MAX_LOOKED_AT {
                return Ok(Viewed { events, next: from });
            }
        }
    }

    pub(super) async fn find(&self, id: &str) -> Result<Vec<Event>, ViewError> {
        let found = self.remembered(id).await?;
        Ok(found.into_iter().map(|(call, promise)| Event::of_promise(call, &promise, &self.keys)).collect())
    }

    pub(super) async fn calls(&self, id: &str) -> Result<Vec<Call>, ViewError> {
        let Some((call, promise)) = self.remembered(id).await? else { return Ok(Vec::new()) };
        let event = Event::of_promise(call, &promise, &self.keys);
        let mut entries = entries(&promise);
        if let Some(lambda_id) = &promise.lambda_id {
            entries.extend(self.written(&event.function, lambda_id, promise.accepted).await);
        }
        entries.sort_by_key(|entry| entry.at);
        let mut timeline = Timeline::default();
        entries.into_iter().for_each(|entry| timeline.push(entry));
        Ok(vec![Call::new(call.to_string(), &timeline, vec![event])])
    }

    /// The function's log; where it cannot be read, that.
    async fn written(&self, function: &str, lambda_id: &str, since: SystemTime) -> Vec<Entry> {
        let entry = |Line { at, text }| Entry { at, what: What::Log, text };
        match self.logs.of_call(function, lambda_id, since).await {
            Ok(lines) => lines.into_iter().map(entry).collect(),
            Err(error) => {
                let text = format!("(the log in CloudWatch Logs cannot be read: {error})");
                vec![entry(Line { at: since, text })]
            }
        }
    }

    pub(super) async fn steer(&self, id: &str, act: Act) -> Result<Steered, ViewError> {
        check_act(act)?;
        let Some((call, promise)) = self.remembered(id).await? else { return Ok(Steered::default()) };
        let id = call.to_string();
        if promise.standing != Standing::Dead {
            return Ok(Steered { left: vec![id], ..Steered::default() });
        }
        self.go_through(act, |event| event.request_id == id).await
    }

    pub(super) async fn steer_those(&self, filter: Filter, act: Act) -> Result<Steered, ViewError> {
        check_act(act)?;
        check(filter.state)?;
        self.go_through(act, |event| filter.takes(event)).await
    }

    pub(super) async fn depths(&self) -> Vec<Depth> {
        let (queue, dead) = tokio::join!(self.queue.tally(), self.dead_letters.tally());
        let told = queue.and_then(|queue| dead.map(|dead| (queue, dead)));
        match told {
            Ok((Tally { waiting, leased }, dead)) => {
                let dead = dead.waiting + dead.leased;
                vec![Depth { queue: self.queue.name().to_owned(), waiting, leased, dead, oldest_s: 0.0 }]
            }
            Err(failure) => {
                let error = &failure as &dyn std::error::Error;
                tracing::warn!(error, "the queues' depths cannot be read");
                Vec::new()
            }
        }
    }

    async fn remembered(&self, id: &str) -> Result<Option<(Uuid, Promise)>, ViewError> {
        let Ok(call) = Uuid::try_parse(id) else { return Ok(None) };
        let promise = self.ledger.promised(call).await.map_err(broken)?;
        Ok(promise.map(|promise| (call, promise)))
    }

    /// Looks at every dead letter once, as SQS has no other way to find one. What is not meant is let go of at the end.
    async fn go_through(&self, act: Act, meant: impl Fn(&Event) -> bool) -> Result<Steered, ViewError> {
        let (mut steered, mut seen, mut held) = (Steered::default(), BTreeSet::new(), Vec::new());
        'all: loop {
            let letters = self.dead_letters.receive(usize::MAX, HOLD, POLL).await.map_err(broken)?;
            if letters.is_empty() {
                break;
            }
            for letter in letters {
                if !seen.insert(letter.id.clone()) {
                    // Those that are held come back after a while: all were looked at.
                    break 'all;
                }
                let event = self.event(&letter).await?;
                if !meant(&event) {
                    held.push(letter.receipt);
                } else if steered.done.len() == MAX_STEERED {
                    steered.more = true;
                    break 'all;
                } else {
                    self.act(act, &letter, &event).await?;
                    steered.done.push(event.id);
                }
            }
        }
        for receipt in held {
            self.dead_letters.hide(&receipt, Duration::ZERO).await.map_err(broken)?;
        }
        Ok(steered)
    }

    async fn act(&self, act: Act, letter: &Message, event: &Event) -> Result<(), ViewError> {
        let call = Uuid::try_parse(&event.request_id).ok();
        match (act, call) {
            (Act::Redrive, call) => {
                self.queue.send(&letter.body, &[]).await.map_err(broken)?;
                if let Some(call) = call {
                    self.ledger.steer(call, Promise::redriven).await.map_err(broken)?;
                }
            }
            (Act::Purge, Some(call)) => {
                if let Some(promise) = self.ledger.promised(call).await.map_err(broken)? {
                    self.ledger.withdraw(call, &promise).await.map_err(broken)?;
                }
            }
            (Act::Purge, None) => {}
            (Act::Cancel, _) => unreachable!("refused before"),
        }
        self.dead_letters.delete(&letter.receipt).await.map_err(broken)
    }

    /// What a dead letter is about; its own id where that is nothing of ours.
    async fn event(&self, letter: &Message) -> Result<Event, ViewError> {
        let record = DestinationRecord::decode(letter.body.as_bytes()).ok();
        let ticketed = record.as_ref().and_then(|record| Ticketed::find(record.request_payload));
        let call = ticketed.and_then(|event| Uuid::try_parse(&event.request_id?).ok());
        if let Some(call) = call
            && let Some(promise) = self.ledger.promised(call).await.map_err(broken)?
        {
            return Ok(Event::of_promise(call, &promise, &self.keys));
        }
        let function = record.and_then(|record| FunctionRef::parse(&record.function_arn).ok());
        Ok(Event::of_stranger(&letter.id, function.map(|function| function.name), letter.body.len()))
    }
}

/// # Errors
/// No call can be seen to stand so.
fn check(state: Option<State>) -> Result<(), ViewError> {
    match state {
        Some(State::Queued | State::Running | State::Retrying) => Err(ViewError::NotVisible(NOT_VISIBLE)),
        Some(State::Accepted | State::Delivering | State::Delivered | State::Dead | State::Untold) | None => {
            Ok(())
        }
    }
}

fn check_act(act: Act) -> Result<(), ViewError> {
    match act {
        Act::Cancel => Err(ViewError::NotVisible(NOT_CANCELLED)),
        Act::Redrive | Act::Purge => Ok(()),
    }
}

/// What the ledger remembers of what happened.
fn entries(promise: &Promise) -> Vec<Entry> {
    let text = format!("its outcome must be here by {}", super::event::rfc3339(promise.overdue));
    let received = Entry { at: promise.accepted, what: What::Received, text };
    let failures = promise.failures.iter();
    let failures =
        failures.map(|failed| Entry { at: failed.at, what: What::Callback, text: failed.how.clone() });
    std::iter::once(received).chain(failures).collect()
}

const NOT_VISIBLE: &str =
    "queued and running calls are not visible on AWS: Lambda's own queue tells nobody what is in it";

const NOT_CANCELLED: &str = "calls cannot be cancelled on AWS: Lambda's own queue gives nothing back";

/// How long a dead letter is ours while it is looked at.
const HOLD: Duration = Duration::from_secs(60);

/// Asks all of SQS's servers, and not only some.
const POLL: Duration = Duration::from_secs(1);
