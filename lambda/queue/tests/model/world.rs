//! Callers put events, workers run them and put deliveries, a deliverer posts these; processes die and disks fail.
//!
//! The world believes only what it was answered, and checks what it sees against that: what was acknowledged is there or
//! has ended; what has ended never comes back; nothing appears that nobody put; nobody holds what another holds.

mod judge;

use std::{collections::BTreeMap, time::Duration};

use event_queue::{
    Address, Ask, Batch, Claim, Content, Error, Key, Limits, Moment, NewRow, Pause, QueueName, Refusal,
    RowId, Slot, Value, When,
    engine::{Engine, Reply, Request},
};

use super::{
    double::{Double, Fate, Image},
    random::Random,
};

/// What a history was like; the same for the same seed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Report {
    pub(crate) puts: u64,
    pub(crate) done: u64,
    pub(crate) dead: u64,
    pub(crate) restarts: u64,
    pub(crate) refusals: u64,
    pub(crate) commits: u64,
}

/// A history, from one seed. `lies`: the store says that commits are durable that are not.
///
/// # Errors
/// What was wrong, and when.
pub(crate) fn history(seed: u64, lies: bool) -> Result<Report, String> {
    let mut world = World::new(seed, lies);
    let steps = 30 + world.random.below(90);
    for step in 0..steps {
        world.step().map_err(|what| format!("seed {seed}, step {step}: {what}"))?;
    }
    world.end().map_err(|what| format!("seed {seed}, at the end: {what}"))?;
    Ok(world.report)
}

struct World {
    random: Random,
    now: Moment,
    engine: Option<Engine<Double>>,
    lies: bool,
    facts: BTreeMap<Address, Facts>,
    hands: Vec<Hand>,
    /// Claims of leases that are over, to be used in vain.
    stale: Vec<Claim>,
    /// What the current group may end: an id is free again behind its end, and the world puts no id twice.
    ending: Vec<Address>,
    next_id: u64,
    report: Report,
}

/// What the world was told of a row. `maybe_…`: it was asked for, and the answer never came.
#[derive(Clone, Debug, Default)]
struct Facts {
    payload: String,
    put: bool,
    done: bool,
    maybe_done: bool,
    may_die: bool,
}

/// A row in a worker's hands.
#[derive(Clone, Debug)]
struct Hand {
    claim: Claim,
    until: Moment,
}

/// What a request will have meant, if it was acknowledged.
#[derive(Clone, Debug)]
enum Meaning {
    Put(Address),
    Lease(Ask),
    Succeed { claim: Claim, next: Option<Address> },
    Keep(Claim),
    Extend { claim: Claim, span: Duration },
    GiveUp(Claim),
    Cancel(Address),
    Redrive(Address),
    Stale,
    Count { before: Option<u64> },
}

impl World {
    fn new(seed: u64, lies: bool) -> Self {
        let mut world = Self {
            random: Random::new(seed),
            now: Moment::from_millis(1_700_000_000_000),
            engine: None,
            lies,
            facts: BTreeMap::new(),
            hands: Vec::new(),
            stale: Vec::new(),
            ending: Vec::new(),
            next_id: 0,
            report: Report::default(),
        };
        world.start(Image::default()).expect("an empty store opens");
        world
    }

    fn step(&mut self) -> Result<(), String> {
        self.now = self.now + Duration::from_millis(self.random.below(3_000));
        if self.random.percent(1) {
            self.now = self.now + Duration::from_secs(self.random.below(86_400));
        }
        let fate = self.fate();
        self.set_fate(fate);
        self.ending.clear();
        let group: Vec<_> = (0..=self.random.below(6)).map(|_| self.request()).collect();
        let requests: Vec<_> = group.iter().map(|(request, _)| request.clone()).collect();
        let replies = self.engine_run(&requests);
        // A process that dies here has written its answers nowhere.
        let dies = self.random.percent(4);
        for ((_, meaning), reply) in group.into_iter().zip(replies) {
            match reply {
                Ok(reply) if !dies => self.acknowledged(meaning, reply)?,
                Err(Error::Refused(refusal)) if !dies => self.refused(&meaning, &refusal)?,
                Ok(_) | Err(Error::Uncertain(_)) => self.in_doubt(&meaning),
                Err(Error::Refused(_) | Error::Stopped(_)) => {}
            }
        }
        self.chores()?;
        let stopped = self.engine.as_ref().is_some_and(|engine| engine.stopped().is_some());
        if dies || stopped || self.random.percent(2) { self.restart() } else { Ok(()) }
    }

    fn fate(&mut self) -> Fate {
        match self.random.below(100) {
            0..3 => Fate::NoSpace,
            3..5 => Fate::Locked,
            5..7 => Fate::Lost,
            7..9 => Fate::Kept,
            9 => Fate::Early,
            10..20 if self.lies => Fate::Lie,
            _ => Fate::Fine,
        }
    }

