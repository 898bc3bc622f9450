//! The program as a whole: `stayput dev` with real function processes.

#[path = "program/callbacks.rs"]
mod callbacks;
#[path = "program/calls.rs"]
mod calls;
#[path = "program/cuts.rs"]
mod cuts;
#[path = "program/dev.rs"]
mod dev;
#[path = "program/events.rs"]
mod events;
#[path = "program/kills.rs"]
mod kills;
#[path = "program/leaks.rs"]
mod leaks;
#[path = "program/limits.rs"]
mod limits;
#[path = "program/lives.rs"]
mod lives;
#[path = "program/power.rs"]
mod power;
#[path = "program/power_cuts.rs"]
mod power_cuts;
#[path = "program/promises.rs"]
mod promises;
#[path = "program/rebuild.rs"]
mod rebuild;
#[path = "program/refusals.rs"]
mod refusals;
#[path = "program/reload.rs"]
mod reload;
#[path = "program/running.rs"]
mod running;
#[path = "program/sink.rs"]
mod sink;
#[path = "program/steps.rs"]
mod steps;
#[path = "program/trace.rs"]
mod trace;
