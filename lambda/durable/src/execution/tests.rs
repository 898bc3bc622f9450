mod happenings;
mod rules;

use serde_json::{Value, json};

use super::*;
use crate::update::OperationUpdate;

/// An execution, its clock, and what was told of it.
struct Story {
    execution: Execution,
    now: Moment,
    token: String,
    history: Vec<Event>,
    children: Vec<Child>,
    callbacks: u32,
}

impl Story {
    fn new() -> Self {
        let new = NewExecution { id: "x".into(), arn: "arn:x".into(), input: "{}".into(), timeout_s: 1_000 };
        let (execution, effects) = Execution::start(new, Moment(0));
        let mut story = Self {
            execution,
            now: Moment(0),
            token: String::new(),
            history: Vec::new(),
            children: Vec::new(),
            callbacks: 0,
        };
        story.take(effects);
        story
    }

    /// One whose first invocation has begun.
    fn begun() -> Self {
        let mut story = Self::new();
        story.invoke();
        story
    }

    fn take(&mut self, effects: Effects) {
        self.history.extend(effects.events);
        self.children.extend(effects.children);
        // What a host would put together again is the same.
        let row = serde_json::to_string(&self.execution).unwrap();
        let head: Execution = serde_json::from_str(&row).unwrap();
        let parts = (self.execution.input.clone(), self.execution.operations().to_vec());
        assert_eq!(head.with(parts.0, parts.1), self.execution);
    }

    fn invoke(&mut self) -> Value {
        assert_eq!(self.execution.due(self.now), Due::Invoke);
        let event = self.execution.begin_invocation("r", self.now).event;
        self.token = event["CheckpointToken"].as_str().unwrap().to_owned();
        event
    }

    fn try_checkpoint(&mut self, updates: Value) -> Result<Answer, Refusal> {
        let updates: Vec<OperationUpdate> = serde_json::from_value(updates).unwrap();
        let mut callbacks = self.callbacks;
        let mut callback_id = || {
            callbacks += 1;
            format!("callback-{callbacks}")
        };
        let resolve = |name: &str| match name {
            "nobody" => {
                Resolved::Fails(ErrorObject::new("ResourceNotFoundException", "Function not found: nobody."))
            }
            "elsewhere" => Resolved::Refused("Functions of other accounts cannot be invoked.".to_owned()),
            _ => Resolved::Found(Target::default()),
        };
        let mut host = Host { callback_id: &mut callback_id, resolve: &resolve };
        let (answer, effects) =
            self.execution.checkpoint(&self.token, None, &updates, &mut host, self.now)?;
        self.callbacks = callbacks;
        self.token.clone_from(&answer.token);
        self.take(effects);
        Ok(answer)
    }

    #[track_caller]
    fn checkpoint(&mut self, updates: Value) -> Vec<Value> {
        self.try_checkpoint(updates).unwrap().operations
    }

    #[track_caller]
    fn refused(&mut self, updates: Value, text: &str) {
        let before = self.execution.clone();
        assert_eq!(self.try_checkpoint(updates).unwrap_err().to_string(), text);
        assert_eq!(self.execution, before, "nothing has changed");
    }

    fn answers(&mut self, answer: &Value) {
        let effects =
            self.execution.end_invocation(InvocationEnd::Answered(answer.to_string().into_bytes()), self.now);
        self.take(effects);
    }

    fn waits(&mut self) {
        self.answers(&json!({"Status": "PENDING"}));
    }

    /// Time goes on to the next moment at which something is due.
    fn sleep(&mut self) {
        let Due::At(at) = self.execution.due(self.now) else { panic!("nothing to wait for") };
        self.now = at;
        let effects = self.execution.tick(at);
        self.take(effects);
    }

    fn told(&self) -> Vec<&str> {
        self.history.iter().map(|event| event.what.as_str()).collect()
    }

    fn end(&self) -> Option<&Outcome> {
        self.execution.end.as_ref().map(|end| &end.how)
    }
}

fn step(id: &str, action: &str) -> Value {
    json!({"Id": id, "Type": "STEP", "Action": action})
}

