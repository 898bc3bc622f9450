//! A function that fails, and one that knows what to do then.

use serde::{Deserialize, Serialize};
use stayput_runtime::{
    Error,
    durable::{Function, Step},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) card: String,
    pub(crate) cents: u64,
}

#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Payment {
    Card { receipt: String },
    Invoice { why: String },
}

pub(crate) static CHARGE_CARD: Function<Order, String> = Function::new("charge-card");
pub(crate) static PAY: Function<Order, Payment> = Function::new("pay");

/// It is tried three times in all, unless trying again is of no use.
pub(crate) async fn charge_card(Order { card, cents }: Order, _: Step) -> Result<String, Error> {
    if card.starts_with("0000") {
        return Err(Error::new("CardDeclined", format!("the card {card} was declined")).not_retried());
    }
    Ok(format!("{card} paid {cents}"))
}

pub(crate) async fn pay(order: Order, step: Step) -> Result<Payment, Error> {
    match step.invoke("charge", &CHARGE_CARD, order).await {
        Ok(receipt) => Ok(Payment::Card { receipt }),
        Err(error) if error.name == "CardDeclined" => Ok(Payment::Invoice { why: error.message }),
        Err(error) => Err(error.into()),
    }
}
