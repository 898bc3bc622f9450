//! The warden's promises, with real processes. Each test marks its own by a number in their arguments and looks for
//! them in /proc.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    ffi::OsString,
    fs,
    io::Read,
    os::fd::OwnedFd,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use lambda_local::warden::{Child, Exit, Spawn, Warden};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    libc,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{interval, timeout};

#[tokio::test]
async fn an_exit_code_is_reported() {
    check_exit("exit 0", Exit::Code(0)).await;
    check_exit("exit 7", Exit::Code(7)).await;
    check_exit("exit 255", Exit::Code(255)).await;
}

#[tokio::test]
async fn a_signal_is_reported_even_one_without_a_name() {
    check_exit("kill -TERM $$", Exit::Signal(libc::SIGTERM)).await;
    check_exit("kill -KILL $$", Exit::Signal(libc::SIGKILL)).await;
    check_exit("kill -40 $$", Exit::Signal(40)).await;
}

#[tokio::test]
async fn a_killed_function_is_reported_within_100_ms() {
    let warden = warden();
    // The best of some, as this machine has other things to do.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let mut child = warden.spawn(sleep("1000")).await.unwrap();
        let pid = child.pid().await.unwrap();
        let killed = Instant::now();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        assert_eq!(child.exited().await, Exit::Signal(libc::SIGKILL));
        best = best.min(killed.elapsed());
    }
    assert!(best < Duration::from_millis(100), "{best:?}");
}

