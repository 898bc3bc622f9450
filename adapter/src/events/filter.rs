//! Which events are meant, as the query of a URL says it.

use std::{collections::BTreeMap, time::SystemTime};

use event_queue::{Moment, Row, Standing};
use jiff::Timestamp;

use super::{Event, Place, Queue, State};

/// Which events are meant. What is `None` does not matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    pub state: Option<State>,
    /// Lambda's name or the caller's.
    pub function: Option<String>,
    /// To which the callback goes.
    pub host: Option<String>,
    /// In its queue since then or later.
    pub since: Option<SystemTime>,
    /// In its queue since before then.
    pub until: Option<SystemTime>,
}

/// What cannot be understood, for whoever asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FilterError {
    #[error("the state {0:?} is unknown; known: {known}", known = State::ALL.map(State::as_str).join(", "))]
    State(String),
    #[error("{0:?} is not a moment; write e.g. 2026-01-31T12:00:00Z")]
    Moment(String),
}

impl Filter {
    /// Takes its own words out of a `query`.
    ///
    /// # Errors
    /// The first value that cannot be understood.
    pub fn take(query: &mut BTreeMap<String, String>) -> Result<Self, FilterError> {
        let state = query.remove("state").map(|word| State::parse(&word).ok_or(FilterError::State(word)));
        let mut time = |name| query.remove(name).map(|text| moment(&text)).transpose();
        let (since, until) = (time("since")?, time("until")?);
        let (function, host) = (query.remove("function"), query.remove("host"));
        Ok(Self { state: state.transpose()?, function, host, since, until })
    }

    /// The query that [`take`](Self::take) reads.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let time = |moment: Option<SystemTime>| moment.map(super::event::rfc3339);
        let pairs = [
            ("state", self.state.map(|state| state.as_str().to_owned())),
            ("function", self.function.clone()),
            ("host", self.host.clone()),
            ("since", time(self.since)),
            ("until", time(self.until)),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Can there be any that are meant?
    pub(super) fn reaches(&self, place: Place) -> bool {
        self.state.is_none_or(|state| match state {
            State::Queued | State::Retrying => place.is(Queue::Lambda, Standing::Waiting),
            State::Running => place.is(Queue::Lambda, Standing::Leased),
            State::Delivering => place.queue == Queue::Callbacks && place.standing != Standing::Dead,
            State::Dead => place.standing == Standing::Dead,
            // What is over is not kept here.
            State::Accepted | State::Delivered | State::Untold => false,
        })
    }

    /// What can be said without its content.
    pub(super) fn takes_row(&self, row: &Row) -> bool {
        self.since.is_none_or(|since| Moment::from(since) <= row.created)
            && self.until.is_none_or(|until| row.created < Moment::from(until))
    }

    #[cfg(feature = "aws")]
    pub(super) fn takes_time(&self, moment: SystemTime) -> bool {
        self.since.is_none_or(|since| since <= moment) && self.until.is_none_or(|until| moment < until)
    }

    pub(super) fn takes(&self, event: &Event) -> bool {
        let callback = event.callback.as_ref();
        let is_function =
            |name: &str| name == event.function || callback.is_some_and(|callback| name == callback.function);
        let is_host = |host: &str| callback.is_some_and(|callback| host.eq_ignore_ascii_case(&callback.host));
        self.state.is_none_or(|state| state == event.state)
            && self.function.as_deref().is_none_or(is_function)
            && self.host.as_deref().is_none_or(is_host)
    }
}

impl Place {
    fn is(self, queue: Queue, standing: Standing) -> bool {
        self == Self { queue, standing }
    }
}

/// RFC 3339, with an offset.
///
/// # Errors
/// It is something else.
pub fn moment(text: &str) -> Result<SystemTime, FilterError> {
    let moment = text.parse::<Timestamp>().map_err(|_| FilterError::Moment(text.to_owned()))?;
    Ok(moment.into())
}
