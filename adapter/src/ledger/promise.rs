//! How a promised callback stands: what is remembered of it, and what each step makes of that. No clock and no storage.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use stayput_core::callback::LIFETIME;

use super::{Alarm, Cell};

/// A callback that was promised.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Promise {
    pub standing: Standing,
    /// As it lies in the event: sealed.
    pub ticket: String,
    #[serde(with = "milliseconds")]
    pub accepted: SystemTime,
    /// When the call's outcome should be here at the latest.
    #[serde(with = "milliseconds")]
    pub overdue: SystemTime,
    /// Posts that failed since it was accepted, or redriven.
    pub attempts: u32,
    /// Before that no post is tried.
    #[serde(with = "milliseconds::optional")]
    pub next_try: Option<SystemTime>,
    /// Lambda's own id of the call, by which the function's log is found.
    pub lambda_id: Option<String>,
    /// It was dead, and somebody had it begin anew.
    pub is_redriven: bool,
    /// The message whose record lies among the dead letters. Whoever sends that again makes another message of it.
    pub buried: Option<String>,
    /// The last ones, the latest at the end.
    pub failures: Vec<Failed>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Lambda is being asked; nobody was told that it was taken.
    Accepted,
    /// Lambda has it. Whether it waits or runs there is not visible.
    Invoked,
    /// Its outcome is here.
    Delivering,
    Delivered,
    Dead,
    /// It is over, and nothing was due.
    Untold,
}

/// Something that went wrong.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failed {
    #[serde(with = "milliseconds")]
    pub at: SystemTime,
    pub how: String,
}

impl Promise {
    /// A new one, that `ticket` stands for.
    pub fn new(ticket: String, accepted: SystemTime, patience: Duration) -> Self {
        let accepted = UNIX_EPOCH + Duration::from_millis(milliseconds::of(accepted));
        Self {
            standing: Standing::Accepted,
            ticket,
            accepted,
            overdue: accepted + patience,
            attempts: 0,
            next_try: None,
            lambda_id: None,
            is_redriven: false,
            buried: None,
            failures: Vec::new(),
        }
    }

    /// Lambda has taken the call. Its outcome may be here before the word of that.
    pub fn invoked(&mut self, lambda_id: Option<String>) {
        self.lambda_id = lambda_id.or_else(|| self.lambda_id.take());
        if self.standing == Standing::Accepted {
            self.standing = Standing::Invoked;
        }
    }

    /// A post failed; there is another at `next`.
    pub fn failed(&mut self, how: String, now: SystemTime, next: SystemTime) {
        if self.standing == Standing::Delivered {
            return;
        }
        if self.standing == Standing::Dead {
            self.begin_anew();
        }
        self.standing = Standing::Delivering;
        self.attempts = self.attempts.saturating_add(1);
        self.next_try = Some(next);
        self.remember(how, now);
    }

    /// Nothing more is tried, and its record, which was this message, lies where it is seen.
    pub fn buried(&mut self, reason: String, message: Option<&str>, now: SystemTime) {
        self.end(Standing::Dead);
        if self.standing == Standing::Dead {
            self.buried = message.map(str::to_owned);
            self.remember(reason, now);
        }
    }

    pub fn delivered(&mut self) {
        self.end(Standing::Delivered);
    }

    /// It is over, and its caller is not to be told.
    pub fn untold(&mut self) {
        self.end(Standing::Untold);
    }

    /// No outcome came; one of ours is on its way.
    pub fn missed(&mut self, how: &str, now: SystemTime) {
        if matches!(self.standing, Standing::Accepted | Standing::Invoked) {
            self.standing = Standing::Delivering;
            self.remember(how.to_owned(), now);
        }
    }

