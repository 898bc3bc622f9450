//! Checkpoints: a function says what it has begun and what it has done. All of it is taken, or nothing.

mod rules;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Child, Effects, Execution, Outcome};
use crate::{
    error::{ErrorObject, Refusal},
    history::{Subject, What, wrapped},
    limits::REPLAY_MS,
    operation::{Kind, Operation, OperationType, Status},
    time::{Moment, Notation},
    update::{Action, OperationUpdate},
};

/// What a checkpoint needs that is not the execution's own.
pub struct Host<'a> {
    /// A new callback's id, which nobody can guess.
    pub callback_id: &'a mut dyn FnMut() -> String,
    /// What a name or ARN leads to.
    pub resolve: &'a dyn Fn(&str) -> Resolved,
}

/// What the target of an invocation is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolved {
    Found(Target),
    /// Not there, or not to be invoked so: its operation fails with this.
    Fails(ErrorObject),
    /// No name at all, or another account's or region's: the whole checkpoint is refused, with this text.
    Refused(String),
}

/// What a checkpoint is answered with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Answer {
    /// For the next one.
    pub token: String,
    /// Everything that the function has not been told yet, its own updates among it.
    pub operations: Vec<Value>,
}

/// The last checkpoint, for whoever sends it again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Last {
    client_token: String,
    token: String,
    answer: Answer,
    at: Moment,
}

/// A function that is there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Target {
    /// Which of its versions runs. `None`: that is not known.
    pub version: Option<String>,
    /// The execution that is to begin. `None`: the function is not durable.
    pub execution_arn: Option<String>,
}

impl Answer {
    /// Source: service model, `CheckpointDurableExecutionResponse`.
    pub fn to_json(&self) -> Value {
        let state = json!({ "Operations": self.operations, "NextMarker": null });
        json!({ "CheckpointToken": self.token, "NewExecutionState": state })
    }
}

impl Execution {
    /// Takes a function's updates over. None is legal: it asks what is new.
    ///
    /// # Errors
    /// The token is stale, or an update breaks a rule; nothing has changed then.
    pub fn checkpoint(
        &mut self,
        token: &str,
        client_token: Option<&str>,
        updates: &[OperationUpdate],
        host: &mut Host<'_>,
        now: Moment,
    ) -> Result<(Answer, Effects), Refusal> {
        if let (Some(last), Some(client_token)) = (&self.last, client_token)
            && last.client_token == client_token
            && last.token == token
            && now.0.saturating_sub(last.at.0) <= REPLAY_MS
        {
            return Ok((last.answer.clone(), Effects::default()));
        }
        // Once its time is over or its end is recorded, it is as good as over.
        let is_over = self.end.is_some() || self.recorded.is_some() || self.deadline <= now;
        if is_over || self.running.is_none() || token != self.token() {
            return Err(Refusal::Token);
        }
        rules::check(self, updates, host, now)?;
        let mut effects = self.tick(now);
        for update in updates {
            self.apply(update, &mut effects, host, now);
        }
        let operations = self.unseen();
        self.seen = self.changes;
        self.updated.clear();
        if let Some(running) = &mut self.running {
            running.sequence += 1;
        }
        let answer = Answer { token: self.token(), operations };
        self.last = client_token.map(|client_token| Last {
            client_token: client_token.to_owned(),
            token: token.to_owned(),
            answer: answer.clone(),
            at: now,
        });
        Ok((answer, effects))
    }

    pub(super) fn find(&self, id: &str) -> Option<&Operation> {
        self.places.get(id).map(|at| &self.operations[*at])
    }

    fn unseen(&self) -> Vec<Value> {
        let news = self.operations.iter().filter(|operation| operation.changed > self.seen);
        news.map(|operation| operation.to_json(Notation::Seconds)).collect()
    }

    /// The rules have been kept.
    fn apply(&mut self, update: &OperationUpdate, effects: &mut Effects, host: &mut Host<'_>, now: Moment) {
        let OperationUpdate { payload, error, .. } = update;
        match (update.operation_type, update.action) {
            (OperationType::Execution, Action::Fail) => {
                self.recorded = Some(Outcome::Failed(error.clone().unwrap_or_default()));
            }
            (OperationType::Execution, _) => {
                self.recorded = Some(Outcome::Succeeded(payload.clone().unwrap_or_default()));
            }
            (OperationType::Step, action) => self.apply_to_step(update, action, effects, now),
            (OperationType::Context, Action::Start) => {
                let kind = Kind::Context { result: None, error: None, replay_children: false };
                self.open(update, kind, What::ContextStarted, json!({}), effects, now);
            }
            (OperationType::Context, action) => {
                let at = self.places[&update.id];
                if let Kind::Context { result, error: failure, replay_children } =
                    &mut self.operations[at].kind
                {
                    (*result, *failure) = (payload.clone(), error.clone());
                    *replay_children = update.context_options.unwrap_or_default().replay_children;
                }
                let (status, what) = match action {
                    Action::Fail => (Status::Failed, What::ContextFailed),
                    _ => (Status::Succeeded, What::ContextSucceeded),
                };
                self.end_operation(at, status, what, effects, now);
            }
            (OperationType::Wait, Action::Start) => {
                let seconds = update.wait_options.unwrap_or_default().wait_seconds;
                let until = now.plus_seconds(seconds);
                let details =
                    json!({ "Duration": seconds, "ScheduledEndTimestamp": until.write(Notation::Seconds) });
                self.open(update, Kind::Wait { until, seconds }, What::WaitStarted, details, effects, now);
            }
            (OperationType::Wait, _) => {
                let at = self.places[&update.id];
                self.end_operation(at, Status::Cancelled, What::WaitCancelled, effects, now);
            }
            (OperationType::Callback, _) => {
                let options = update.callback_options.unwrap_or_default();
                let callback = (host.callback_id)();
                let after = |seconds: u64| (seconds > 0).then(|| now.plus_seconds(seconds));
                let kind = Kind::Callback {
                    callback: callback.clone(),
                    timeout: after(options.timeout_seconds),
                    heartbeat_s: options.heartbeat_timeout_seconds,
                    heartbeat: after(options.heartbeat_timeout_seconds),
                    result: None,
                    error: None,
                };
                let mut details = json!({ "CallbackId": callback });
                let limits = [
                    ("Timeout", options.timeout_seconds),
                    ("HeartbeatTimeout", options.heartbeat_timeout_seconds),
                ];
                for (name, seconds) in limits.into_iter().filter(|(_, seconds)| *seconds > 0) {
                    details[name] = seconds.into();
                }
                self.open(update, kind, What::CallbackStarted, details, effects, now);
            }
            (OperationType::ChainedInvoke, _) => self.invoke(update, effects, host, now),
        }
    }

