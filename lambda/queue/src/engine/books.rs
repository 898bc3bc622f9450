//! How much there is of everything: as committed, and as the current transaction would have it.

use crate::{
    error::Failure,
    name::QueueName,
    store::{Owner, Store, Tallies, Tally},
};

#[derive(Debug)]
pub(super) struct Books {
    kept: Tallies,
    kept_bytes: u64,
    changed: Tallies,
    bytes: u64,
}

impl Books {
    pub(super) fn new(kept: Tallies) -> Self {
        let bytes = kept.values().map(|tally| tally.bytes).sum();
        Self { kept, kept_bytes: bytes, changed: Tallies::new(), bytes }
    }

    pub(super) fn get(&self, owner: &Owner) -> Tally {
        self.changed.get(owner).or_else(|| self.kept.get(owner)).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, owner: Owner, tally: Tally) {
        self.bytes = self.bytes.saturating_sub(self.get(&owner).bytes) + tally.bytes;
        self.changed.insert(owner, tally);
    }

    /// The bytes of all owners.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The queues that hold rows by the last commit.
    pub(super) fn queues(&self) -> Vec<QueueName> {
        self.kept.keys().filter_map(Self::queue).collect()
    }

    pub(super) fn changed_queues(&self) -> Vec<QueueName> {
        self.changed.keys().filter_map(Self::queue).collect()
    }

    /// How many queues there are, with those that the transaction brings.
    pub(super) fn count(&self) -> usize {
        self.kept.len() + self.changed.keys().filter(|owner| !self.kept.contains_key(owner)).count()
    }

    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    pub(super) fn write<S: Store>(&self, store: &mut S) -> Result<(), Failure> {
        self.changed.iter().try_for_each(|(owner, tally)| store.write_tally(owner, *tally))
    }

    pub(super) fn keep(&mut self) {
        self.kept.append(&mut self.changed);
        self.kept.retain(|_, tally| *tally != Tally::default());
        self.kept_bytes = self.bytes;
    }

    pub(super) fn forget(&mut self) {
        self.changed.clear();
        self.bytes = self.kept_bytes;
    }

    fn queue(owner: &Owner) -> Option<QueueName> {
        match owner {
            Owner::Queue(queue) => Some(queue.clone()),
            Owner::Values => None,
        }
    }
}
