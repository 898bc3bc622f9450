//! Programs by chance, with losses by chance.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Program {
    Run(i64),
    /// Fails so often first.
    Flaky(u32),
    Sleep(u64),
    Invoke(i64),
    /// In time.
    Timed(i64),
    /// Too late.
    Late,
    Each(Vec<i64>, usize),
    InTurn(Vec<Self>),
    Together(Vec<Self>),
}

use Program::{Each, Flaky, InTurn, Invoke, Late, Run, Sleep, Timed, Together};

fn program() -> impl Strategy<Value = Program> {
    let leaf = prop_oneof![
        (-9_i64..9).prop_map(Run),
        (0_u32..3).prop_map(Flaky),
        (1_u64..100).prop_map(Sleep),
        (-9_i64..9).prop_map(Invoke),
        (-9_i64..9).prop_map(Timed),
        Just(Late),
        (proptest::collection::vec(-9_i64..9, 0..4), 1_usize..3)
            .prop_map(|(inputs, limit)| Each(inputs, limit)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(InTurn),
            proptest::collection::vec(inner, 0..4).prop_map(Together),
        ]
    })
}

/// What it gives.
fn worth(program: &Program) -> i64 {
    match program {
        Run(n) => *n,
        Flaky(failures) => i64::from(*failures),
        Sleep(_) => 0,
        Invoke(n) | Timed(n) => n * 2,
        Late => 1,
        Each(inputs, _) => inputs.iter().sum::<i64>() * 2,
        InTurn(inner) | Together(inner) => inner.iter().map(worth).sum(),
    }
}

/// How often the function is invoked, and how often bodies run to an end that is told.
fn effects(program: &Program) -> (usize, usize) {
    match program {
        Run(_) => (0, 1),
        Flaky(failures) => (0, 1 + usize::try_from(*failures).unwrap()),
        Sleep(_) => (0, 0),
        Invoke(_) | Timed(_) | Late => (1, 0),
        Each(inputs, _) => (inputs.len(), 0),
        InTurn(inner) | Together(inner) => {
            inner.iter().map(effects).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        }
    }
}

const MAIN: Function<(), i64> = Function::new("main");
const STUCK: Function<(), ()> = Function::new("stuck");

/// `place` makes ids of their own, so that nothing depends on what is ready first.
fn run<'a>(
    program: &'a Program,
    step: &'a Step,
    attempts: &'a Attempts,
    place: String,
) -> Pin<Box<dyn Future<Output = Result<i64, Error>> + 'a>> {
    Box::pin(async move {
        Ok(match program {
            Run(n) => step.run(&place, async || Ok(*n)).await?,
            Flaky(failures) => {
                step.run(&place, async || {
                    let mut attempts = attempts.borrow_mut();
                    let attempt = attempts.entry(place.clone()).or_insert(0);
                    *attempt += 1;
                    if *attempt > *failures {
                        Ok(i64::from(*failures))
                    } else {
                        Err(Error::new("Flaky", "not yet"))
                    }
                })
                .await?
            }
            Sleep(seconds) => {
                step.sleep(&place, Duration::from_secs(*seconds)).await?;
                0
            }
            Invoke(n) => step.invoke(&place, &DOUBLE, *n).await?,
            Timed(n) => step.invoke(&place, &DOUBLE, *n).timeout("1d").await?,
            Late => {
                let late = step.invoke(&place, &STUCK, ()).timeout("1m").await;
                i64::from(late.is_err_and(|error| error.is_timeout()))
            }
            Each(inputs, limit) => {
                let doubled = step.invoke_each(&place, &DOUBLE, inputs.iter().copied()).limit(*limit).await;
                doubled.into_iter().sum::<Result<i64, _>>()?
            }
            InTurn(inner) => {
                let mut sum = 0;
                for (at, program) in inner.iter().enumerate() {
                    sum += run(program, step, attempts, format!("{place}.{at}")).await?;
                }
                sum
            }
            Together(inner) => {
                let mut inner: Vec<_> = inner
                    .iter()
                    .enumerate()
                    .map(|(at, program)| Some(run(program, step, attempts, format!("{place}.{at}"))))
                    .collect();
                let mut sum = 0;
                poll_fn(|task| {
                    for place in &mut inner {
                        let Some(work) = place else { continue };
                        if let Poll::Ready(n) = work.as_mut().poll(task) {
                            sum += n?;
                            *place = None;
                        }
                    }
                    if inner.iter().all(Option::is_none) {
                        Poll::Ready(Ok::<_, Error>(sum))
                    } else {
                        Poll::Pending
                    }
                })
                .await?
            }
        })
    })
}

/// Of bodies, by their ids.
type Attempts = RefCell<HashMap<String, u32>>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_program_comes_to_its_end_and_nothing_happens_twice(
        program in program(),
        failures in 0_u32..3,
        lost in proptest::collection::btree_set(1_usize..12, 0..4),
    ) {
        let attempts = Attempts::default();
        let ends = Cell::new(0);
        let main = async |(), step: Step| {
            let worth = run(&program, &step, &attempts, "p".to_owned()).await?;
            ends.set(ends.get() + 1);
            if ends.get() > failures { Ok(worth) } else { Err(Error::new("Own", "not yet")) }
        };
        let double = async |number: i64, step: Step| {
            step.sleep("work", "10s").await?;
            Ok(number * 2)
        };
        let world = World::new().with(&MAIN, main).retries(2).with(&DOUBLE, double).never_ends(&STUCK);
        let world = lost.iter().fold(world, |world, n| world.losing(*n));
        let ran = block_on(world.invoke(&MAIN, ()));
        prop_assert_eq!(ran.result, Ok(worth(&program)));
        prop_assert_eq!((ran.invoked.len(), ran.steps.len()), effects(&program));
    }
}
