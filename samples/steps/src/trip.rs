//! A saga: what was done is undone when a later step fails.

use serde::{Deserialize, Serialize};
use stayput_runtime::{
    Error,
    durable::{Function, Step},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Trip {
    pub(crate) to: String,
}

#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Booking {
    pub(crate) flight: String,
    pub(crate) hotel: String,
}

pub(crate) static BOOK_TRIP: Function<Trip, Booking> = Function::new("book-trip");

/// Whatever fails for good is undone by what stands beside it, the last first.
pub(crate) async fn book_trip(Trip { to }: Trip, step: Step) -> Result<Booking, Error> {
    let flight = step.run("book-flight", async || book("flight", &to)).await?;
    let hotel = step.run("book-hotel", async || book("hotel", &to)).await;
    match hotel {
        Ok(hotel) => Ok(Booking { flight, hotel }),
        Err(error) => {
            step.run("cancel-flight", async || cancel(&flight)).await?;
            Err(error.into())
        }
    }
}

fn book(what: &str, to: &str) -> Result<String, Error> {
    if what == "hotel" && to == "Atlantis" {
        return Err(Error::new("NoHotel", format!("there is no hotel in {to}")).not_retried());
    }
    Ok(format!("{what} to {to}"))
}

fn cancel(booking: &str) -> Result<(), Error> {
    tracing::info!(booking, "cancelled");
    Ok(())
}
