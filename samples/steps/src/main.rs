//! Durable functions, several in one program: each is a Lambda function of its own, and its handler says which one a process is.
//! docs/steps.md has a page on each.

mod fan_out;
mod impatient;
mod map_reduce;
mod payment;
mod square;
mod trip;

use std::process::ExitCode;

use stayput_runtime::durable::App;

fn main() -> ExitCode {
    app().run()
}

fn app() -> App<'static> {
    App::new()
        .with(&square::COMPUTE_SQUARE, square::compute_square)
        .with(&square::MAIN_FUNCTION, square::main_function)
        .with(&fan_out::FAN_OUT, fan_out::fan_out)
        .with(&map_reduce::MAP_REDUCE, map_reduce::map_reduce)
        .with(&impatient::SLOW, impatient::slow)
        .with(&impatient::IMPATIENT, impatient::impatient)
        .with(&payment::CHARGE_CARD, payment::charge_card)
        .retries(2)
        .with(&payment::PAY, payment::pay)
        .with(&trip::BOOK_TRIP, trip::book_trip)
}

#[cfg(test)]
mod tests;
