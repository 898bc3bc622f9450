use std::{
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body_util::Full;
use stayput_core::{DIALECTS, limits::Limits};

use super::*;
use crate::{
    access_log::AccessLog,
    backend::{BackendFuture, LambdaBackend, Reply, ReplyBody},
    buffer::BufferBudget,
    config::{LogFormat, SourceFile, Sources},
    gateway::Gateway,
    metrics::Levels,
    telemetry::Telemetry,
};

/// A Lambda that answers everything, a moment later.
#[derive(Debug)]
struct Prompt;

impl LambdaBackend for Prompt {
    fn call(&self, _: request::Parts, _: Bytes) -> BackendFuture<'_> {
        Box::pin(async {
            tokio::task::yield_now().await;
            let (head, ()) = Response::new(()).into_parts();
            Ok(Reply { head, body: ReplyBody::Whole(Bytes::from_static(b"{}")) })
        })
    }
}

/// A gateway, its configuration's text, and what reloads it.
struct Setup {
    gateway: Arc<Gateway>,
    text: Arc<Mutex<String>>,
    reload: Reload,
}

fn check(text: &str) -> Result<Config, ConfigError> {
    let file = (text != GONE).then(|| SourceFile { name: "s.toml".into(), text: text.into() });
    Ok(Config::check(&Sources { file, ..Sources::default() })?)
}

impl Setup {
    fn new(text: &str) -> Self {
        let config = check(text).unwrap();
        let rules = |rows: Option<Rows>| {
            rows.map(|rows| Rules { keys: rows.keyring(), table: rows.table }).unwrap_or_default()
        };
        let (running, rules_now) = (config.values, rules(config.rows));
        let metrics = Arc::new(Metrics::new(&rules_now.table));
        let live = Arc::new(LiveRules::new(rules_now));
        let log = Arc::new(AccessLog::start(LogFormat::Text, std::io::sink()).unwrap());
        let gateway = Arc::new(Gateway {
            dialects: DIALECTS,
            rules: Arc::clone(&live),
            backend: Arc::new(Prompt),
            buffers: BufferBudget::new(1_000_000),
            limits: Limits::new(NonZeroU32::new(100).unwrap()),
            tokens: None,
            acceptance: None,
            telemetry: Telemetry::new(Arc::clone(&metrics), log),
        });
        let text = Arc::new(Mutex::new(text.to_owned()));
        let source = Arc::clone(&text);
        let reload = Reload {
            load: Box::new(move || check(&source.lock().unwrap())),
            rules: Box::new(rules),
            live,
            metrics,
            followers: Vec::new(),
            running,
            has_rows: true,
        };
        Self { gateway, text, reload }
    }

    fn load(&mut self, text: &str) -> Result<Reloaded, ReloadError> {
        text.clone_into(&mut self.text.lock().unwrap());
        self.reload.now()
    }

    #[track_caller]
    fn check_figures(&self, failures: u32, last_successful: u32) {
        let figures = self.reload.metrics.encode(Levels::default());
        for line in [
            format!("stayput_config_reload_failures_total {failures}"),
            format!("stayput_config_last_reload_successful {last_successful}"),
        ] {
            assert!(figures.lines().any(|found| found == line), "no {line:?} in\n{figures}");
        }
    }
}

async fn call(gateway: &Gateway, function: &str) -> StatusCode {
    let request = Request::post(format!("/function/{function}")).body(Full::new(Bytes::new())).unwrap();
    gateway.serve(request, SocketAddr::from(([127, 0, 0, 1], 1))).await.status()
}

fn functions(names: &[&str]) -> String {
    let rows = names.iter().map(|name| format!("[[function]]\nlambda = \"f\"\nopenfaas = \"{name}\"\n"));
    rows.collect::<String>() + KEY
}

#[tokio::test]
async fn what_was_added_is_answered_and_what_was_taken_away_is_not() {
    let mut setup = Setup::new(&functions(&["one"]));
    assert_eq!(call(&setup.gateway, "one").await, StatusCode::OK);
    assert_eq!(call(&setup.gateway, "two").await, StatusCode::NOT_FOUND);
    setup.load(&functions(&["two"])).unwrap();
    assert_eq!(call(&setup.gateway, "one").await, StatusCode::NOT_FOUND);
    assert_eq!(call(&setup.gateway, "two").await, StatusCode::OK);
    setup.load("[[function]]\nlambda = \"f\"\nopenfaas = \"two\"\n").unwrap();
    assert_eq!(call(&setup.gateway, "two").await, StatusCode::UNAUTHORIZED, "the key is gone");
}

