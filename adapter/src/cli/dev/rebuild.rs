//! Functions are built anew when their sources change, and put in the place of what runs.
//!
//! ```text
//! bell ─► schedule ─(look)─► snapshot, and the one before ─► schedule ─(build)─► languages::prepare ─► replace
//! ```

use std::{
    collections::BTreeSet,
    future::pending,
    path::{self, Path, PathBuf},
    pin::Pin,
    time::{Duration, Instant},
};

use lambda_local::{
    Function, LocalLambda,
    languages::{self, Sources, Tools},
    rust_build::BuildMode,
    template::TemplateFunction,
};
use tokio::{task::block_in_place, time::sleep_until};

mod bell;
mod schedule;
mod snapshot;
mod verdict;

use bell::Bell;
use schedule::{Schedule, Step};
use snapshot::{Snapshot, Stamp};
use verdict::{Verdict, verdict};

use crate::cli::terminal::say;

/// What it takes to make the template's functions ready.
#[derive(Debug)]
pub(super) struct Workshop {
    pub(super) functions: Vec<TemplateFunction>,
    pub(super) tools: Tools,
    pub(super) mode: BuildMode,
    /// The file that they come from.
    pub(super) template: PathBuf,
}

/// Follows what the functions are made from.
#[derive(Debug)]
pub(super) struct Rebuild {
    workshop: Workshop,
    /// Of each function, in order.
    sources: Vec<Sources>,
    bell: Bell,
    seen: Snapshot,
    /// The executables in use, of each function; `None`: what comes next is another.
    in_use: Vec<Option<Stamp>>,
}

/// What a build has come to.
struct Built {
    /// With their places in the template.
    functions: Vec<(usize, Function)>,
    sources: Vec<Option<Sources>>,
    took: Duration,
}

impl Rebuild {
    /// Looks at the sources before the functions are first built, so that no later change is missed. `None`: they cannot be
    /// followed, which was said.
    pub(super) async fn begin(mut workshop: Workshop) -> Option<Self> {
        let bell = Bell::new()
            .inspect_err(|cause| {
                say(format_args!("warning: changes of functions will not be seen ({cause})"))
            })
            .ok()?;
        workshop.template = path::absolute(&workshop.template).unwrap_or(workshop.template);
        let found = languages::sources(&workshop.functions, &workshop.tools, workshop.mode).await;
        let of_each = workshop.functions.iter().zip(found);
        let sources: Vec<_> =
            of_each.map(|(function, found)| found.unwrap_or_else(|| Sources::own_folder(function))).collect();
        let in_use = vec![None; sources.len()];
        let mut rebuild = Self { workshop, sources, bell, seen: Snapshot::default(), in_use };
        rebuild.look();
        for place in rebuild.seen.cut() {
            let place = place.display();
            say(format_args!("warning: {place} holds too many files to see a change of each"));
        }
        Some(rebuild)
    }

    /// Ends when dropped, together with the build that runs.
    pub(super) async fn run(mut self, service: LocalLambda) {
        self.in_use = service.functions().iter().map(|function| stamp(function)).collect();
        let mut schedule = Schedule::default();
        let mut building: Option<Pin<Box<dyn Future<Output = Built> + Send>>> = None;
        loop {
            match schedule.next_step(Instant::now()) {
                Step::Look => schedule.looked(block_in_place(|| self.look())),
                Step::Build(which) => building = Some(Box::pin(self.workshop.build(which))),
                Step::Wait(until) => {
                    let built = async {
                        match &mut building {
                            Some(building) => building.await,
                            None => pending().await,
                        }
                    };
                    let time_has_come = async {
                        match until {
                            Some(until) => sleep_until(until.into()).await,
                            None => pending().await,
                        }
                    };
                    tokio::select! {
                        built = built => {
                            building = None;
                            schedule.built();
                            if self.put_to_work(built, &service) {
                                schedule.sign(Instant::now());
                            }
                        }
                        () = self.bell.rung() => schedule.sign(Instant::now()),
                        () = time_has_come => {}
                    }
                }
            }
        }
    }

    /// The functions whose sources have changed since the last look.
    fn look(&mut self) -> BTreeSet<usize> {
        let places = self.sources.iter().flat_map(|sources| &sources.places).chain([&self.workshop.template]);
        let places: BTreeSet<_> = places.cloned().collect();
        let take = || Snapshot::take(&places, &self.workshop.tools.data_directory);
        if let Err(cause) = self.bell.watch(&take().witnesses()) {
            say(format_args!("warning: some changes of functions will not be seen ({cause})"));
        }
        // What happened before it was watched has not rung.
        let now = take();
        let changed: BTreeSet<_> = now.changed_since(&self.seen).map(Path::to_owned).collect();
        self.seen = now;
        if changed.contains(&self.workshop.template) {
            let template = self.workshop.template.display();
            say(format_args!("{template} has changed; that takes effect when stayput is started again"));
        }
        let is_outdated = |(_, sources): &(usize, &Sources)| !sources.places.is_disjoint(&changed);
        self.sources.iter().enumerate().filter(is_outdated).map(|(at, _)| at).collect()
    }

    /// True: the functions are made from something else now.
    fn put_to_work(&mut self, built: Built, service: &LocalLambda) -> bool {
        let mut has_other_sources = false;
        let mut replaced = Vec::new();
        let running = service.functions();
        for ((at, function), sources) in built.functions.into_iter().zip(built.sources) {
            if let Some(sources) = sources.filter(|sources| *sources != self.sources[at]) {
                self.sources[at] = sources;
                has_other_sources = true;
            }
            let stamp = stamp(&function);
            let is_known = self.sources[at].is_compiled && stamp.is_some() && stamp == self.in_use[at];
            let name = function.name.clone();
            match verdict(&running[at], &function, is_known) {
                Verdict::Unchanged => continue,
                Verdict::Keep(why) => {
                    say(format_args!("error: {name}: {why}; the old one still runs"));
                    // What runs is no longer what the sources say: the next that builds is news.
                    self.in_use[at] = None;
                    continue;
                }
                Verdict::StillUnavailable(why) => {
                    say(format_args!("error: {name} is still unavailable ({why})"))
                }
                Verdict::Replace => replaced.push(name),
            }
            self.in_use[at] = stamp;
            service.replace(function);
        }
        if !replaced.is_empty() {
            let (names, took) = (replaced.join(", "), built.took.as_secs_f64());
            say(format_args!("{names}: updated in {took:.1} s; new calls run the new code"));
        }
        has_other_sources
    }
}

impl Workshop {
    /// Makes functions ready, by their places in the template.
    fn build(&self, which: BTreeSet<usize>) -> impl Future<Output = Built> + Send + use<> {
        let wanted: Vec<_> = which.iter().map(|at| self.functions[*at].clone()).collect();
        let (tools, mode, begun) = (self.tools.clone(), self.mode, Instant::now());
        async move {
            // Before the build: it takes its time, and what it is built from is what was there when it began.
            let sources = languages::sources(&wanted, &tools, mode).await;
            let functions = languages::prepare(wanted, &tools, mode).await;
            Built { functions: which.into_iter().zip(functions).collect(), sources, took: begun.elapsed() }
        }
    }
}

fn stamp(function: &Function) -> Option<Stamp> {
    function.program.as_ref().ok().and_then(|program| Stamp::of(&program.executable))
}
