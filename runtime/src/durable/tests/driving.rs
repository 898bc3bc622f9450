//! What leaves in which checkpoint, and when an invocation ends.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::SystemTime,
};

use lambda_durable::OperationUpdate;
use serde_json::{Value, json, value::to_raw_value};
use tokio::time::{Duration, Instant, sleep};

use super::*;
use crate::durable::{
    handler::Typed,
    invocation::{Host, answer},
    journal::{Answer, Checkpoint, Journal, JournalError, State},
    resolver::Resolver,
};

/// Takes everything, after a while, and says of each that it is done.
struct Slow {
    /// Tokio's clock is paused: it takes none of ours.
    takes: Duration,
    /// The names of what was sent together.
    batches: RefCell<Vec<Vec<String>>>,
}

impl Journal for &Slow {
    async fn checkpoint(&self, call: &Checkpoint<'_>) -> Result<Answer, JournalError> {
        let names = call.updates.iter().map(|update| update.name.clone().unwrap_or_default());
        self.batches.borrow_mut().push(names.collect());
        sleep(self.takes).await;
        let operations = call.updates.iter().map(told).collect();
        Ok(Answer {
            checkpoint_token: Some(format!("{}+", call.token)),
            new_execution_state: State { operations, next_marker: None },
        })
    }

    async fn state(&self, _: &str, _: &str, _: &str) -> Result<State, JournalError> {
        unreachable!("there is one page")
    }
}

fn told(update: &OperationUpdate) -> Value {
    let status = match serde_json::to_value(update.action).unwrap().as_str() {
        Some("SUCCEED") => "SUCCEEDED",
        Some(_) | None => "STARTED",
    };
    json!({
        "Id": update.id, "Type": update.operation_type.as_str(), "SubType": update.sub_type, "Status": status,
        "StepDetails": {"Result": update.payload},
    })
}

/// What an invocation answers, and what it has sent, batch by batch.
fn invoke(handler: impl AsyncFn(Value, Step) -> Result<Value, Error>) -> (Value, Vec<Vec<String>>) {
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let slow = Slow { takes: Duration::from_secs(1), batches: RefCell::default() };
    let own = json!({"Id": "e", "Type": "EXECUTION", "Status": "STARTED"});
    let event = json!({"DurableExecutionArn": "arn", "CheckpointToken": "T", "InitialExecutionState": {"Operations": [own]}});
    let event = to_raw_value(&event).unwrap();
    let host =
        Host { journal: &slow, resolver: Rc::new(Resolver::default()), clock: Rc::new(SystemTime::now) };
    let handler: Typed<_, Value, Value> = Typed::new(handler);
    let said = paused.block_on(answer(&host, &handler, 0, &event)).unwrap();
    (serde_json::from_str(said.get()).unwrap(), slow.batches.take())
}

#[track_caller]
fn check(
    handler: impl AsyncFn(Value, Step) -> Result<Value, Error>,
    result: Option<&str>,
    batches: &[&[&str]],
) {
    let (said, sent) = invoke(handler);
    match result {
        Some(result) => assert_eq!(said, json!({"Status": "SUCCEEDED", "Result": result})),
        None => assert_eq!(said, json!({"Status": "PENDING"})),
    }
    assert_eq!(sent, batches);
}

#[test]
fn what_comes_while_a_checkpoint_is_under_way_leaves_in_the_next() {
    let main = async |_, step: Step| {
        let after = async |name: &'static str, ms| {
            sleep(Duration::from_millis(ms)).await;
            step.run(name, async || Ok(1)).await
        };
        // One checkpoint takes a second.
        let (a, b, c, d) = tokio::join!(after("a", 0), after("b", 300), after("c", 600), after("d", 1_500));
        Ok(json!(a? + b? + c? + d?))
    };
    check(main, Some("4"), &[&["a"], &["b", "c"], &["d"]]);
}

#[test]
fn a_step_is_done_when_the_journal_says_so() {
    let main = async |_, step: Step| {
        let start = Instant::now();
        step.run("a", async || Ok(())).await?;
        Ok(json!(start.elapsed().as_secs()))
    };
    check(main, Some("1"), &[&["a"]]);
}

#[test]
fn a_body_is_waited_for_whoever_else_waits() {
    let main = async |_, step: Step| {
        let slow = step.run("slow", async || {
            sleep(Duration::from_secs(60)).await;
            Ok(())
        });
        let (slow, nap) = tokio::join!(slow, step.sleep("nap", "1y"));
        nap?;
        slow?;
        Ok(json!("not reached"))
    };
    check(main, None, &[&["nap"], &["slow"]]);
}

#[test]
fn what_is_no_step_is_waited_for_as_long_as_no_step_waits() {
    let main = async |_, step: Step| {
        step.run("a", async || Ok(())).await?;
        sleep(Duration::from_secs(60)).await;
        Ok(json!("slept"))
    };
    check(main, Some("\"slept\""), &[&["a"]]);
}

#[test]
fn what_is_no_step_is_given_up_once_a_step_waits() {
    let main = async |_, step: Step| {
        let ((), nap) = tokio::join!(sleep(Duration::from_secs(60)), step.sleep("nap", "1y"));
        nap?;
        Ok(json!("not reached"))
    };
    check(main, None, &[&["nap"]]);
}

#[test]
fn another_thread_may_wake_the_handler() {
    let main = async |_, step: Step| {
        step.run("a", async || Ok(())).await?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || sender.send(7));
        let received = receiver.await?;
        thread.join().unwrap().unwrap();
        Ok(json!(received))
    };
    check(main, Some("7"), &[&["a"]]);
}

#[test]
fn who_wakes_himself_without_end_stops_nobody() {
    let main = async |_, step: Step| {
        let others = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&others);
        tokio::spawn(async move { other.store(true, Ordering::Relaxed) });
        let mut turns = 0;
        let busy = poll_fn(|task| {
            turns += 1;
            assert!(turns < 1_000_000, "nobody else has had a turn");
            if others.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            task.waker().wake_by_ref();
            Poll::Pending
        });
        busy.await;
        Ok(json!(step.run("a", async || Ok(1)).await?))
    };
    check(main, Some("1"), &[&["a"]]);
}

#[test]
fn tokios_budget_for_one_turn_is_kept() {
    let main = async |_, _: Step| {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1_000);
        for n in 0..1_000 {
            sender.send(n).await?;
        }
        drop(sender);
        let mut sum = 0;
        while let Some(n) = receiver.recv().await {
            sum += n;
        }
        Ok(json!(sum))
    };
    check(main, Some("499500"), &[]);
}

#[test]
fn what_is_too_much_for_one_checkpoint_leaves_in_several() {
    let main = async |_, step: Step| {
        let large = async |name: &'static str| step.run(name, async || Ok("x".repeat(250_000))).await;
        let (a, b, c, d) = tokio::join!(large("a"), large("b"), large("c"), large("d"));
        Ok(json!(a?.len() + b?.len() + c?.len() + d?.len()))
    };
    check(main, Some("1000000"), &[&["a", "b"], &["c", "d"]]);
}

#[test]
fn an_invocation_and_its_timer_are_never_apart() {
    const TAKE: Function<String, ()> = Function::new("take");
    let main = async |_, step: Step| {
        let call = |name| step.invoke(name, &TAKE, "x".repeat(1_000_000)).timeout("1h");
        let (a, b) = tokio::join!(call("a"), call("b"));
        a?;
        b?;
        Ok(json!("not reached"))
    };
    check(main, None, &[&["a", "a", "a"], &["b", "b", "b"]]);
}
