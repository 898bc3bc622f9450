//! Durable executions: the tests play the functions, whose processes hand on what they are told (`{"do":"relay"}`).

mod chained;
mod doors;
mod lifecycle;
mod places;
mod playing;
mod reading;
mod restarts;
