//! A world of callers, workers and faults around the engine, all of it decided by one seed.

pub(crate) mod double;
pub(crate) mod random;
pub(crate) mod world;
