//! The whole service with real processes: calls come in as Lambda's clients send them, functions are a small
//! Python program that does what its event says.

mod calls;
mod concurrency;
mod endings;
mod log;
mod running;
mod socket;
mod starts;
