//! Executions of many functions under one clock.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::{Duration, SystemTime},
};

use lambda_durable::{
    Child, ChildEnd, Due, Effects, ErrorObject, Event, Execution, InvocationEnd, Moment, NewExecution,
    Outcome, What, limits::DELAY_MAX_S,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    BEGINNING_MS, Happening, Ran,
    journal::Simulated,
    roles::{Known, Role},
};
use crate::{
    Error,
    durable::{
        RUN, Step,
        handler::{Handler, Typed},
        invocation::{Host, answer},
        resolver::Resolver,
    },
    event_function,
    panics::caught,
};

/// An execution under way: [`World::start`](super::World::start).
pub struct Running<'a> {
    pub(super) functions: Vec<Known<'a>>,
    resolver: Rc<Resolver>,
    now: Rc<Cell<u64>>,
    pub(super) state: RefCell<Going>,
}

#[derive(Default)]
pub(super) struct Going {
    /// The first is the one that it is all about.
    pub(super) executions: Vec<Sim>,
    /// Ends that are known before they come.
    ends: Vec<(Moment, Parent, ChildEnd)>,
    /// Ordinary functions that are to be called.
    calls: VecDeque<(usize, Parent, String)>,
    invoked: Vec<(String, String)>,
    pub(super) lost: Vec<usize>,
}

pub(super) struct Sim {
    pub(super) execution: Execution,
    /// `None`: the handler that the test gives.
    function: Option<usize>,
    parent: Option<Parent>,
    history: Vec<Event>,
    invocations: usize,
    pub(super) checkpoints: usize,
}

/// An execution, and the operation of it that waits.
#[derive(Clone)]
pub(super) struct Parent(usize, String);

impl<'a> Running<'a> {
    pub(super) fn new(functions: Vec<Known<'a>>, lost: Vec<usize>, input: String) -> Self {
        let resolver = Resolver::default().knowing(functions.iter().map(|known| known.name.clone()));
        let running = Self {
            functions,
            resolver: Rc::new(resolver),
            now: Rc::new(Cell::new(BEGINNING_MS)),
            state: RefCell::new(Going { lost, ..Going::default() }),
        };
        running.begin(None, None, input);
        running
    }

    /// The next invocation, once there is reason for one, with this code. Whether the execution goes on after it.
    pub async fn invocation<In, Out>(&mut self, handler: impl AsyncFn(In, Step) -> Result<Out, Error>) -> bool
    where
        In: DeserializeOwned,
        Out: Serialize,
    {
        let handler: Typed<_, In, Out> = Typed::new(handler);
        let before = self.state.borrow().executions[0].invocations;
        while self.is_going_on() && self.state.borrow().executions[0].invocations == before {
            self.next(Some((&handler, 0))).await;
        }
        self.is_going_on()
    }

