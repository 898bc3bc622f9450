//! The gates of all hosts that are being sent to.

use std::{collections::HashMap, time::SystemTime};

use super::{Asked, Attempted, HostGate, HostLimits};
use crate::callback::Origin;

/// One gate for each scheme, host and port. Those of which nothing need be remembered are forgotten.
#[derive(Debug, Default)]
pub struct HostGates {
    limits: HostLimits,
    by_origin: HashMap<Origin, HostGate>,
}

impl HostGates {
    pub fn new(limits: HostLimits) -> Self {
        Self { limits, by_origin: HashMap::new() }
    }

    /// Asks for one attempt; `again`: of a callback that failed before. With 8,192 hosts to which something is under way, a
    /// further one is [`Asked::Busy`].
    pub fn enter(&mut self, origin: &Origin, again: bool, now: SystemTime) -> Asked {
        if !self.by_origin.contains_key(origin) && !self.make_room(now) {
            return Asked::Busy { rounds: 0 };
        }
        self.by_origin.entry(origin.clone()).or_default().enter(&self.limits, again, now)
    }

    /// The end of an attempt that was let through. `jitter` is in 0.0..1.0.
    pub fn leave(&mut self, origin: &Origin, attempted: Attempted, now: SystemTime, jitter: f64) {
        if let Some(gate) = self.by_origin.get_mut(origin) {
            gate.leave(attempted, now, jitter);
        }
    }

    /// Callers choose the hosts: somebody who names thousands that fail must not keep others from theirs.
    fn make_room(&mut self, now: SystemTime) -> bool {
        if self.by_origin.len() >= MAX_HOSTS {
            self.by_origin.retain(|_, gate| !gate.is_at_rest(now));
        }
        if self.by_origin.len() >= MAX_HOSTS {
            let idle = self.by_origin.iter().filter_map(|(origin, gate)| Some((gate.idle_since()?, origin)));
            let Some((_, oldest)) = idle.min() else { return false };
            let oldest = oldest.clone();
            self.by_origin.remove(&oldest);
        }
        true
    }

    /// Every host that something is remembered of.
    pub fn iter(&self) -> impl Iterator<Item = (&Origin, &HostGate)> {
        self.by_origin.iter()
    }
}

/// Ours: some 3 MB.
const MAX_HOSTS: usize = 8_192;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{super::NoAnswer, *};

    fn origin(number: usize) -> Origin {
        Origin { https: true, host: format!("h{number}.example"), port: 443 }
    }

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000 + s)
    }

    #[test]
    fn a_host_that_hangs_is_none_of_anothers_business() {
        let mut gates = HostGates::default();
        for _ in 0..10 {
            assert_eq!(gates.enter(&origin(1), false, at(0)), Asked::Go);
        }
        assert_eq!(gates.enter(&origin(1), false, at(0)), Asked::Busy { rounds: 0 });
        assert_eq!(gates.enter(&origin(2), false, at(0)), Asked::Go);
        let http = Origin { https: false, port: 80, ..origin(1) };
        assert_eq!(gates.enter(&http, false, at(0)), Asked::Go);
    }

    #[test]
    fn hosts_at_rest_make_room_and_others_do_not() {
        let mut gates = HostGates::default();
        for number in 0..MAX_HOSTS {
            assert_eq!(gates.enter(&origin(number), false, at(0)), Asked::Go);
        }
        assert_eq!(gates.enter(&origin(MAX_HOSTS), false, at(0)), Asked::Busy { rounds: 0 });
        gates.leave(&origin(0), Attempted::NoAnswer(NoAnswer::Forbidden), at(0), 0.5);
        assert_eq!(gates.enter(&origin(MAX_HOSTS), false, at(0)), Asked::Go);
        assert_eq!(gates.iter().count(), MAX_HOSTS);
    }

    #[test]
    fn thousands_of_hosts_that_fail_keep_nobody_from_another() {
        let mut gates = HostGates::default();
        for number in 0..MAX_HOSTS {
            let now = at(u64::try_from(number).unwrap());
            assert_eq!(gates.enter(&origin(number), false, now), Asked::Go);
            gates.leave(&origin(number), Attempted::NoAnswer(NoAnswer::Unreachable), now, 0.5);
        }
        assert_eq!(gates.enter(&origin(MAX_HOSTS), false, at(10_000)), Asked::Go);
        let known = |number| gates.iter().any(|(known, _)| *known == origin(number));
        assert_eq!([known(0), known(1), known(MAX_HOSTS)], [false, true, true], "the oldest is forgotten");
    }
}
