//! A store in memory that fails as it is told, and knows what a restart would find.

use std::collections::BTreeMap;

use event_queue::{
    Address, Content, Failure, Key, Moment, QueueName, Row, Slot, Standing, State, Value,
    store::{Owner, Store, Tallies, Tally},
};

/// What the disk knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub(crate) rows: BTreeMap<Address, (Row, Content)>,
    pub(crate) values: BTreeMap<Slot, Value>,
    pub(crate) tallies: Tallies,
    pub(crate) last_moment: Moment,
}

/// What becomes of the next commits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fate {
    #[default]
    Fine,
    /// While the reserve is held, nothing fits.
    NoSpace,
    Locked,
    /// An I/O error, and the commit is not there after a restart.
    Lost,
    /// An I/O error, and the commit is there after a restart.
    Kept,
    /// An I/O error before the commit.
    Early,
    /// Success is said, and it is not there after a restart: what a store must never do.
    Lie,
}

#[derive(Debug, Default)]
pub(crate) struct Double {
    image: Image,
    /// How to get back to before the transaction.
    undo: Vec<Undo>,
    /// How to get back to before the first lie.
    lies: Vec<Undo>,
    in_transaction: bool,
    pub(crate) fate: Fate,
    reserve: bool,
}

/// What was there before.
#[derive(Debug)]
enum Undo {
    Row(Address, Option<(Row, Content)>),
    Value(Slot, Option<Value>),
    Tally(Owner, Option<Tally>),
    Moment(Moment),
}

impl Double {
    pub(crate) fn restarted(image: Image) -> Self {
        Self { image, ..Self::default() }
    }

    /// What is there, between transactions.
    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// What a restart finds.
    pub(crate) fn durable(mut self) -> Image {
        take_back(&mut self.image, &mut self.lies);
        self.image
    }

    fn put_row(&mut self, address: &Address, row: Option<(Row, Content)>) -> Option<(Row, Content)> {
        let before = replace(&mut self.image.rows, address, row);
        self.undo.push(Undo::Row(address.clone(), before.clone()));
        before
    }

    fn write_fails(&self) -> Result<(), Failure> {
        assert!(self.in_transaction, "writes happen in transactions");
        match self.fate {
            Fate::Early => Err(broken()),
            Fate::Fine | Fate::NoSpace | Fate::Locked | Fate::Lost | Fate::Kept | Fate::Lie => Ok(()),
        }
    }

    fn by_due(&self, fits: impl Fn(&Row) -> bool, limit: usize) -> Vec<Address> {
        let mut found: Vec<_> =
            self.image.rows.values().map(|(row, _)| row).filter(|row| fits(row)).collect();
        found.sort_by_key(|row| row.due());
        found.into_iter().take(limit).map(|row| row.address.clone()).collect()
    }
}

impl Store for Double {
    fn begin(&mut self) -> Result<(), Failure> {
        assert!(!self.in_transaction, "one transaction at a time");
        if self.fate == Fate::Locked {
            return Err(Failure::Locked);
        }
        self.in_transaction = true;
        Ok(())
    }

    fn commit(&mut self, now: Moment) -> Result<(), Failure> {
        self.in_transaction = false;
        self.undo.push(Undo::Moment(self.image.last_moment));
        self.image.last_moment = now;
        let (is_kept, answer) = match self.fate {
            Fate::NoSpace if self.reserve => (false, Err(Failure::NoSpace)),
            Fate::Fine | Fate::NoSpace | Fate::Locked | Fate::Lie => (true, Ok(())),
            Fate::Kept => (true, Err(broken())),
            Fate::Lost | Fate::Early => (false, Err(broken())),
        };
        if !is_kept {
            take_back(&mut self.image, &mut self.undo);
        } else if self.fate == Fate::Lie || !self.lies.is_empty() {
            self.lies.append(&mut self.undo);
        }
        self.undo.clear();
        answer
    }

    fn roll_back(&mut self) {
        self.in_transaction = false;
        take_back(&mut self.image, &mut self.undo);
    }

    fn row(&mut self, address: &Address) -> Result<Option<Row>, Failure> {
        Ok(self.image.rows.get(address).map(|(row, _)| row.clone()))
    }

    fn content(&mut self, address: &Address) -> Result<Content, Failure> {
        Ok(self.image.rows[address].1.clone())
    }

    fn add(&mut self, row: &Row, content: &Content) -> Result<(), Failure> {
        self.write_fails()?;
        let before = self.put_row(&row.address, Some((row.clone(), content.clone())));
        assert_eq!(before, None, "a row is added once");
        Ok(())
    }

    fn write(&mut self, row: &Row) -> Result<(), Failure> {
        self.write_fails()?;
        let content = self.image.rows[&row.address].1.clone();
        self.put_row(&row.address, Some((row.clone(), content)));
        Ok(())
    }

