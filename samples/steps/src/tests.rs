use std::time::Duration;

use serde_json::Value;
use stayput_runtime::testing::durable::World;

use crate::{
    fan_out::{Sides, fan_out},
    impatient::{Nap, SLOW, impatient, slow},
    map_reduce::{Numbers, Sum, map_reduce},
    payment::{CHARGE_CARD, Order, Payment, charge_card, pay},
    square::{COMPUTE_SQUARE, compute_square, main_function},
    trip::{Booking, Trip, book_trip},
};

fn world() -> World<'static> {
    World::new().with(&COMPUTE_SQUARE, compute_square)
}

#[tokio::test]
async fn the_main_function_says_what_the_other_computed() {
    let ran = world().run(main_function, Value::Null).await;
    assert_eq!(ran.result.unwrap(), "Square of 4 is 16.");
    assert_eq!(ran.invocations, 2);
}

#[tokio::test]
async fn two_squares_are_computed_at_a_time() {
    let ran = world().run(fan_out, Sides { a: 3, b: 4 }).await;
    assert_eq!(ran.result.unwrap(), 25);
}

#[tokio::test]
async fn all_squares_are_summed() {
    let ran = world().run(map_reduce, Numbers { numbers: vec![1, 2, 3, 4] }).await;
    assert_eq!(ran.result.unwrap(), Sum { count: 4, sum: 30 });
    assert_eq!(ran.invoked.len(), 4);
}

#[tokio::test]
async fn who_is_impatient_does_not_wait_for_who_sleeps_long() {
    let naps =
        async |nap: &str| World::new().with(&SLOW, slow).run(impatient, Nap { nap: nap.to_owned() }).await;
    assert_eq!(naps("1s").await.result.unwrap(), "well rested");
    let long = naps("1h").await;
    assert_eq!(long.result.unwrap(), "still asleep");
    assert_eq!(long.elapsed, Duration::from_secs(3));
}

#[tokio::test]
async fn a_card_that_is_declined_is_no_failure_but_an_invoice() {
    let paid = async |card: &str| {
        let world = World::new().with(&CHARGE_CARD, charge_card).retries(2);
        world.run(pay, Order { card: card.to_owned(), cents: 700 }).await
    };
    let receipt = "4111 paid 700".to_owned();
    assert_eq!(paid("4111").await.result.unwrap(), Payment::Card { receipt });
    let declined = paid("0000").await;
    let why = "the card 0000 was declined".to_owned();
    assert_eq!(declined.result.unwrap(), Payment::Invoice { why });
    assert_eq!(declined.invoked.len(), 1, "it was not tried again");
}

#[tokio::test]
async fn what_was_booked_is_cancelled_when_the_rest_fails() {
    let good = World::new().run(book_trip, Trip { to: "Rome".to_owned() }).await;
    let booking = Booking { flight: "flight to Rome".to_owned(), hotel: "hotel to Rome".to_owned() };
    assert_eq!(good.result.unwrap(), booking);
    let bad = World::new().run(book_trip, Trip { to: "Atlantis".to_owned() }).await;
    assert_eq!(bad.result.unwrap_err().error_type(), "NoHotel");
    assert_eq!(bad.steps, ["book-flight", "book-hotel", "cancel-flight"]);
}
