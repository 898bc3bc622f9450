//! The journal of whoever is invoked in a simulation.

use lambda_durable::{ErrorObject, Host, OperationUpdate, Resolved, Target};

use super::simulation::Running;
use crate::durable::journal::{Answer, Checkpoint, Journal, JournalError, State};

/// The journal of whoever is invoked.
pub(super) struct Simulated<'s, 'a>(pub(super) &'s Running<'a>);

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
            true => Resolved::Found(Target::default()),
            false => Resolved::Fails(ErrorObject::new(
                "ResourceNotFoundException",
                format!("Function not found: {name}."),
            )),
        };
        let mut host = Host { callback_id: &mut || "callback".to_owned(), resolve: &resolve };
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