#[tokio::test]
async fn a_broken_gone_or_emptied_file_leaves_the_old_one_in_force() {
    let mut setup = Setup::new(&functions(&["one"]));
    setup.check_figures(0, 1);
    let broken = setup.load("[gateway]\nlisten = \"x\"\nlisen = 1\n").unwrap_err();
    let ReloadError::Config(ConfigError::Mistakes(mistakes)) = broken else { panic!("{broken}") };
    assert_eq!(mistakes.iter().count(), 2);
    assert!(matches!(setup.load(GONE), Err(ReloadError::Emptied)));
    assert!(matches!(setup.load("\n"), Err(ReloadError::Emptied)));
    assert_eq!(call(&setup.gateway, "one").await, StatusCode::OK);
    setup.check_figures(3, 0);
    setup.load(&functions(&["one"])).unwrap();
    setup.check_figures(3, 1);
}

#[tokio::test]
async fn who_cannot_follow_holds_everybody_back() {
    let mut setup = Setup::new(&functions(&["one"]));
    let followed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&followed);
    setup.reload.followers.push(Box::new(move |config| {
        let (count, level) = (Arc::clone(&count), config.gateway.log_level);
        Ok(Box::new(move || {
            assert_eq!(level, crate::config::LogLevel::Debug);
            count.fetch_add(1, Ordering::Relaxed);
        }))
    }));
    let text = format!("[gateway]\nlog_level = \"debug\"\n{}", functions(&["two"]));
    setup.load(&text).unwrap();
    assert_eq!(followed.load(Ordering::Relaxed), 1);
    setup.reload.followers.push(Box::new(|_| Err("no certificate in it".into())));
    assert!(matches!(setup.load(&functions(&["three"])), Err(ReloadError::Unusable(_))));
    assert_eq!(followed.load(Ordering::Relaxed), 1, "nothing came into force");
    assert_eq!(call(&setup.gateway, "two").await, StatusCode::OK);
}

#[test]
fn what_needs_a_restart_is_named() {
    let mut setup = Setup::new(&functions(&["one"]));
    let text = |section: &str| format!("{section}{}", functions(&["one"]));
    let changed = "[gateway]\nlisten = \"127.0.0.1:1\"\nlog_level = \"warn\"\n[aws]\nclient = \"sdk\"\n";
    let reloaded = setup.load(&text(changed)).unwrap();
    assert_eq!(reloaded.needs_restart, ["gateway.listen", "aws.client"]);
    // Taken back, and the same as a default in other words would be none of ours to know.
    assert_eq!(setup.load(&text("")).unwrap(), Reloaded::default());
}

#[test]
fn a_thousand_reloads_under_load_fail_no_call() {
    let mut setup = Setup::new(&functions(&["one"]));
    let (done, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    for _ in 0..CALLERS {
        let (gateway, done, failed) = (Arc::clone(&setup.gateway), Arc::clone(&done), Arc::clone(&failed));
        runtime.spawn(async move {
            loop {
                if call(&gateway, "one").await != StatusCode::OK {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let texts = [functions(&["one", "two"]), functions(&["one"])];
    for turn in 0..RELOADS {
        setup.load(&texts[turn % 2]).unwrap();
        // Now and then, so that calls have run between all of them, however the threads are scheduled.
        let before = done.load(Ordering::Relaxed);
        while turn % 50 == 0 && done.load(Ordering::Relaxed) == before {
            std::thread::yield_now();
        }
    }
    drop(runtime);
    assert_eq!(failed.load(Ordering::Relaxed), 0, "of {} calls", done.load(Ordering::Relaxed));
    setup.check_figures(0, 1);
}

/// Every change of a real file, by the driver, until it is in force.
#[tokio::test]
async fn a_changed_file_comes_into_force_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stayput.toml");
    let Setup { gateway, mut reload, .. } = Setup::new(&functions(&["one"]));
    std::fs::write(&file, functions(&["one"])).unwrap();
    let path = file.clone();
    reload.load = Box::new(move || Config::load(Some(&path), Vec::new()));
    let files = Some(Files::watch(vec![file.clone()]).unwrap());
    let driver = tokio::spawn(reload.run(Triggers { files, ..Triggers::default() }));
    std::fs::write(&file, functions(&["two"])).unwrap();
    while call(&gateway, "two").await != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    driver.abort();
}

const GONE: &str = "(gone)";

const KEY: &str = "[[key]]\nlabel = \"k\"\nanonymous = true\ndialects = \"openfaas\"\nrights = \"invoke\"\n";

const CALLERS: usize = 8;

const RELOADS: usize = 1_000;
