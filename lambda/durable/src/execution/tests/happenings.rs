use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What may happen at any moment, of which some is refused.
#[derive(Clone, Debug)]
enum Happening {
    Checkpoint(Vec<Value>),
    Tick(u64),
    Child(bool),
    Callback,
    Pending,
    Crash,
    Lost,
    Pause,
    Resume,
}

fn happening() -> impl Strategy<Value = Happening> {
    let id = prop::sample::select(vec!["a", "b", "c"]);
    let update = (id, 0..8u8).prop_map(|(id, kind)| match kind {
        0 => step(id, "START"),
        1 => step(id, "SUCCEED"),
        2 => json!({"Id": id, "Type": "STEP", "Action": "RETRY", "StepOptions": {"NextAttemptDelaySeconds": 2}}),
        3 => wait(id, 3),
        4 => invoke(id, "child"),
        5 => json!({"Id": id, "Type": "CONTEXT", "Action": "START"}),
        6 => json!({"Id": id, "Type": "CALLBACK", "Action": "START", "CallbackOptions": {"TimeoutSeconds": 4}}),
        _ => json!({"Id": id, "Type": "WAIT", "Action": "CANCEL"}),
    });
    prop_oneof![
        4 => prop::collection::vec(update, 0..3).prop_map(Happening::Checkpoint),
        3 => (0u64..4_000).prop_map(Happening::Tick),
        1 => any::<bool>().prop_map(Happening::Child),
        1 => Just(Happening::Callback),
        3 => Just(Happening::Pending),
        1 => Just(Happening::Crash),
        1 => Just(Happening::Lost),
        1 => Just(Happening::Pause),
        1 => Just(Happening::Resume),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_what_is_over_stays_and_nobody_is_forgotten(all in prop::collection::vec(happening(), 0..60)) {
        let mut story = Story::new();
        for one in all {
            if story.execution.end.is_none() && story.execution.due(story.now) == Due::Invoke {
                story.invoke();
            }
            let before = story.execution.clone();
            match one {
                Happening::Checkpoint(updates) => drop(story.try_checkpoint(updates.into())),
                Happening::Tick(ms) => {
                    story.now = story.now.plus_ms(ms);
                    let effects = story.execution.tick(story.now);
                    story.take(effects);
                }
                Happening::Child(succeeds) => {
                    let end = if succeeds {
                        ChildEnd::Succeeded("1".to_owned())
                    } else {
                        ChildEnd::Failed(ErrorObject::default())
                    };
                    let effects = story.execution.child_ended("a", end, story.now);
                    story.take(effects);
                }
                Happening::Callback => {
                    if let Ok(effects) = story.execution.end_callback("callback-1", CallbackEnd::Succeeded("1".to_owned()), story.now) {
                        story.take(effects);
                    }
                }
                Happening::Pending => story.waits(),
                Happening::Crash => {
                    let effects = story.execution.end_invocation(InvocationEnd::Failed(ErrorObject::default()), story.now);
                    story.take(effects);
                }
                Happening::Lost => drop(story.execution.end_invocation(InvocationEnd::Lost, story.now)),
                Happening::Pause => drop(story.execution.pause(story.now)),
                Happening::Resume => drop(story.execution.resume(story.now)),
            }
            for (was, is) in before.operations().iter().zip(story.execution.operations()) {
                prop_assert_eq!(&was.id, &is.id);
                if was.status.is_over() {
                    prop_assert_eq!(was, is, "over is over");
                }
            }
            if before.end.is_some() {
                prop_assert_eq!(&before, &story.execution);
            }
            // There is always somebody to go on with it: an invocation, a timer, or the end.
            match story.execution.due(story.now) {
                Due::Invoke => prop_assert!(story.execution.running.is_none() && !story.execution.is_paused),
                Due::At(at) => prop_assert!(at <= story.execution.deadline),
                Due::Over => prop_assert!(story.execution.end.is_some()),
            }
        }
        let numbers: Vec<u64> = story.history.iter().map(|event| event.number).collect();
        prop_assert!(numbers.is_sorted_by(|one, next| one < next));
    }
}
