//! What the world is told, against what it knows.

use std::time::Duration;

use event_queue::{
    Answer, Claim, Leased, Refusal, Standing, State,
    engine::Reply,
    store::{Owner, Tallies},
};

use super::{DELIVERIES, EVENTS, Hand, Meaning, World, check, ledger};
use crate::model::double::Image;

impl World {
    pub(super) fn acknowledged(&mut self, meaning: Meaning, reply: Reply) -> Result<(), String> {
        match (meaning, reply) {
            (Meaning::Put(address), Reply::Batch(answers)) => {
                let facts = self.facts.get_mut(&address).expect("remembered when it was put");
                facts.put = true;
                self.report.puts += u64::from(answers == [Answer::Done]);
                Ok(())
            }
            (Meaning::Lease(ask), Reply::Leased(leased)) => {
                check(leased.len() <= ask.rows, || format!("{} rows for an {ask:?}", leased.len()))?;
                leased.iter().try_for_each(|leased| self.leased(leased, ask.span))
            }
            (Meaning::Succeed { claim, next }, Reply::Batch(_)) => {
                self.let_go(&claim);
                self.fact(&claim.address).done = true;
                self.report.done += 1;
                if let Some(next) = next {
                    self.fact(&next).put = true;
                }
                Ok(())
            }
            (Meaning::Keep(claim), Reply::Batch(_)) => {
                self.let_go(&claim);
                Ok(())
            }
            (Meaning::Extend { claim, span }, Reply::Batch(_)) => {
                let until = self.now + span;
                self.hands.iter_mut().filter(|hand| hand.claim == claim).for_each(|hand| hand.until = until);
                Ok(())
            }
            (Meaning::GiveUp(claim), Reply::Batch(_)) => {
                self.let_go(&claim);
                self.fact(&claim.address).may_die = true;
                self.report.dead += 1;
                Ok(())
            }
            (Meaning::Cancel(address), Reply::Batch(_)) => {
                self.fact(&address).done = true;
                Ok(())
            }
            (Meaning::Redrive(address), Reply::Batch(_)) => {
                check(self.fact(&address).may_die, || format!("{address} was never dead, and is redriven"))
            }
            (Meaning::Count { .. }, Reply::Batch(_)) => Ok(()),
            (Meaning::Stale, Reply::Batch(_)) => Err("a lost lease was still good".to_owned()),
            (meaning, reply) => Err(format!("{meaning:?} was answered {reply:?}")),
        }
    }

    fn leased(&mut self, leased: &Leased, span: Duration) -> Result<(), String> {
        let address = leased.row.address.clone();
        let (now, until) = (self.now, self.now + span);
        let facts = self.facts.get(&address).ok_or_else(|| format!("{address} was never put"))?;
        check(!facts.done, || format!("{address} is done, and handed out"))?;
        check(leased.content.payload == facts.payload, || format!("{address} has another payload"))?;
        check(leased.row.state == State::Leased { until }, || format!("{address} is not leased"))?;
        check(leased.row.expires.is_none_or(|expires| now < expires), || format!("{address} has expired"))?;
        let held = self.hands.iter().find(|hand| hand.claim.address == address);
        check(held.is_none_or(|hand| hand.until <= now), || format!("{address} is leased twice"))?;
        if let Some(hand) = held {
            check(hand.claim.lease < leased.row.leases, || format!("{address}: lease numbers go back"))?;
        }
        self.let_go_of(&address);
        self.hands.push(Hand { claim: leased.claim(), until });
        Ok(())
    }