#[tokio::test]
async fn the_end_is_told_again_to_who_asks_again() {
    let warden = warden();
    let mut child = warden.spawn(shell("exit 3")).await.unwrap();
    assert!(child.exited().await == child.exited().await);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_an_exit() {
    check_not_started("/nowhere/bootstrap", "/", libc::ENOENT).await;
    check_not_started("/bin/sh", "/nowhere", libc::ENOENT).await;
    check_not_started("/etc/passwd", "/", libc::EACCES).await;
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused() {
    let warden = warden();
    let (mut spawn, _output) = with_output(shell("exit 0"));
    spawn.args.push("a\0b".into());
    let mut child = warden.spawn(spawn).await.unwrap();
    assert_eq!(child.exited().await, Exit::NotStarted(libc::EINVAL));
}

#[tokio::test]
async fn an_order_may_be_large_but_not_endless() {
    let warden = warden();
    let (mut spawn, output) = with_output(shell("echo $#"));
    spawn.args.extend((0..9).map(|_| OsString::from("a".repeat(100 * 1024))));
    let _child = warden.spawn(spawn).await.unwrap();
    assert_eq!(read(output), "8\n");

    let (mut spawn, _output) = with_output(shell("echo $#"));
    spawn.args.extend((0..11).map(|_| OsString::from("a".repeat(100 * 1024))));
    let error = warden.spawn(spawn).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn both_outputs_arrive_in_the_order_written() {
    check_output(shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2"), "1\n2\n3\n4\n").await;
}

#[tokio::test]
async fn a_function_sees_its_own_variables_and_no_others() {
    let mut spawn = shell("");
    spawn.program = "/usr/bin/env".into();
    spawn.args.clear();
    spawn.environment = vec![("A".into(), "1".into()), ("_HANDLER".into(), "a=b\nc".into())];
    check_output(spawn, "A=1\n_HANDLER=a=b\nc\n").await;
}

#[tokio::test]
async fn a_name_without_a_slash_is_looked_for_in_the_functions_own_path() {
    let mut spawn = shell("echo found");
    spawn.program = "sh".into();
    check_output(spawn, "found\n").await;
}

#[tokio::test]
async fn a_function_starts_in_its_directory_with_nothing_to_read_and_no_core() {
    let spawn = Spawn { directory: "/usr/bin".into(), ..shell("pwd; cat; ulimit -c") };
    check_output(spawn, "/usr/bin\n0\n").await;
}

#[tokio::test]
async fn a_function_starts_with_no_signal_blocked_or_ignored() {
    // Not in a shell, which has its own mind about signals. 32 and 33 are the C library's own.
    let none = "^SigBlk:.0{16}$|^SigIgn:.[0-9a-f]{8}[08]0{7}$";
    let args = ["-c", "-E", none, "/proc/self/status"].map(OsString::from);
    let spawn = Spawn { program: "grep".into(), args: args.into(), ..shell("") };
    check_output(spawn, "2\n").await;
}

#[tokio::test]
async fn a_function_holds_no_descriptor_but_its_own() {
    let (inherited, _writer) = std::io::pipe().unwrap();
    fcntl(&inherited, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let warden = warden();
    fcntl(&inherited, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    let _other = warden.spawn(sleep("1000")).await.unwrap();
    let (spawn, output) = with_output(shell("ls /proc/$$/fd; true"));
    let _child = warden.spawn(spawn).await.unwrap();
    assert_eq!(read(output), "0\n1\n2\n");
}

#[tokio::test]
async fn two_hundred_sessions_are_gone_within_a_second() {
    let warden = warden();
    let mark = mark();
    let child = warden.spawn(shell(&two_hundred(&mark))).await.unwrap();
    until("200 run", SOON, || sleeping(&mark) == 200).await;
    let killed = Instant::now();
    child.kill().await.unwrap();
    assert_eq!(marked(&mark), 0, "kill() waits for all");
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
}

#[tokio::test]
async fn letting_go_of_a_child_kills_it() {
    let warden = warden();
    let mark = mark();
    let child = warden.spawn(shell(&two_hundred(&mark))).await.unwrap();
    until("200 run", SOON, || sleeping(&mark) == 200).await;
    drop(child);
    until("none is left", Duration::from_secs(1), || marked(&mark) == 0).await;
}

#[tokio::test]
async fn what_a_function_leaves_behind_is_killed_when_it_ends() {
    let warden = warden();
    let mark = mark();
    let script = two_hundred(&mark).replace("wait", "exit 5");
    let mut child = warden.spawn(shell(&script)).await.unwrap();
    assert_eq!(child.exited().await, Exit::Code(5));
    until("none is left", Duration::from_secs(1), || marked(&mark) == 0).await;
}

#[tokio::test]
async fn a_chain_of_processes_that_each_flee_and_fork_is_caught() {
    let warden = warden();
    let mark = mark();
    // Should it not be caught, the end of this directory ends it.
    let alive = tempfile::tempdir().unwrap();
    let link = format!(r#"[ -e {} ] && setsid sh -c "$0" "$0" {mark} &"#, alive.path().display());
    let script = format!("sh -c '{link}' '{link}' {mark}; sh -c '{link}' '{link}' {mark}; sleep 1000");
    let child = warden.spawn(shell(&script)).await.unwrap();
    until("it runs", SOON, || marked(&mark) > 1).await;
    child.kill().await.unwrap();
    assert_eq!(marked(&mark), 0);
}

#[tokio::test]
async fn killing_one_environment_leaves_the_other() {
    let warden = warden();
    let (one, other) = (mark(), mark());
    let first = warden.spawn(shell(&two_hundred(&one))).await.unwrap();
    let _second = warden.spawn(shell(&two_hundred(&other))).await.unwrap();
    until("400 run", SOON, || sleeping(&one) + sleeping(&other) == 400).await;
    first.kill().await.unwrap();
    assert_eq!((marked(&one), sleeping(&other)), (0, 200));
}

#[tokio::test]
async fn the_end_of_the_warden_is_the_end_of_all() {
    let warden = warden();
    let mark = mark();
    let mut child = warden.spawn(shell(&two_hundred(&mark))).await.unwrap();
    until("200 run", SOON, || sleeping(&mark) == 200).await;
    let pid = warden.pid().unwrap();
    send(pid, Signal::SIGKILL);
    assert_eq!(child.exited().await, Exit::Signal(libc::SIGKILL));
    until("none is left", Duration::from_secs(1), || marked(&mark) == 0 && is_over(pid)).await;
    let error = warden.spawn(sleep("1000")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn dropping_the_warden_ends_it_and_all_that_it_keeps() {
    let warden = warden();
    let pid = warden.pid().unwrap();
    let mark = mark();
    let mut child = warden.spawn(sleep(&mark)).await.unwrap();
    child.pid().await.unwrap();
    drop(warden);
    assert_eq!(child.exited().await, Exit::Signal(libc::SIGKILL));
    until("all are gone", SOON, || marked(&mark) == 0 && is_over(pid)).await;
}

#[tokio::test]
async fn the_warden_kills_what_a_killed_keeper_kept_and_nothing_else() {
    let warden = warden();
    let (one, other) = (mark(), mark());
    let mut first = warden.spawn(shell(&two_hundred(&one))).await.unwrap();
    let _second = warden.spawn(sleep(&other)).await.unwrap();
    until("all run", SOON, || sleeping(&one) == 200 && sleeping(&other) == 1).await;
    let keeper = parent_of(first.pid().await.unwrap());
    send(keeper, Signal::SIGKILL);
    assert_eq!(first.exited().await, Exit::Signal(libc::SIGKILL));
    until("none is left", Duration::from_secs(1), || marked(&one) == 0).await;
    assert_eq!(sleeping(&other), 1);
    check_works(&warden).await;
}

#[tokio::test]
async fn a_killed_spare_keeper_is_replaced() {
    let warden = warden();
    let pid = warden.pid().unwrap();
    for _ in 0..3 {
        until("there is a spare keeper", SOON, || children_of(pid).len() == 1).await;
        send(children_of(pid)[0], Signal::SIGKILL);
        check_works(&warden).await;
    }
}

#[tokio::test]
async fn a_stop_signal_to_the_whole_program_is_the_services_affair() {
    let warden = warden();
    let mark = mark();
    let mut child = warden.spawn(sleep(&mark)).await.unwrap();
    let keeper = parent_of(child.pid().await.unwrap());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        send(keeper, signal);
        send(warden.pid().unwrap(), signal);
    }
    check_works(&warden).await;
    assert_eq!(sleeping(&mark), 1);
}

#[tokio::test]
async fn a_killed_service_leaves_nothing() {
    let mark = mark();
    let mut service = alone("as_a_service_that_will_be_killed", &mark);
    until("200 run", SOON, || sleeping(&mark) == 200).await;
    service.kill().unwrap();
    service.wait().unwrap();
    until("none is left", Duration::from_secs(2), || marked(&mark) == 0).await;
}

/// Not a test by itself: the other half of the one above.
#[tokio::test]
async fn as_a_service_that_will_be_killed() {
    let Ok(mark) = std::env::var(ALONE) else {
        return;
    };
    let warden = warden();
    let _child = warden.spawn(shell(&two_hundred(&mark))).await.unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn two_hundred_environments_at_once_leave_no_descriptor() {
    let mark = mark();
    let mut process = alone("with_two_hundred_environments", &mark);
    let status = process.wait().unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(marked(&mark), 0);
}

/// Not a test by itself: in a process of its own nobody else opens descriptors.
#[tokio::test]
async fn with_two_hundred_environments() {
    let Ok(mark) = std::env::var(ALONE) else {
        return;
    };
    let warden = warden();
    check_works(&warden).await;
    let pid = warden.pid().unwrap();
    until("there is a spare keeper", SOON, || children_of(pid).len() == 1).await;
    let before = (descriptors(process::id()), descriptors(pid));
    let spawned = (0..200).map(|_| warden.spawn(sleep(&mark)));
    let mut children = Vec::new();
    for spawn in spawned {
        children.push(spawn.await.unwrap());
    }
    until("all run", SOON, || sleeping(&mark) == 200).await;
    let killed: Vec<_> = children.into_iter().map(|child| tokio::spawn(child.kill())).collect();
    for kill in killed {
        kill.await.unwrap().unwrap();
    }
    assert_eq!((descriptors(process::id()), descriptors(pid)), before);
    until("all keepers but the spare are buried", SOON, || children_of(pid).len() == 1).await;
}

async fn check_exit(script: &str, expected: Exit) {
    let warden = warden();
    let mut child = warden.spawn(shell(script)).await.unwrap();
    assert_eq!(exited(&mut child).await, expected, "{script}");
}

async fn check_not_started(program: &str, directory: &str, errno: i32) {
    let warden = warden();
    let spawn = Spawn { program: program.into(), directory: directory.into(), ..shell("") };
    let mut child = warden.spawn(spawn).await.unwrap();
    assert_eq!(child.pid().await, None, "{program}");
    assert_eq!(exited(&mut child).await, Exit::NotStarted(errno), "{program} in {directory}");
    check_works(&warden).await;
}

async fn check_output(spawn: Spawn, expected: &str) {
    let warden = warden();
    let (spawn, output) = with_output(spawn);
    let mut child = warden.spawn(spawn).await.unwrap();
    assert_eq!(read(output), expected);
    assert_eq!(exited(&mut child).await, Exit::Code(0));
}

async fn check_works(warden: &Warden) {
    let mut child = warden.spawn(shell("exit 9")).await.unwrap();
    assert_eq!(exited(&mut child).await, Exit::Code(9));
    child.kill().await.unwrap();
}

async fn exited(child: &mut Child) -> Exit {
    timeout(SOON, child.exited()).await.expect("ends soon")
}

fn warden() -> Warden {
    Warden::start(Command::new(env!("CARGO_BIN_EXE_lambda-warden"))).unwrap()
}

fn shell(script: &str) -> Spawn {
    Spawn {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        directory: "/".into(),
        environment: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        output: fs::File::options().write(true).open("/dev/null").unwrap().into(),
    }
}

fn sleep(mark: &str) -> Spawn {
    Spawn { program: "sleep".into(), args: vec![mark.into()], ..shell("") }
}

fn with_output(spawn: Spawn) -> (Spawn, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    (Spawn { output: writer.into(), ..spawn }, reader.into())
}

/// Until every process that could write is gone.
fn read(output: OwnedFd) -> String {
    let mut text = String::new();
    fs::File::from(output).read_to_string(&mut text).unwrap();
    text
}

/// 200 processes: half in sessions of their own, half also orphaned and without a variable. Ends in `wait`.
fn two_hundred(mark: &str) -> String {
    format!(
        "i=0; while [ $i -lt 100 ]; do i=$((i+1)); \
         setsid sh -c 'sleep {mark}' & (setsid env -i /bin/sleep {mark} &) ; done; wait"
    )
}

/// A number of seconds that no other process sleeps.
fn mark() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("1{:07}.{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Runs one test of this file in a process of its own, and tells it `mark`.
fn alone(test: &str, mark: &str) -> process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(ALONE, mark)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn sleeping(mark: &str) -> usize {
    let arguments = format!("sleep\0{mark}\0");
    processes(|cmdline| cmdline.ends_with(&arguments))
}

fn marked(mark: &str) -> usize {
    processes(|cmdline| cmdline.contains(mark))
}

fn processes(matches: impl Fn(&str) -> bool) -> usize {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let cmdlines = entries.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    cmdlines.filter(|cmdline| matches(cmdline)).count()
}

fn parent_of(pid: i32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    parent.trim().parse().unwrap()
}

/// Ended, whether reaped or not.
fn is_over(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| stat.contains(") Z ")) || !fs::exists(format!("/proc/{pid}")).unwrap()
}

fn children_of(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

async fn until(what: &str, limit: Duration, condition: impl Fn() -> bool) {
    let mut looks = interval(Duration::from_millis(5));
    let done = timeout(limit, async {
        while !condition() {
            looks.tick().await;
        }
    });
    assert!(done.await.is_ok(), "{what}, within {limit:?}");
}

const ALONE: &str = "LAMBDA_WARDEN_TEST";
const SOON: Duration = Duration::from_secs(20);