    fn remove(&mut self, address: &Address) -> Result<(), Failure> {
        self.write_fails()?;
        self.put_row(address, None).expect("a row that is there");
        Ok(())
    }

    fn due(
        &mut self,
        queue: &QueueName,
        standing: Standing,
        up_to: Moment,
        limit: usize,
    ) -> Result<Vec<Address>, Failure> {
        let fits =
            |row: &Row| row.address.queue == *queue && row.standing() == standing && row.due() <= up_to;
        Ok(self.by_due(fits, limit))
    }

    fn next_key(&mut self, queue: &QueueName, after: Option<&Key>) -> Result<Option<Key>, Failure> {
        let rows = self.image.rows.values().map(|(row, _)| row);
        let waiting = rows.filter(|row| row.address.queue == *queue && row.standing() == Standing::Waiting);
        let keys = waiting.map(|row| &row.key).filter(|key| after.is_none_or(|after| *key > after));
        Ok(keys.min().cloned())
    }

    fn due_of(&mut self, queue: &QueueName, key: &Key, up_to: Moment) -> Result<Option<Address>, Failure> {
        let fits = |row: &Row| {
            row.address.queue == *queue
                && row.key == *key
                && row.standing() == Standing::Waiting
                && row.due() <= up_to
        };
        Ok(self.by_due(fits, 1).pop())
    }

    fn expired(&mut self, up_to: Moment, limit: usize) -> Result<Vec<Address>, Failure> {
        Ok(self.by_due(|row| row.is_expired(up_to), limit))
    }

    fn earliest(&mut self, queue: &QueueName, standing: Standing) -> Result<Option<Moment>, Failure> {
        let rows = self.image.rows.values().map(|(row, _)| row);
        let alike = rows.filter(|row| row.address.queue == *queue && row.standing() == standing);
        Ok(alike.map(Row::due).min())
    }

    fn earliest_expiry(&mut self) -> Result<Option<Moment>, Failure> {
        let rows = self.image.rows.values().map(|(row, _)| row);
        let rows =
            rows.filter(|row| matches!(row.state, State::Waiting { .. })).filter_map(|row| row.expires);
        let values = self.image.values.values().filter_map(|value| value.expires);
        Ok(rows.chain(values).min())
    }

    fn value(&mut self, slot: &Slot) -> Result<Option<Value>, Failure> {
        Ok(self.image.values.get(slot).cloned())
    }

    fn set(&mut self, slot: &Slot, value: &Value) -> Result<(), Failure> {
        self.write_fails()?;
        let before = replace(&mut self.image.values, slot, Some(value.clone()));
        self.undo.push(Undo::Value(slot.clone(), before));
        Ok(())
    }

    fn unset(&mut self, slot: &Slot) -> Result<(), Failure> {
        self.write_fails()?;
        let before = replace(&mut self.image.values, slot, None);
        assert!(before.is_some(), "a value that is there");
        self.undo.push(Undo::Value(slot.clone(), before));
        Ok(())
    }

    fn expired_values(&mut self, up_to: Moment, limit: usize) -> Result<Vec<Slot>, Failure> {
        let expired = |value: &Value| value.expires.is_some_and(|expires| expires <= up_to);
        let slots =
            self.image.values.iter().filter(|(_, value)| expired(value)).map(|(slot, _)| slot.clone());
        Ok(slots.take(limit).collect())
    }

    fn tallies(&mut self) -> Result<Tallies, Failure> {
        Ok(self.image.tallies.clone())
    }

    fn write_tally(&mut self, owner: &Owner, tally: Tally) -> Result<(), Failure> {
        self.write_fails()?;
        let after = (tally != Tally::default()).then_some(tally);
        let before = replace(&mut self.image.tallies, owner, after);
        self.undo.push(Undo::Tally(owner.clone(), before));
        Ok(())
    }

    fn hold_reserve(&mut self, hold: bool) -> bool {
        let fits = !hold || self.fate != Fate::NoSpace || self.reserve;
        if fits {
            self.reserve = hold;
        }
        fits
    }
}

fn take_back(image: &mut Image, undo: &mut Vec<Undo>) {
    while let Some(undo) = undo.pop() {
        match undo {
            Undo::Row(address, before) => drop(replace(&mut image.rows, &address, before)),
            Undo::Value(slot, before) => drop(replace(&mut image.values, &slot, before)),
            Undo::Tally(owner, before) => drop(replace(&mut image.tallies, &owner, before)),
            Undo::Moment(before) => image.last_moment = before,
        }
    }
}

fn replace<K: Clone + Ord, V>(map: &mut BTreeMap<K, V>, key: &K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    }
}

fn broken() -> Failure {
    Failure::Io("the disk is broken, as it was told to be".into())
}
