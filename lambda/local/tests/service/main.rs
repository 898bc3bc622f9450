//! The whole service with real processes: calls come in as Lambda's clients send them, the function does what
//! its event says (`tests/functions/misbehave`).

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod calls;
mod concurrency;
mod deploying;
mod durable;
mod endings;
mod events;
mod log;
mod replacing;
mod running;
mod signatures;
mod socket;
mod starts;
mod streams;
mod urls;