fn invoke(id: &str, target: &str) -> Value {
    let options = json!({"FunctionName": target});
    json!({"Id": id, "Type": "CHAINED_INVOKE", "Action": "START", "Payload": "4", "ChainedInvokeOptions": options})
}

fn wait(id: &str, seconds: u64) -> Value {
    json!({"Id": id, "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": seconds}})
}

#[test]
fn a_step_has_the_history_that_aws_asserts() {
    let mut story = Story::begun();
    story.checkpoint(json!([step("s", "START")]));
    let mut done = step("s", "SUCCEED");
    done["Payload"] = "4".into();
    let told = story.checkpoint(json!([done]));
    assert_eq!(told[0]["StepDetails"], json!({"Attempt": 1, "Result": "4"}));
    story.answers(&json!({"Status": "SUCCEEDED", "Result": "5"}));
    let expected =
        ["ExecutionStarted", "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"];
    assert_eq!(story.told(), expected);
    assert_eq!(story.history.iter().map(|event| event.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(story.end(), Some(&Outcome::Succeeded("5".to_owned())));
    let told = story.history[2].to_json(true);
    assert_eq!(told["StepSucceededDetails"]["Result"], json!({"Payload": "4", "Truncated": false}));
    assert_eq!(story.history[2].to_json(false)["StepSucceededDetails"].get("Result"), None);
}

#[test]
fn a_step_is_tried_again_when_it_is_due() {
    let mut story = Story::begun();
    let mut again = step("s", "RETRY");
    again["Error"] = json!({"ErrorType": "E"});
    again["StepOptions"] = json!({"NextAttemptDelaySeconds": 3});
    story.checkpoint(json!([step("s", "START"), again]));
    story.waits();
    story.sleep();
    assert_eq!(story.now, Moment(3_000));
    let event = story.invoke();
    assert_eq!(event["UpdatedOperationIds"], json!(["s"]));
    assert_eq!(event["InitialExecutionState"]["Operations"][1]["Status"], "READY");
    story.checkpoint(json!([step("s", "START")]));
    assert_eq!(story.told()[1..], ["StepStarted", "StepFailed", "InvocationCompleted", "StepStarted"]);
}

#[test]
fn an_invoked_functions_result_wakes_who_waits_for_it() {
    let mut story = Story::begun();
    story.checkpoint(json!([invoke("i", "child")]));
    assert_eq!((&*story.children[0].function, &*story.children[0].input), ("child", "4"));
    story.waits();
    assert_eq!(story.execution.due(story.now), Due::At(Moment(1_000_000)), "only its own time is left");
    let effects = story.execution.child_ended("i", ChildEnd::Succeeded("16".to_owned()), story.now);
    story.take(effects);
    let event = story.invoke();
    let told = &event["InitialExecutionState"]["Operations"][1];
    assert_eq!(
        (&told["Status"], &told["ChainedInvokeDetails"]["Result"]),
        (&json!("SUCCEEDED"), &json!("16"))
    );
    let late = story.execution.child_ended("i", ChildEnd::Succeeded("17".to_owned()), story.now);
    assert_eq!(late, Effects::default(), "a result never changes");
    let expected = ["ChainedInvokeStarted", "InvocationCompleted", "ChainedInvokeSucceeded"];
    assert_eq!(story.told()[1..], expected);
}

#[test]
fn what_cannot_be_invoked_fails_in_the_same_answer() {
    let mut story = Story::begun();
    let told = story.checkpoint(json!([invoke("i", "nobody")]));
    assert_eq!((&told[0]["Status"], story.children.len()), (&json!("FAILED"), 0));
    assert_eq!(told[0]["ChainedInvokeDetails"]["Error"]["ErrorType"], "ResourceNotFoundException");
    assert_eq!(story.history[1].to_json(true)["ChainedInvokeStartedDetails"].get("Input"), None);
    // A function that has read it and says that it waits all the same is asked twice more.
    for _ in 0..2 {
        story.waits();
        story.invoke();
    }
    story.waits();
    let Some(Outcome::Failed(error)) = story.end() else { panic!("{:?}", story.end()) };
    assert_eq!(
        error.error_message.as_deref(),
        Some("Cannot return PENDING status with no pending operations.")
    );
}

#[test]
fn an_invoke_with_a_timeout_is_one_checkpoint_and_both_ends_wake_once() {
    let mut story = Story::begun();
    let context = json!({"Id": "c", "Type": "CONTEXT", "SubType": "StepInvoke", "Action": "START"});
    let inside = |mut update: Value| {
        update["ParentId"] = "c".into();
        update
    };
    story.checkpoint(json!([context, inside(invoke("i", "child")), inside(wait("w", 10))]));
    story.waits();
    story.sleep();
    let event = story.invoke();
    assert_eq!(event["UpdatedOperationIds"], json!(["w"]));
    let mut over = json!({"Id": "c", "Type": "CONTEXT", "SubType": "StepInvoke", "Action": "FAIL"});
    over["Error"] = json!({"ErrorType": "TimedOut"});
    story.checkpoint(json!([over]));
    story.answers(&json!({"Status": "FAILED", "Error": {"ErrorType": "TimedOut"}}));
    assert!(matches!(story.end(), Some(Outcome::Failed(_))));
    let late = story.execution.child_ended("i", ChildEnd::Succeeded("1".to_owned()), story.now);
    assert_eq!(late, Effects::default());
}

#[test]
fn a_wait_can_be_cancelled_and_then_wakes_nobody() {
    let mut story = Story::begun();
    story.checkpoint(json!([wait("w", 10), invoke("i", "child")]));
    story.checkpoint(json!([{"Id": "w", "Type": "WAIT", "Action": "CANCEL"}]));
    story.waits();
    assert_eq!(story.execution.due(story.now), Due::At(story.execution.deadline));
}

#[test]
fn a_callback_is_ended_from_outside_once() {
    let mut story = Story::begun();
    let callback = json!({"Id": "c", "Type": "CALLBACK", "Action": "START", "CallbackOptions": {"HeartbeatTimeoutSeconds": 5}});
    let told = story.checkpoint(json!([callback]));
    assert_eq!(told[0]["CallbackDetails"]["CallbackId"], "callback-1");
    story.waits();
    story.now = Moment(4_000);
    story.execution.beat("callback-1", story.now).unwrap();
    assert_eq!(story.execution.due(story.now), Due::At(Moment(9_000)));
    let end = || CallbackEnd::Succeeded("yes".to_owned());
    assert_eq!(story.execution.end_callback("callback-2", end(), story.now), Err(Refusal::NoCallback));
    let effects = story.execution.end_callback("callback-1", end(), story.now).unwrap();
    story.take(effects);
    assert_eq!(story.execution.end_callback("callback-1", end(), story.now), Err(Refusal::CallbackClosed));
    assert_eq!(story.execution.beat("callback-1", story.now), Err(Refusal::CallbackClosed));
    let event = story.invoke();
    assert_eq!(event["InitialExecutionState"]["Operations"][1]["CallbackDetails"]["Result"], "yes");
}

#[test]
fn a_callback_that_nobody_ends_times_out_in_its_own_words() {
    let mut story = Story::begun();
    let options = |name: &str| json!({name: 5});
    let start = |id: &str, options: Value| json!({"Id": id, "Type": "CALLBACK", "Action": "START", "CallbackOptions": options});
    story.checkpoint(json!([
        start("a", options("TimeoutSeconds")),
        start("b", options("HeartbeatTimeoutSeconds"))
    ]));
    story.waits();
    story.sleep();
    let event = story.invoke();
    let told = &event["InitialExecutionState"]["Operations"];
    let said = |at: usize| told[at]["CallbackDetails"]["Error"]["ErrorMessage"].as_str().unwrap().to_owned();
    assert_eq!((said(1), said(2)), ("Callback timed out".into(), "Callback timed out on heartbeat".into()));
}

#[test]
fn only_the_last_token_writes_and_the_same_call_has_the_same_answer() {
    let mut story = Story::begun();
    let (first, updates) = (story.token.clone(), json!([step("s", "START")]));
    let updates: Vec<OperationUpdate> = serde_json::from_value(updates).unwrap();
    let send = |story: &mut Story, token: &str, client: &str| {
        let mut host =
            Host { callback_id: &mut || unreachable!(), resolve: &|_| Resolved::Found(Target::default()) };
        story.execution.checkpoint(token, Some(client), &updates, &mut host, story.now)
    };
    let (answer, _) = send(&mut story, &first, "a").unwrap();
    assert_eq!(send(&mut story, &first, "a").unwrap(), (answer.clone(), Effects::default()));
    assert_eq!(send(&mut story, &first, "b"), Err(Refusal::Token));
    assert_eq!(send(&mut story, "nonsense", "b"), Err(Refusal::Token));
    let second = answer.token;
    story.waits();
    assert_eq!(send(&mut story, &second, "c"), Err(Refusal::Token), "its invocation is over");
}

#[test]
fn what_falls_due_while_the_function_runs_is_in_its_next_answer_and_wakes_it_no_more() {
    let mut story = Story::begun();
    story.checkpoint(json!([wait("w", 1), invoke("i", "child")]));
    story.now = Moment(2_000);
    let told = story.checkpoint(json!([]));
    assert_eq!((told.len(), &told[0]["Status"]), (1, &json!("SUCCEEDED")));
    story.waits();
    assert_eq!(
        story.execution.due(story.now),
        Due::At(story.execution.deadline),
        "no invocation without news"
    );
}

#[test]
fn what_falls_due_unseen_wakes_it_once_it_has_ended() {
    let mut story = Story::begun();
    story.checkpoint(json!([wait("w", 1)]));
    story.now = Moment(2_000);
    let effects = story.execution.tick(story.now);
    story.take(effects);
    assert!(matches!(story.execution.due(story.now), Due::At(_)), "one invocation at a time");
    story.waits();
    assert_eq!(story.execution.due(story.now), Due::Invoke);
}

#[test]
fn five_crashes_in_a_row_are_the_end_and_one_answer_between_them_is_not() {
    let crash = || InvocationEnd::Failed(ErrorObject::new("Runtime.ExitError", "exit"));
    let mut story = Story::begun();
    for turn in 0..9 {
        if turn == 4 {
            story.checkpoint(json!([wait("w", 1)]));
            story.waits();
        } else {
            let effects = story.execution.end_invocation(crash(), story.now);
            story.take(effects);
        }
        if turn < 9 - 1 {
            story.sleep();
            story.invoke();
        }
    }
    assert_eq!(story.end(), None);
    story.sleep();
    story.invoke();
    let effects = story.execution.end_invocation(crash(), story.now);
    story.take(effects);
    assert!(matches!(story.end(), Some(Outcome::Failed(_))));
    assert_eq!(story.told()[story.told().len() - 2..], ["InvocationCompleted", "ExecutionFailed"]);
}

#[test]
fn answers_that_make_no_sense_fail_it_at_once() {
    for (answer, text) in [
        (json!({"Status": "SUCCEEDED", "Error": {}}), "Cannot provide an Error for SUCCEEDED status."),
        (json!({"Status": "FAILED", "Result": "1"}), "Cannot provide a Result for FAILED status."),
    ] {
        let mut story = Story::begun();
        story.answers(&answer);
        let Some(Outcome::Failed(error)) = story.end() else { panic!("{:?}", story.end()) };
        assert_eq!(error.error_message.as_deref(), Some(text));
    }
    let mut story = Story::begun();
    story.answers(&json!("what?"));
    assert!(
        matches!(story.end(), Some(Outcome::Failed(error)) if error.error_message.as_ref().unwrap().starts_with("Invalid invocation output: "))
    );
}

#[test]
fn a_result_too_large_for_an_answer_is_checkpointed_and_stays_whatever_follows() {
    for follows in 0..4 {
        let mut story = Story::begun();
        let end = |action: &str| json!([{"Id": "x", "Type": "EXECUTION", "Action": action}]);
        story.checkpoint(json!([{"Id": "x", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": "large"}]));
        assert_eq!(story.end(), None);
        assert_eq!(story.try_checkpoint(end("FAIL")).unwrap_err(), Refusal::Token);
        match follows {
            0 => story.answers(&json!({"Status": "SUCCEEDED", "Result": ""})),
            1 => drop(story.execution.end_invocation(InvocationEnd::Lost, story.now)),
            2 => drop(story.execution.stop(ErrorObject::default(), story.now)),
            _ => drop(story.execution.tick(story.execution.deadline)),
        }
        assert_eq!(story.end(), Some(&Outcome::Succeeded("large".to_owned())), "{follows}");
    }
}

#[test]
fn a_checkpoint_that_comes_with_its_deadline_changes_nothing() {
    let mut story = Story::begun();
    story.now = story.execution.deadline;
    let before = story.execution.clone();
    assert_eq!(story.try_checkpoint(json!([])).unwrap_err(), Refusal::Token);
    assert_eq!(story.execution, before);
    let effects = story.execution.tick(story.now);
    assert_eq!(effects.events[0].what, What::ExecutionTimedOut);
}

#[test]
fn what_is_due_is_over_for_whoever_comes_before_the_clock() {
    let mut story = Story::begun();
    let callback =
        json!({"Id": "c", "Type": "CALLBACK", "Action": "START", "CallbackOptions": {"TimeoutSeconds": 1}});
    story.checkpoint(json!([wait("w", 1), callback]));
    story.now = Moment(2_000);
    let cancel = json!([{"Id": "w", "Type": "WAIT", "Action": "CANCEL"}]);
    story.refused(cancel, "Cannot cancel a WAIT that does not exist or has already completed.");
    let end = CallbackEnd::Succeeded("late".to_owned());
    assert_eq!(story.execution.end_callback("callback-1", end, story.now), Err(Refusal::CallbackClosed));
}

#[test]
fn a_host_that_went_down_finds_what_it_had_begun_among_its_rows() {
    let mut story = Story::begun();
    story.checkpoint(json!([invoke("i", "child"), invoke("j", "nobody"), invoke("k", "other")]));
    let effects = story.execution.child_ended("k", ChildEnd::Succeeded("1".to_owned()), story.now);
    story.take(effects);
    let open: Vec<_> = story.execution.open_children().collect();
    assert_eq!(open, story.children[..1]);
}

#[test]
fn a_result_over_the_limit_is_a_failure() {
    let mut story = Story::begun();
    story.checkpoint(json!([invoke("i", "child")]));
    let large = ChildEnd::Succeeded("x".repeat(CHAINED_PAYLOAD_BYTES + 1));
    let effects = story.execution.child_ended("i", large, story.now);
    assert_eq!(effects.events[0].what, What::ChainedInvokeFailed);
}

#[test]
fn the_executions_own_row_stays_small() {
    let new = NewExecution { id: "x".into(), arn: "arn:x".into(), input: "x".repeat(1 << 20), timeout_s: 9 };
    let (execution, _) = Execution::start(new, Moment(0));
    assert!(serde_json::to_vec(&execution).unwrap().len() < 1_000);
}

#[test]
fn its_own_time_ends_it_whatever_it_waits_for() {
    let mut story = Story::begun();
    story.checkpoint(json!([wait("w", 5_000)]));
    story.waits();
    story.sleep();
    assert_eq!((story.end(), story.execution.due(story.now)), (Some(&Outcome::TimedOut), Due::Over));
}

#[test]
fn a_stopped_one_takes_nothing_any_more() {
    let mut story = Story::begun();
    let effects = story.execution.stop(ErrorObject::new("Stopped", "enough"), story.now);
    story.take(effects);
    assert_eq!(story.try_checkpoint(json!([])).unwrap_err(), Refusal::Token);
    story.answers(&json!({"Status": "SUCCEEDED", "Result": "1"}));
    assert_eq!(story.told()[1..], ["ExecutionStopped", "InvocationCompleted"]);
    let before = story.execution.clone();
    assert_eq!(story.execution.stop(ErrorObject::default(), story.now), Effects::default());
    assert_eq!(story.execution, before);
}

#[test]
fn a_paused_one_goes_on_waiting_and_is_invoked_when_it_is_resumed() {
    let mut story = Story::begun();
    story.checkpoint(json!([wait("w", 1)]));
    let effects = story.execution.pause(story.now).unwrap();
    story.take(effects);
    story.checkpoint(json!([]));
    assert_eq!(story.execution.status(), "PAUSING", "an invocation that runs is not disturbed");
    assert!(
        story.history.last().unwrap().to_json(true)["ExecutionPausedDetails"]["PauseRequestTimestamp"]
            .is_number()
    );
    story.waits();
    story.sleep();
    assert!(matches!(story.execution.due(story.now), Due::At(_)));
    let effects = story.execution.resume(story.now).unwrap();
    story.take(effects);
    story.invoke();
}

#[test]
fn the_children_of_a_closed_context_are_not_told_again_unless_it_asks_for_them() {
    for (replays, expected) in [(false, 2), (true, 3)] {
        let mut story = Story::begun();
        let context = |action: &str| json!({"Id": "c", "Type": "CONTEXT", "Action": action, "ContextOptions": {"ReplayChildren": replays}});
        let mut inside = step("s", "SUCCEED");
        inside["ParentId"] = "c".into();
        story.checkpoint(json!([context("START"), inside]));
        story.checkpoint(json!([context("SUCCEED"), wait("w", 1)]));
        story.waits();
        story.sleep();
        let operations = story.invoke()["InitialExecutionState"]["Operations"].as_array().unwrap().len();
        assert_eq!(operations, expected + 1, "the execution's own, and the wait");
    }
}

#[test]
fn a_large_state_is_told_in_pages() {
    let mut story = Story::begun();
    let large = |id: &str| {
        let mut update = step(id, "SUCCEED");
        update["Payload"] = "x".repeat(2 << 20).into();
        update
    };
    story.checkpoint(json!([large("a"), large("b"), large("d"), wait("w", 1)]));
    story.waits();
    story.sleep();
    let event = story.invoke();
    let state = &event["InitialExecutionState"];
    let marker = state["NextMarker"].as_str().unwrap();
    assert_eq!((state["Operations"].as_array().unwrap().len(), marker), (3, "2"));
    let rest = story.execution.state(&story.token, marker, Some(1)).unwrap();
    assert_eq!((&rest.operations[0]["Id"], &*rest.next_marker), (&json!("d"), "3"));
    let rest = story.execution.state(&story.token, &rest.next_marker, None).unwrap();
    assert_eq!((rest.operations.len(), &*rest.next_marker), (1, ""));
    assert_eq!(story.execution.state("nonsense", "", None), Err(Refusal::Token));
    assert_eq!(
        story.execution.state(&story.token, "", Some(0)).unwrap().operations.len(),
        3,
        "as if nothing was said"
    );
}

#[test]
fn pages_end_however_small_they_are_and_however_large_what_is_in_them() {
    let mut story = Story::begun();
    let mut large = step("a", "SUCCEED");
    large["Payload"] = "x".repeat(5_500_000).into();
    story.checkpoint(json!([large, step("b", "START"), step("d", "START")]));
    for items in [Some(1), None] {
        let (mut marker, mut ids) = (String::new(), Vec::new());
        loop {
            let page = story.execution.state(&story.token, &marker, items).unwrap();
            ids.extend(page.operations.iter().map(|operation| operation["Id"].as_str().unwrap().to_owned()));
            marker = page.next_marker;
            if marker.is_empty() {
                break;
            }
            assert!(ids.len() < 10, "{ids:?}");
        }
        assert_eq!(ids, ["x", "a", "b", "d"], "{items:?}");
    }
}

#[test]
fn an_invocation_that_was_lost_is_made_again_and_leaves_no_trace() {
    let mut story = Story::begun();
    story.checkpoint(json!([step("s", "START")]));
    let effects = story.execution.end_invocation(InvocationEnd::Lost, story.now);
    assert_eq!(effects, Effects::default());
    let event = story.invoke();
    assert_eq!(event["InitialExecutionState"]["Operations"][1]["Status"], "STARTED");
    story.checkpoint(json!([step("s", "SUCCEED")]));
}
