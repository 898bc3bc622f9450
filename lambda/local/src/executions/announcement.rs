//! The end of an execution that was started as an event, told as EventBridge tells it, to whoever is told of events' ends.

use std::sync::Arc;

use event_queue::{Batch, Error, Refusal, RowId};
use jiff::Timestamp;
use lambda_durable::{End, Execution, Moment};
use lambda_protocol::status_change::{Detail, StatusChange};
use tokio::time::sleep;
use uuid::Uuid;

use super::{About, Executions, WRITE_PAUSE};
use crate::{
    events::{MessageAttributes, targets::Target},
    settings::Settings,
};

impl Executions {
    /// Once, or twice if this process ends meanwhile. Nothing, where nobody is told.
    pub(super) async fn announce(self: &Arc<Self>, id: &str) {
        let settings = &self.runner.driver.settings;
        let (Some(queue), Some(Target::Sqs(name))) =
            (&self.queue, settings.destination.as_deref().map(|arn| Target::parse(arn, settings)))
        else {
            return;
        };
        let told = self.look(id, |about, execution| {
            let is_ours = about.is_event && about.parent.is_none();
            execution.end.as_ref().filter(|_| is_ours).map(|end| told(about, execution, end, settings))
        });
        let Ok(Some(body)) = told.await else { return };
        let id = RowId::parse(&format!("{id}.{}", Uuid::new_v4())).expect("ids are visible ASCII");
        loop {
            let row = MessageAttributes::default().row(name.clone(), id.clone(), body.clone().into());
            match queue.submit(Batch::new().put(row)).await {
                Ok(_) => return,
                Err(Error::Refused(Refusal::Busy | Refusal::Locked | Refusal::DiskFull))
                    if !self.runner.driver.is_closing() =>
                {
                    sleep(WRITE_PAUSE).await;
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, id = id.as_str(), "an execution's end is not told");
                    return;
                }
            }
        }
    }
}

/// `2026-11-25T02:26:54.123Z`.
fn moment(Moment(ms): Moment) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn told(about: &About, execution: &Execution, end: &End, settings: &Settings) -> Vec<u8> {
    let detail = Detail {
        durable_execution_arn: execution.arn.clone(),
        durable_execution_name: about.name.clone(),
        function_arn: about.version_arn(settings),
        status: execution.status().to_owned(),
        start_timestamp: moment(execution.started),
        end_timestamp: Some(moment(end.at)),
    };
    let (account, region) = (settings.account.clone(), settings.region.clone());
    StatusChange::new(Uuid::new_v4().to_string(), account, region, moment(end.at), detail).encode()
}
