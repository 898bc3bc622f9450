//! The whole service with real processes: calls come in as Lambda's clients send them, functions are a small
//! Python program that does what its event says.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod calls;
mod concurrency;
mod endings;
mod log;
mod running;
mod socket;
mod starts;
