//! What the embedded Lambda tells while calls run: counted, and kept in the timelines.

use std::time::SystemTime;

use lambda_local::{Observer, Step};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use uuid::Uuid;

use crate::timelines::{Timelines, What};

/// Watches the embedded Lambda.
#[derive(Debug)]
pub struct Watch {
    pub timelines: Timelines,
    pub figures: Figures,
}

/// Steps of asynchronous calls. Clones count into the same.
#[derive(Clone, Debug, Default)]
pub struct Figures(Family<Labels, Counter>);

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Labels {
    step: &'static str,
}

impl Figures {
    pub fn register(&self, registry: &mut Registry) {
        let help = "Steps of asynchronous calls in the embedded Lambda";
        registry.register("event_steps", help, self.0.clone());
    }

    fn count(&self, step: Step<'_>) {
        let step = match step {
            Step::Queued { .. } => "queued",
            Step::Begins { .. } => "attempt",
            Step::Failed { .. } => "failed",
            Step::NoPlace { .. } => "no_place",
            Step::Over { .. } => "over",
        };
        self.0.get_or_create(&Labels { step }).inc();
    }
}

impl Observer for Watch {
    fn line(&self, request_id: Uuid, line: &[&[u8]]) {
        let line = line.concat();
        let text = String::from_utf8_lossy(&line);
        self.timelines.note(request_id, SystemTime::now(), What::Log, text.trim_end());
    }

    fn step(&self, request_id: Uuid, function: &str, step: Step<'_>) {
        self.figures.count(step);
        let now = SystemTime::now();
        let (at, what, text) = match step {
            Step::Queued { at } => (at, What::Queued, format!("for {function}")),
            Step::Begins { attempt } => (now, What::Attempt, format!("{attempt} of {function} begins")),
            Step::Failed { why, pause } => {
                (now, What::Failed, format!("{why}; again in {:.1} s", pause.as_secs_f64()))
            }
            Step::NoPlace { pause } => {
                let text = format!("{function} could not be run; again in {:.1} s", pause.as_secs_f64());
                (now, What::Failed, text)
            }
            Step::Over { condition } => (now, What::Outcome, condition.to_owned()),
        };
        self.timelines.note(request_id, at, what, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_steps_are_kept_and_steps_are_counted() {
        let watch = Watch { timelines: Timelines::default(), figures: Figures::default() };
        let id = Uuid::from_u128(1);
        watch.step(id, "echo", Step::Begins { attempt: 2 });
        watch.line(id, &[b"hel", b"lo\xff \r"]);
        let (_, timeline) = &watch.timelines.find(&id.to_string())[0];
        let told: Vec<_> = timeline.entries().into_iter().map(|entry| (entry.what, &*entry.text)).collect();
        assert_eq!(told, [(What::Attempt, "2 of echo begins"), (What::Log, "hello\u{fffd}")]);
        assert_eq!(watch.figures.0.get_or_create(&Labels { step: "attempt" }).get(), 1);
    }
}