    fn request(&mut self) -> (Request, Meaning) {
        let hand = self.random.below(self.hands.len().max(1) as u64);
        let hand = self.hands.get(usize::try_from(hand).unwrap()).cloned();
        match (self.random.below(20), hand) {
            (0..5, _) => self.put(),
            (5..8, _) => self.lease(EVENTS),
            (8..10, _) => self.lease(DELIVERIES),
            (10..13, Some(hand)) => self.succeed(hand.claim),
            (13, Some(hand)) => {
                let pause = self.pause();
                (batch(Batch::new().fail(&hand.claim, "it failed", pause)), Meaning::Keep(hand.claim))
            }
            (14, Some(hand)) => {
                let pause = self.pause();
                (batch(Batch::new().release(&hand.claim, pause)), Meaning::Keep(hand.claim))
            }
            (15, Some(hand)) => {
                let span = Duration::from_millis(self.random.below(20_000));
                let request = batch(Batch::new().extend(&hand.claim, span));
                (request, Meaning::Extend { claim: hand.claim, span })
            }
            (16, Some(hand)) => {
                let request = batch(Batch::new().give_up(&hand.claim, "it never worked"));
                (request, Meaning::GiveUp(hand.claim))
            }
            (17, _) => self.cancel_or_redrive(),
            (18, _) if !self.stale.is_empty() => {
                let claim = self.random.pick(&self.stale).expect("not empty").clone();
                (batch(Batch::new().succeed(&claim)), Meaning::Stale)
            }
            _ => self.count(),
        }
    }

    fn put(&mut self) -> (Request, Meaning) {
        let again = self.random.percent(15);
        let open = self.facts.iter().filter(|(address, facts)| {
            let ends = facts.done || facts.maybe_done || self.ending.contains(address);
            address.queue.as_str() == EVENTS && facts.put && !ends
        });
        let living: Vec<_> = open.map(|(address, _)| address.clone()).collect();
        let address = match self.random.pick(&living) {
            Some(address) if again => address.clone(),
            Some(_) | None => {
                self.next_id += 1;
                address(EVENTS, &format!("e{}", self.next_id))
            }
        };
        let key = Key::parse(["", "a", "b", "c"][usize::try_from(self.random.below(4)).unwrap()]).unwrap();
        let expires_in =
            self.random.percent(20).then(|| Duration::from_millis(1 + self.random.below(30_000)));
        let facts = self.facts.entry(address.clone()).or_default();
        facts.payload = format!("payload of {}", address.id.as_str());
        facts.may_die |= expires_in.is_some();
        let content = Content::payload(facts.payload.clone());
        let pause = self.pause();
        let row = NewRow { key, pause, expires_in, ..new_row(&address, content) };
        (batch(Batch::new().put(row)), Meaning::Put(address))
    }

    fn lease(&mut self, queue: &str) -> (Request, Meaning) {
        let rows = 1 + usize::try_from(self.random.below(4)).unwrap();
        let span = Duration::from_millis(1 + self.random.below(20_000));
        let ask = Ask { queue: QueueName::parse(queue).unwrap(), rows, span };
        (Request::Lease(ask.clone()), Meaning::Lease(ask))
    }

    /// An event's success is one batch: it is done, its delivery waits, and the ledger knows.
    fn succeed(&mut self, claim: Claim) -> (Request, Meaning) {
        self.ending.push(claim.address.clone());
        let mut change = Batch::new().succeed(&claim);
        let mut next = None;
        if claim.address.queue.as_str() == EVENTS {
            let delivery = address(DELIVERIES, claim.address.id.as_str());
            let facts = self.facts.entry(delivery.clone()).or_default();
            facts.payload = format!("result of {}", claim.address.id.as_str());
            let content = Content::payload(facts.payload.clone());
            let value = Value { bytes: "invoked".into(), expires: None };
            change = change.put(new_row(&delivery, content)).set(ledger(&claim.address), value, When::Absent);
            next = Some(delivery);
        }
        (batch(change), Meaning::Succeed { claim, next })
    }

    fn cancel_or_redrive(&mut self) -> (Request, Meaning) {
        let known: Vec<_> = self.facts.keys().cloned().collect();
        let address = self.random.pick(&known).cloned().unwrap_or_else(|| address(EVENTS, "none"));
        if self.random.percent(60) {
            let request = batch(Batch::new().redrive(address.clone(), self.pause(), None));
            (request, Meaning::Redrive(address))
        } else {
            self.ending.push(address.clone());
            (batch(Batch::new().cancel(address.clone())), Meaning::Cancel(address))
        }
    }

    /// Counts one up, if nobody else did.
    fn count(&mut self) -> (Request, Meaning) {
        let before = self.counter();
        let when = before.map_or(When::Absent, |count| When::Equals(count.to_string().into()));
        let value = Value { bytes: before.map_or(0, |count| count + 1).to_string().into(), expires: None };
        (batch(Batch::new().set(counter_slot(), value, when)), Meaning::Count { before })
    }