    /// All that is left, with this code.
    pub async fn finish<In, Out>(self, handler: impl AsyncFn(In, Step) -> Result<Out, Error>) -> Ran<Out>
    where
        In: DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let handler: Typed<_, In, Out> = Typed::new(handler);
        while self.is_going_on() {
            self.next(Some((&handler, 0))).await;
        }
        self.ran()
    }

    pub(super) async fn finish_known<Out: DeserializeOwned>(self, at: usize) -> Ran<Out> {
        self.state.borrow_mut().executions[0].function = Some(at);
        while self.is_going_on() {
            self.next(None).await;
        }
        self.ran()
    }

    fn is_going_on(&self) -> bool {
        self.state.borrow().executions[0].execution.end.is_none()
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.now.get())
    }

    fn begin(&self, function: Option<usize>, parent: Option<Parent>, input: String) {
        let id = self.state.borrow().executions.len();
        let arn =
            format!("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST/durable-execution/{id}/{id}");
        let new = NewExecution { id: id.to_string(), arn, input, timeout_s: DELAY_MAX_S };
        let (execution, effects) = Execution::start(new, self.now());
        let sim = Sim { execution, function, parent, history: Vec::new(), invocations: 0, checkpoints: 0 };
        self.state.borrow_mut().executions.push(sim);
        self.follow(id, effects);
    }

    /// What follows from a transition of an execution.
    pub(super) fn follow(&self, at: usize, effects: Effects) {
        let mut state = self.state.borrow_mut();
        state.executions[at].history.extend(effects.events);
        drop(state);
        for child in effects.children {
            self.invoke(at, child);
        }
        let mut state = self.state.borrow_mut();
        let sim = &mut state.executions[at];
        let Some(end) = &sim.execution.end else { return };
        let how = match &end.how {
            Outcome::Succeeded(result) => ChildEnd::Succeeded(result.clone()),
            Outcome::Failed(error) => ChildEnd::Failed(error.clone()),
            Outcome::TimedOut => ChildEnd::TimedOut(ErrorObject::new("ChainedInvoke.Timeout", "timed out")),
            Outcome::Stopped(error) => ChildEnd::Stopped(error.clone()),
        };
        if let Some(parent) = sim.parent.take() {
            let seconds = sim.function.map_or(0, |function| self.functions[function].seconds);
            state.ends.push((self.now().plus_seconds(seconds), parent, how));
        }
    }

    fn invoke(&self, at: usize, child: Child) {
        let Some(function) = self.functions.iter().position(|known| known.target == child.function) else {
            return;
        };
        let known = &self.functions[function];
        let parent = Parent(at, child.operation);
        let mut state = self.state.borrow_mut();
        state.invoked.push((known.name.clone(), child.input.clone()));
        match &known.role {
            Role::Durable(_) => {
                drop(state);
                self.begin(Some(function), Some(parent), child.input);
            }
            Role::Plain(_) => state.calls.push_back((function, parent, child.input)),
            Role::Fixed(end) => {
                state.ends.push((self.now().plus_seconds(known.seconds), parent, end.clone()));
            }
            Role::Endless => {}
        }
    }

    /// One thing that happens, or time that passes until something does.
    async fn next(&self, given: Option<(&dyn Handler, u32)>) {
        let call = self.state.borrow_mut().calls.pop_front();
        if let Some((function, parent, input)) = call {
            return self.call(function, parent, input).await;
        }
        if let Some((parent, end)) = self.take_end() {
            let mut state = self.state.borrow_mut();
            let effects = state.executions[parent.0].execution.child_ended(&parent.1, end, self.now());
            drop(state);
            return self.follow(parent.0, effects);
        }
        // Who was invoked last comes first, so whoever waits for many hears of all that are quick at once.
        let due = |due: Due| {
            let state = self.state.borrow();
            state.executions.iter().rposition(|sim| sim.execution.due(self.now()) == due)
        };
        if let Some(at) = due(Due::Invoke) {
            return self.invocation_of(at, given).await;
        }
        let next = self.next_moment();
        self.now.set(next.0.max(self.now.get()));
        let count = self.state.borrow().executions.len();
        for at in 0..count {
            let effects = self.state.borrow_mut().executions[at].execution.tick(self.now());
            self.follow(at, effects);
        }
    }

    fn take_end(&self) -> Option<(Parent, ChildEnd)> {
        let mut state = self.state.borrow_mut();
        let at = state.ends.iter().position(|(moment, ..)| *moment <= self.now())?;
        let (_, parent, end) = state.ends.remove(at);
        Some((parent, end))
    }

    fn next_moment(&self) -> Moment {
        let state = self.state.borrow();
        let timers = state.executions.iter().filter_map(|sim| match sim.execution.due(self.now()) {
            Due::At(moment) => Some(moment),
            Due::Invoke | Due::Over => None,
        });
        timers
            .chain(state.ends.iter().map(|(moment, ..)| *moment))
            .min()
            .expect("an execution has a deadline")
    }

    async fn call(&self, function: usize, parent: Parent, input: String) {
        let known = &self.functions[function];
        let Role::Plain(handler) = &known.role else { unreachable!("only ordinary functions are called") };
        let end = match caught(handler.call(input)).await {
            Ok(answer) => ChildEnd::Succeeded(answer),
            Err(error) => ChildEnd::Failed(error.to_object()),
        };
        let at = self.now().plus_seconds(known.seconds);
        self.state.borrow_mut().ends.push((at, parent, end));
    }

    async fn invocation_of(&self, at: usize, given: Option<(&dyn Handler, u32)>) {
        let (event, function) = self.begin_invocation(at);
        let (handler, retries) = match function.map(|function| &self.functions[function].role) {
            Some(Role::Durable(registered)) => (&*registered.handler, registered.retries),
            Some(Role::Plain(_) | Role::Fixed(_) | Role::Endless) => unreachable!("it is a durable one"),
            None => given.expect("a handler is given where no function is known"),
        };
        let host =
            Host { journal: Simulated(self), resolver: Rc::clone(&self.resolver), clock: self.clock() };
        let end = match caught(answer(&host, handler, retries, &event)).await {
            Ok(answer) => InvocationEnd::Answered(answer.get().as_bytes().to_vec()),
            Err(error) => InvocationEnd::Failed(error.to_object()),
        };
        let effects = self.state.borrow_mut().executions[at].execution.end_invocation(end, self.now());
        self.follow(at, effects);
    }

    /// Its event, and whose it is.
    fn begin_invocation(&self, at: usize) -> (Box<RawValue>, Option<usize>) {
        let mut state = self.state.borrow_mut();
        let sim = &mut state.executions[at];
        sim.invocations += 1;
        let request_id = format!("request-{}", sim.invocations);
        let begun = sim.execution.begin_invocation(&request_id, self.now());
        (to_raw_value(&begun.event).expect("an event is JSON"), sim.function)
    }

    fn clock(&self) -> Rc<dyn Fn() -> SystemTime> {
        let now = Rc::clone(&self.now);
        Rc::new(move || SystemTime::UNIX_EPOCH + Duration::from_millis(now.get()))
    }

    fn ran<Out: DeserializeOwned>(self) -> Ran<Out> {
        let Going { mut executions, invoked, .. } = self.state.into_inner();
        let Sim { execution, history, invocations, checkpoints, .. } = executions.swap_remove(0);
        let result = match execution.end.map(|end| end.how) {
            Some(Outcome::Succeeded(text)) => event_function::decode(&text),
            Some(Outcome::Failed(error)) => Err(Error::from_object(error)),
            Some(Outcome::TimedOut) | None => Err(Error::new("TimedOut", "the execution's time was over")),
            Some(Outcome::Stopped(error)) => Err(Error::from_object(error)),
        };
        let name = |event: &Event| event.subject.as_ref().and_then(|subject| subject.name.clone());
        let is_body_end = |event: &&Event| {
            matches!(event.what, What::StepSucceeded | What::StepFailed)
                && event.subject.as_ref().is_some_and(|subject| subject.sub_type.as_deref() == Some(RUN))
        };
        let since = |moment: Moment| Duration::from_millis(moment.0.saturating_sub(BEGINNING_MS));
        Ran {
            result,
            invocations,
            checkpoints,
            steps: history.iter().filter(is_body_end).filter_map(name).collect(),
            invoked,
            history: history
                .iter()
                .map(|event| Happening { at: since(event.at), what: event.what.as_str(), step: name(event) })
                .collect(),
            elapsed: since(Moment(self.now.get())),
        }
    }
}