    /// A dead one is sent again, with as many attempts as at first.
    pub fn redriven(&mut self) {
        if self.standing == Standing::Dead {
            self.begin_anew();
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers")
    }

    /// `None`: not written by [`encode`](Self::encode).
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(super) fn cell(&self) -> Cell {
        // A redriven one is tried for as long as its ticket counts.
        Cell { bytes: self.encode().into(), expires: self.overdue + LIFETIME, alarm: self.alarm() }
    }

    /// Somebody looks for those whose outcome is not here.
    pub(super) fn alarm(&self) -> Alarm {
        match self.standing {
            Standing::Accepted | Standing::Invoked => Alarm::Set(self.overdue),
            Standing::Delivering | Standing::Delivered | Standing::Dead | Standing::Untold => {
                Alarm::Cleared(self.overdue)
            }
        }
    }

    /// What was delivered stays so: a second outcome of the same call changes nothing.
    fn end(&mut self, end: Standing) {
        if self.standing != Standing::Delivered {
            self.standing = end;
            self.next_try = None;
        }
    }

    fn begin_anew(&mut self) {
        self.standing = Standing::Delivering;
        self.attempts = 0;
        self.next_try = None;
        self.is_redriven = true;
    }

    fn remember(&mut self, how: String, at: SystemTime) {
        if self.failures.len() == MAX_FAILURES {
            self.failures.remove(0);
        }
        self.failures.push(Failed { at, how });
    }
}

/// Since 1970.
mod milliseconds {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn of(time: SystemTime) -> u64 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(of(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        read(u64::deserialize(deserializer)?)
    }

    fn read<E: serde::de::Error>(ms: u64) -> Result<SystemTime, E> {
        UNIX_EPOCH.checked_add(Duration::from_millis(ms)).ok_or_else(|| E::custom("beyond all time"))
    }

    pub(super) mod optional {
        use super::{Deserializer, Serializer, SystemTime, of, read};

        pub(crate) fn serialize<S: Serializer>(
            time: &Option<SystemTime>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.serialize_some(&of(*time)),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<SystemTime>, D::Error> {
            use serde::Deserialize as _;
            Option::<u64>::deserialize(deserializer)?.map(read).transpose()
        }
    }
}

/// Of one promise. Source: security-and-delivery.md 2.4.
const MAX_FAILURES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000 + s)
    }

    fn fresh() -> Promise {
        Promise::new("ticket".to_owned(), at(0), Duration::from_secs(60))
    }

    #[test]
    fn somebody_looks_for_a_promise_until_its_outcome_is_here() {
        let mut promise = fresh();
        assert_eq!(promise.alarm(), Alarm::Set(at(60)));
        promise.invoked(None);
        assert_eq!((promise.standing, promise.alarm()), (Standing::Invoked, Alarm::Set(at(60))));
        promise.failed("503".to_owned(), at(5), at(10));
        assert_eq!(
            (promise.standing, promise.alarm(), promise.attempts, promise.next_try),
            (Standing::Delivering, Alarm::Cleared(at(60)), 1, Some(at(10)))
        );
        promise.delivered();
        assert_eq!((promise.standing, promise.next_try), (Standing::Delivered, None));
    }

    #[test]
    fn nothing_changes_what_was_delivered() {
        let mut promise = fresh();
        promise.delivered();
        let delivered = promise.clone();
        promise.invoked(None);
        promise.failed("503".to_owned(), at(5), at(10));
        promise.buried("gone".to_owned(), Some("m1"), at(6));
        promise.untold();
        promise.missed("late", at(7));
        promise.redriven();
        assert_eq!(promise, delivered);
    }

    #[test]
    fn an_outcome_may_be_here_before_the_word_that_lambda_has_the_call() {
        let mut promise = fresh();
        promise.failed("503".to_owned(), at(1), at(5));
        promise.invoked(None);
        assert_eq!(promise.standing, Standing::Delivering);
    }

    #[test]
    fn a_dead_one_begins_anew_whoever_sends_it_again() {
        let mut promise = fresh();
        promise.failed("503".to_owned(), at(1), at(5));
        promise.buried("all 12 attempts failed".to_owned(), Some("m1"), at(2));
        assert_eq!((promise.standing, promise.next_try), (Standing::Dead, None));
        assert_eq!(promise.buried.as_deref(), Some("m1"));
        let mut by_us = promise.clone();
        by_us.redriven();
        assert_eq!((by_us.standing, by_us.attempts), (Standing::Delivering, 0));
        // The queue's own redrive tells us nothing.
        promise.failed("503".to_owned(), at(3), at(8));
        assert_eq!((promise.standing, promise.attempts), (Standing::Delivering, 1));
        assert!(promise.is_redriven && by_us.is_redriven);
    }

    #[test]
    fn the_last_failures_are_remembered() {
        let mut promise = fresh();
        for n in 0..9 {
            promise.failed(n.to_string(), at(n), at(n + 1));
        }
        let how: Vec<_> = promise.failures.iter().map(|failed| failed.how.as_str()).collect();
        assert_eq!((how, promise.attempts), (vec!["4", "5", "6", "7", "8"], 9));
    }

    #[test]
    fn a_promise_is_read_as_it_was_written() {
        let mut promise = fresh();
        assert_eq!(Promise::decode(&promise.encode()), Some(promise.clone()));
        promise.failed("503".to_owned(), at(1), at(5));
        assert_eq!(Promise::decode(&promise.encode()), Some(promise.clone()));
        // As it was written before it was remembered which message was buried.
        let mut older: serde_json::Value = serde_json::from_slice(&promise.encode()).unwrap();
        older.as_object_mut().unwrap().remove("buried").unwrap();
        assert_eq!(Promise::decode(older.to_string().as_bytes()), Some(promise));
        assert_eq!(Promise::decode(b"{}"), None);
    }
}