    fn chores(&mut self) -> Result<(), String> {
        let Some(engine) = &mut self.engine else { return Ok(()) };
        let (now, random) = (self.now, &mut self.random);
        if engine.next_chore().is_some_and(|chore| chore <= now) && engine.stopped().is_none() {
            match engine.chores(now, &mut || random.fraction()) {
                Ok(()) | Err(Error::Refused(Refusal::DiskFull | Refusal::Locked) | Error::Uncertain(_)) => {}
                Err(Error::Stopped(_)) => {}
                Err(error) => return Err(format!("chores: {error}")),
            }
        }
        Ok(())
    }

    /// The process dies and another begins, perhaps with another idea of the time.
    fn restart(&mut self) -> Result<(), String> {
        self.report.restarts += 1;
        let engine = self.engine.take().expect("there is always one");
        self.report.commits += engine.commits();
        let image = engine.into_store().durable();
        for hand in std::mem::take(&mut self.hands) {
            self.stale.push(hand.claim);
        }
        if self.random.percent(20) {
            self.now = self.now.before(Duration::from_secs(self.random.below(86_400)));
        }
        self.now = self.now.max(image.last_moment);
        self.inspect(&image)?;
        self.start(image)
    }

    fn start(&mut self, image: Image) -> Result<(), String> {
        let (now, random) = (self.now, &mut self.random);
        let engine =
            Engine::open(Double::restarted(image), Limits::default(), now, &mut || random.fraction());
        self.engine = Some(engine.map_err(|failure| failure.to_string())?);
        Ok(())
    }

    /// With a whole disk and willing workers, everything that was acknowledged ends.
    fn end(&mut self) -> Result<(), String> {
        self.restart()?;
        for _ in 0..1_000 {
            self.now = self.now + Duration::from_secs(30);
            let mut requests = vec![self.lease(EVENTS), self.lease(DELIVERIES)];
            let hands = self.hands.clone();
            requests.extend(hands.into_iter().map(|hand| self.succeed(hand.claim)));
            let group: Vec<_> = requests.iter().map(|(request, _)| request.clone()).collect();
            for ((_, meaning), reply) in requests.into_iter().zip(self.engine_run(&group)) {
                match reply {
                    Ok(reply) => self.acknowledged(meaning, reply)?,
                    Err(Error::Refused(refusal)) => self.refused(&meaning, &refusal)?,
                    Err(error) => return Err(error.to_string()),
                }
            }
            self.chores()?;
            let [events, deliveries] = [EVENTS, DELIVERIES].map(|queue| QueueName::parse(queue).unwrap());
            let engine = self.engine.as_ref().expect("there is always one");
            let open = |queue| engine.tally(queue).waiting + engine.tally(queue).leased;
            if open(&events) + open(&deliveries) == 0 {
                return self.restart();
            }
        }
        Err("the backlog never ends".to_owned())
    }

    fn engine_run(&mut self, requests: &[Request]) -> Vec<Result<Reply, Error>> {
        let (now, random) = (self.now, &mut self.random);
        self.engine.as_mut().expect("there is always one").run(requests, now, &mut || random.fraction())
    }

    fn set_fate(&mut self, fate: Fate) {
        self.engine.as_mut().expect("there is always one").store_mut().fate = fate;
    }

    fn counter(&self) -> Option<u64> {
        let image = self.engine.as_ref().expect("there is always one").store().image();
        let value = image.values.get(&counter_slot())?;
        Some(std::str::from_utf8(&value.bytes).unwrap().parse().unwrap())
    }

    fn pause(&mut self) -> Pause {
        let [at_least, spread] = [5_000, 2_000].map(|end| Duration::from_millis(self.random.below(end)));
        Pause { at_least, spread }
    }

    fn fact(&mut self, address: &Address) -> &mut Facts {
        self.facts.entry(address.clone()).or_default()
    }

    fn let_go(&mut self, claim: &Claim) {
        self.hands.retain(|hand| hand.claim != *claim);
        self.stale.push(claim.clone());
    }

    fn let_go_of(&mut self, address: &Address) {
        let lost = |hand: &Hand| hand.claim.address == *address;
        self.stale.extend(self.hands.iter().filter(|hand| lost(hand)).map(|hand| hand.claim.clone()));
        self.hands.retain(|hand| !lost(hand));
    }
}

fn batch(batch: Batch) -> Request {
    Request::Batch(batch)
}

fn address(queue: &str, id: &str) -> Address {
    Address { queue: QueueName::parse(queue).unwrap(), id: RowId::parse(id).unwrap() }
}

fn new_row(address: &Address, content: Content) -> NewRow {
    NewRow::new(address.queue.clone(), address.id.clone(), content)
}

fn ledger(address: &Address) -> Slot {
    Slot::parse("ledger", &address.to_string()).unwrap()
}

fn counter_slot() -> Slot {
    Slot::parse("counter", "one").unwrap()
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

const EVENTS: &str = "events";
const DELIVERIES: &str = "deliveries";