    /// Which refusals are right? Those of space and locks always; those of a row only if the world cannot rule them out.
    pub(super) fn refused(&mut self, meaning: &Meaning, refusal: &Refusal) -> Result<(), String> {
        self.report.refusals += 1;
        let now = self.now;
        let is_held = |claim: &Claim| self.hands.iter().any(|hand| hand.claim == *claim && now < hand.until);
        match (meaning, refusal) {
            (_, Refusal::DiskFull | Refusal::Locked) => Ok(()),
            (Meaning::Stale | Meaning::Cancel(_) | Meaning::Redrive(_), _) => Ok(()),
            (Meaning::Count { before }, Refusal::Condition(_)) => {
                check(self.counter() != *before, || "the count is as expected, and was refused".to_owned())
            }
            (
                Meaning::Succeed { claim, .. }
                | Meaning::Keep(claim)
                | Meaning::Extend { claim, .. }
                | Meaning::GiveUp(claim),
                Refusal::Misfit { .. } | Refusal::NoSuchRow(_),
            ) => {
                check(!is_held(claim), || format!("{claim:?} is held, and was refused: {refusal}"))?;
                self.let_go(claim);
                Ok(())
            }
            (meaning, refusal) => Err(format!("{meaning:?} was refused: {refusal}")),
        }
    }

    pub(super) fn in_doubt(&mut self, meaning: &Meaning) {
        match meaning {
            Meaning::Succeed { claim, .. } => self.fact(&claim.address).maybe_done = true,
            Meaning::Cancel(address) => self.fact(address).maybe_done = true,
            Meaning::GiveUp(claim) => self.fact(&claim.address).may_die = true,
            Meaning::Put(_)
            | Meaning::Lease(_)
            | Meaning::Keep(_)
            | Meaning::Extend { .. }
            | Meaning::Redrive(_)
            | Meaning::Stale
            | Meaning::Count { .. } => {}
        }
    }

    /// Everything that is on the disk against everything that the world was told.
    pub(super) fn inspect(&mut self, image: &Image) -> Result<(), String> {
        let mut tallies = Tallies::new();
        for (row, content) in image.rows.values() {
            let address = &row.address;
            let facts = self.facts.get(address).ok_or_else(|| format!("{address} was never put"))?;
            check(!facts.done, || format!("{address} is done, and there"))?;
            check(content.payload == facts.payload, || format!("{address} has another payload"))?;
            if let State::Dead { reason, .. } = &row.state {
                check(facts.may_die && !reason.as_str().is_empty(), || format!("{address} died of nothing"))?;
            }
            let tally = tallies.entry(Owner::Queue(address.queue.clone())).or_default();
            match row.standing() {
                Standing::Waiting => tally.waiting += 1,
                Standing::Leased => tally.leased += 1,
                Standing::Dead => tally.dead += 1,
            }
            tally.bytes += row.size_bytes;
        }
        let queues = image.tallies.iter().filter(|(owner, _)| **owner != Owner::Values);
        check(queues.eq(&tallies), || format!("tallies {:?} for {tallies:?}", image.tallies))?;
        let ends: Vec<_> =
            self.facts.iter().map(|(address, facts)| (address.clone(), facts.clone())).collect();
        for (address, facts) in ends {
            let is_there = image.rows.contains_key(&address);
            let has_succeeded = image.values.contains_key(&ledger(&address));
            let may_be_gone = facts.done || facts.maybe_done || !facts.put;
            check(is_there || may_be_gone, || format!("{address} was acknowledged, and is lost"))?;
            check(!(is_there && has_succeeded), || {
                format!("{address} is there, and its ledger says it succeeded")
            })?;
            // What was in doubt is known now. Where a put and an end were, the ledger tells whether both were lost.
            let event = super::address(EVENTS, address.id.as_str());
            let was_put = address.queue.as_str() == DELIVERIES && image.values.contains_key(&ledger(&event));
            let fact = self.fact(&address);
            fact.put |= is_there;
            fact.done |= fact.maybe_done && !is_there && (fact.put || was_put);
            fact.maybe_done = false;
            if address.queue.as_str() == EVENTS && has_succeeded {
                let delivery = super::address(DELIVERIES, address.id.as_str());
                let facts = self.fact(&delivery);
                let is_somewhere = image.rows.contains_key(&delivery) || facts.done || facts.maybe_done;
                check(is_somewhere, || format!("{delivery} is missing, and its event is done"))?;
            }
        }
        Ok(())
    }
}
