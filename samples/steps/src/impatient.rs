//! One function does not wait for another for ever.

use serde::{Deserialize, Serialize};
use stayput_runtime::{
    Error,
    durable::{Function, Step},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Nap {
    /// How long, as `2s` or `1h`.
    pub(crate) nap: String,
}

pub(crate) static SLOW: Function<Nap, String> = Function::new("slow");
pub(crate) static IMPATIENT: Function<Nap, String> = Function::new("impatient");

/// Nothing of it runs while it sleeps.
pub(crate) async fn slow(Nap { nap }: Nap, step: Step) -> Result<String, Error> {
    step.sleep("nap", nap).await?;
    Ok("well rested".to_owned())
}

/// `slow` goes on after that; its result is nobody's any more.
pub(crate) async fn impatient(nap: Nap, step: Step) -> Result<String, Error> {
    match step.invoke("wake", &SLOW, nap).timeout("3s").await {
        Err(error) if error.is_timeout() => Ok("still asleep".to_owned()),
        ended => Ok(ended?),
    }
}
