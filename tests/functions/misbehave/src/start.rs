//! What happens before the first event is asked for. Two variables say it:
//!
//! - `STARTS`: a file that gets one byte for each start;
//! - `INIT`: `error` (reported, then the end), `exit` (with 7) or `hang`. With ` once` behind it, the first start does
//!   so and the others are good ones; this counts in `STARTS`.

use std::{env, fs::File, io, io::Write, thread};

use serde_json::json;

use crate::{
    act::{FOREVER, end},
    runtime_api::{Connection, INIT_ERROR},
};

pub(crate) fn behave() -> io::Result<()> {
    let starts = env::var("STARTS").map_or(Ok(1), |file| count(&file))?;
    let init = env::var("INIT").unwrap_or_default();
    let behaviour = match init.strip_suffix(" once") {
        Some(_) if starts > 1 => "",
        Some(behaviour) => behaviour,
        None => &init,
    };
    match behaviour {
        "" => Ok(()),
        "error" => {
            let error = json!({"errorType": "Init.Broken", "errorMessage": "cannot start"});
            Connection::open()?.ask("POST", INIT_ERROR, &[], error.to_string().as_bytes())?;
            end(1)
        }
        "exit" => end(7),
        "hang" => loop {
            thread::sleep(FOREVER);
        },
        other => Err(io::Error::other(format!("INIT: no such behaviour: {other}"))),
    }
}

/// Counts this start too.
fn count(file: &str) -> io::Result<u64> {
    let mut file = File::options().append(true).create(true).open(file)?;
    file.write_all(b"x")?;
    Ok(file.metadata()?.len())
}
