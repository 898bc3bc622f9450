//! Executions of many functions under one clock.

use std::{
    cell::{Cell, RefCell},
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    time::{Duration, SystemTime},
};

use lambda_durable::{
    Child, ChildEnd, Due, Effects, ErrorObject, Event, Execution, InvocationEnd, Moment, NewExecution,
    OperationUpdate, Outcome, Resolved, What, limits::DELAY_MAX_S,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::{BEGINNING_MS, Happening, Ran};
use crate::{
    Context, Error,
    durable::{
        Function, RUN, Registered, Step,
        handler::{Handler, Typed},
        invocation::{Host, answer},
        journal::{Answer, Checkpoint, Journal, JournalError, State},
        resolver::Resolver,
    },
    event_function,
    panics::caught,
    testing,
};

/// A function of the world.
pub(super) struct Known<'a> {
    /// Id or Lambda name.
    name: String,
    /// As Lambda is asked for it.
    target: String,
    pub(super) role: Role<'a>,
    /// What it takes.
    pub(super) seconds: u64,
}

pub(super) enum Role<'a> {
    Durable(Registered<'a>),
    Plain(Box<dyn PlainHandler + 'a>),
    Fixed(Result<String, ErrorObject>),
    Endless,
}

impl<'a> Known<'a> {
    pub(super) fn new<In, Out>(function: &Function<In, Out>, role: Role<'a>) -> Self {
        let target = Resolver::default().target(function.name()).unwrap_or_default();
        Self { name: function.to_string(), target, role, seconds: 0 }
    }

    pub(super) fn is<In, Out>(&self, function: &Function<In, Out>) -> bool {
        self.name == function.to_string() && matches!(self.role, Role::Durable(_))
    }
}

/// An ordinary function's handler, types aside.
pub(super) trait PlainHandler {
    fn call(&self, input: String) -> Pin<Box<dyn Future<Output = Result<String, Error>> + '_>>;
}

pub(super) struct Plain<F, In, Out>(F, PhantomData<fn(In) -> Out>);

impl<F, In, Out> Plain<F, In, Out> {
    pub(super) fn new(handler: F) -> Self {
        Self(handler, PhantomData)
    }
}

impl<F, In, Out> PlainHandler for Plain<F, In, Out>
where
    F: AsyncFn(In, Context) -> Result<Out, Error>,
    In: DeserializeOwned,
    Out: Serialize,
{
    fn call(&self, input: String) -> Pin<Box<dyn Future<Output = Result<String, Error>> + '_>> {
        Box::pin(async move {
            let event = RawValue::from_string(input)?;
            let answer = event_function::call(&self.0, &event, testing::context()).await?;
            Ok(event_function::encode(&answer)?.get().to_owned())
        })
    }
}

/// An execution under way: [`World::start`](super::World::start).
pub struct Running<'a> {
    functions: Vec<Known<'a>>,
    resolver: Rc<Resolver>,
    now: Rc<Cell<u64>>,
    state: RefCell<Going>,
}

#[derive(Default)]
struct Going {
    /// The first is the one that it is all about.
    executions: Vec<Sim>,
    /// Ends that are known before they come.
    ends: Vec<(Moment, Parent, ChildEnd)>,
    /// Ordinary functions that are to be called.
    calls: Vec<(usize, Parent, String)>,
    invoked: Vec<(String, String)>,
    lost: Vec<usize>,
}

struct Sim {
    execution: Execution,
    /// `None`: the handler that the test gives.
    function: Option<usize>,
    parent: Option<Parent>,
    history: Vec<Event>,
    invocations: usize,
    checkpoints: usize,
}

/// An execution, and the operation of it that waits.
#[derive(Clone)]
struct Parent(usize, String);

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

    fn now(&self) -> Moment {
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
    fn follow(&self, at: usize, effects: Effects) {
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
            Role::Plain(_) => state.calls.push((function, parent, child.input)),
            Role::Fixed(answer) => {
                let end = answer.clone().map_or_else(ChildEnd::Failed, ChildEnd::Succeeded);
                state.ends.push((self.now().plus_seconds(known.seconds), parent, end));
            }
            Role::Endless => {}
        }
    }

    /// One thing that happens, or time that passes until something does.
    async fn next(&self, given: Option<(&dyn Handler, u32)>) {
        let call = self.state.borrow_mut().calls.pop();
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

/// The journal of whoever is invoked.
struct Simulated<'s, 'a>(&'s Running<'a>);

impl Simulated<'_, '_> {
    fn find(&self, arn: &str) -> Result<usize, JournalError> {
        let state = self.0.state.borrow();
        let at = state.executions.iter().position(|sim| sim.execution.arn == arn);
        at.ok_or_else(|| refused(404, "there is no such execution"))
    }
}

impl Journal for Simulated<'_, '_> {
    async fn checkpoint(&self, call: &Checkpoint<'_>) -> Result<Answer, JournalError> {
        let at = self.find(call.arn)?;
        // Through JSON, as on the wire.
        let updates =
            serde_json::to_value(call.updates).and_then(serde_json::from_value::<Vec<OperationUpdate>>);
        let updates = updates.map_err(|error| refused(400, &error.to_string()))?;
        let resolve = |name: &str| match self.0.functions.iter().any(|known| known.target == name) {
            true => Resolved::Found,
            false => Resolved::Fails(ErrorObject::new(
                "ResourceNotFoundException",
                format!("Function not found: {name}."),
            )),
        };
        let mut host = lambda_durable::Host { callback_id: &mut || "callback".to_owned(), resolve: &resolve };
        let mut state = self.0.state.borrow_mut();
        let sim = &mut state.executions[at];
        sim.checkpoints += 1;
        let checkpoints = sim.checkpoints;
        let written = sim.execution.checkpoint(call.token, None, &updates, &mut host, self.0.now());
        let is_lost = at == 0 && state.lost.contains(&checkpoints);
        drop(state);
        let (answer, effects) = written.map_err(|refusal| refused(400, &refusal.to_string()))?;
        self.0.follow(at, effects);
        if is_lost {
            return Err(JournalError::Unreachable("the test has lost the answer".to_owned()));
        }
        serde_json::from_value(answer.to_json()).map_err(|error| JournalError::Answer(error.to_string()))
    }

    async fn state(&self, arn: &str, token: &str, marker: &str) -> Result<State, JournalError> {
        let at = self.find(arn)?;
        let state = self.0.state.borrow();
        let page = state.executions[at].execution.state(token, marker, None);
        let page = page.map_err(|refusal| refused(400, &refusal.to_string()))?;
        Ok(State { operations: page.operations, next_marker: Some(page.next_marker) })
    }
}

fn refused(status: u16, message: &str) -> JournalError {
    let error_type = "InvalidParameterValueException".to_owned();
    JournalError::Refused { status, error_type, message: message.to_owned() }
}