    fn apply_to_step(
        &mut self,
        update: &OperationUpdate,
        action: Action,
        effects: &mut Effects,
        now: Moment,
    ) {
        let at = match self.places.get(&update.id) {
            Some(at) => *at,
            None => {
                let kind = Kind::Step { attempt: 0, next_attempt: None, result: None, error: None };
                self.open(update, kind, What::StepStarted, json!({}), effects, now)
            }
        };
        let was = self.operations[at].status;
        let Kind::Step { attempt, next_attempt, result, error } = &mut self.operations[at].kind else {
            return;
        };
        if action == Action::Start {
            if was == Status::Ready {
                let subject = Subject::of(&self.operations[at]);
                self.operations[at].status = Status::Started;
                self.touch(at, effects);
                self.tell(effects, now, What::StepStarted, Some(subject), json!({}));
            }
            return;
        }
        *attempt += 1;
        (*result, *error) = (update.payload.clone(), update.error.clone());
        let attempt = *attempt;
        let mut details = wrapped(result.as_deref(), error.as_ref());
        details["RetryDetails"] = json!({ "CurrentAttempt": attempt });
        let mut what = if error.is_some() { What::StepFailed } else { What::StepSucceeded };
        match action {
            Action::Retry => {
                let delay = update.step_options.unwrap_or_default().next_attempt_delay_seconds;
                *next_attempt = Some(now.plus_seconds(delay));
                details["RetryDetails"]["NextAttemptDelaySeconds"] = delay.into();
                self.operations[at].status = Status::Pending;
            }
            Action::Fail => {
                what = What::StepFailed;
                (self.operations[at].status, self.operations[at].ended) = (Status::Failed, Some(now));
            }
            Action::Start | Action::Succeed | Action::Cancel => {
                (self.operations[at].status, self.operations[at].ended) = (Status::Succeeded, Some(now));
            }
        }
        let subject = Subject::of(&self.operations[at]);
        self.touch(at, effects);
        self.tell(effects, now, what, Some(subject), details);
    }

    /// The target is looked for now: what is not there fails at once, and its input is not kept.
    fn invoke(&mut self, update: &OperationUpdate, effects: &mut Effects, host: &mut Host<'_>, now: Moment) {
        let options = update.chained_invoke_options.clone().unwrap_or_default();
        let input = update.payload.clone().unwrap_or_else(|| "{}".to_owned());
        let (target, error) = match (host.resolve)(&options.function_name) {
            Resolved::Found(target) => (target, None),
            // The rules have asked before.
            Resolved::Refused(_) => (Target::default(), None),
            Resolved::Fails(error) => (Target::default(), Some(error)),
        };
        let is_found = error.is_none();
        let kind = Kind::ChainedInvoke {
            function: options.function_name.clone(),
            tenant: options.tenant_id.clone(),
            input: is_found.then(|| input.clone()),
            result: None,
            error,
        };
        let mut details = json!({ "FunctionName": options.function_name });
        if let Some(tenant) = &options.tenant_id {
            details["TenantId"] = tenant.clone().into();
        }
        if is_found {
            details["Input"] = json!({ "Payload": input, "Truncated": false });
        }
        let told = [("ExecutedVersion", &target.version), ("DurableExecutionArn", &target.execution_arn)];
        for (name, value) in told {
            if let Some(value) = value {
                details[name] = value.clone().into();
            }
        }
        let at = self.open(update, kind, What::ChainedInvokeStarted, details, effects, now);
        if is_found {
            let (operation, function, tenant) = (update.id.clone(), options.function_name, options.tenant_id);
            let execution_arn = target.execution_arn;
            effects.children.push(Child { operation, function, tenant, input, execution_arn });
        } else {
            self.end_operation(at, Status::Failed, What::ChainedInvokeFailed, effects, now);
        }
    }

    /// A new operation, and its place.
    fn open(
        &mut self,
        update: &OperationUpdate,
        kind: Kind,
        what: What,
        details: Value,
        effects: &mut Effects,
        now: Moment,
    ) -> usize {
        let at = self.operations.len();
        let operation = Operation {
            id: update.id.clone(),
            parent: update.parent_id.clone(),
            name: update.name.clone(),
            sub_type: update.sub_type.clone(),
            status: Status::Started,
            started: now,
            ended: None,
            kind,
            changed: 0,
        };
        let subject = Subject::of(&operation);
        self.places.insert(operation.id.clone(), at);
        self.operations.push(operation);
        self.touch(at, effects);
        self.tell(effects, now, what, Some(subject), details);
        at
    }
}
