use std::{
    io::Write,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use proptest::prelude::*;
use uuid::Uuid;

use super::{output::Output, *};

/// A terminal that shows what it was given when asked, and not before.
struct Terminal(SyncSender<Vec<u8>>);

impl Write for Terminal {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<usize> {
        self.0.send(lines.to_vec()).map_err(|_| std::io::ErrorKind::BrokenPipe)?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A sink and what it wrote, of which `waiting` writes may wait to be looked at.
fn sink(waiting: usize) -> (LogSink, Receiver<Vec<u8>>) {
    let (shows, shown) = sync_channel(waiting);
    (LogSink::to(Terminal(shows)), shown)
}

fn all(shown: &Receiver<Vec<u8>>) -> String {
    String::from_utf8(shown.iter().flatten().collect()).unwrap()
}

const ID: Uuid = Uuid::from_u128(0x0b3a_2f1e_0000_4000_8000_0000_1234_5678);

#[test]
fn everything_taken_is_written_before_the_thread_ends() {
    let (sink, shown) = sink(64);
    for line in ["one\n", "two\n"] {
        sink.append(&mut line.as_bytes().to_vec());
    }
    drop(sink);
    assert_eq!(all(&shown), "one\ntwo\n");
}

#[tokio::test]
async fn a_full_buffer_takes_nothing_until_there_is_room() {
    let (sink, shown) = sink(0);
    let piece = || vec![b'x'; BUFFER_BYTES];
    // One is being written, one waits.
    let (mut written, mut waits, mut refused) = (piece(), piece(), piece());
    sink.append(&mut written);
    let reader = thread::spawn(move || all(&shown).len());
    sink.room().await;
    sink.append(&mut waits);
    sink.append(&mut refused);
    assert!(written.is_empty() && waits.is_empty());
    while !refused.is_empty() {
        sink.room().await;
        sink.append(&mut refused);
    }
    sink.flushed().await;
    drop(sink);
    assert_eq!(reader.join().unwrap(), 3 * BUFFER_BYTES);
}

#[tokio::test]
async fn a_silent_sink_always_has_room() {
    let sink = LogSink::silent();
    let mut lines = b"one\n".to_vec();
    sink.append(&mut lines);
    assert!(lines.is_empty());
    sink.room().await;
    sink.flushed().await;
}

/// What a terminal shows and what the tail holds of `printed`, which comes in these pieces.
async fn show(printed: &[&[u8]]) -> (String, String) {
    let (sink, shown) = sink(1024);
    let output = Arc::new(Output::new("echo", sink));
    let (pipe, follow) = output.connect().unwrap();
    let mut pipe = std::fs::File::from(pipe);
    output.begin(ID, true, "START\n");
    for piece in printed {
        pipe.write_all(piece).unwrap();
    }
    let tail = output.end(&[&"END\n"]).expect("a tail was asked for");
    drop(pipe);
    follow.await;
    drop(output);
    let tail = base64_simd::STANDARD.decode_to_vec(tail.as_bytes()).unwrap();
    (all(&shown), String::from_utf8_lossy(&tail).into_owned())
}

#[tokio::test]
async fn lines_are_prefixed_and_the_tail_is_as_printed() {
    let (shown, tail) = show(&[b"one\ntw", b"o\n\nthree"]).await;
    let lines = ["START", "one", "two", "", "three", "END"];
    let expected: String = lines.iter().map(|line| format!("echo 12345678 | {line}\n")).collect();
    assert_eq!(shown, expected);
    assert_eq!(tail, "START\none\ntwo\n\nthreeEND\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_terminal_gets_every_line_of_all_who_print() {
    let (sink, shown) = sink(0);
    let printing: Vec<_> = (0..4)
        .map(|_| {
            let output = Arc::new(Output::new("echo", sink.clone()));
            let (pipe, follow) = output.connect().unwrap();
            thread::spawn(move || {
                std::fs::File::from(pipe).write_all(&b"0123456789abcde\n".repeat(LINES)).unwrap()
            });
            tokio::spawn(follow)
        })
        .collect();
    drop(sink);
    let reader = thread::spawn(move || all(&shown));
    for follow in printing {
        follow.await.unwrap();
    }
    let shown = reader.join().unwrap();
    assert_eq!(shown.lines().filter(|line| *line == "echo     init | 0123456789abcde").count(), 4 * LINES);
    assert_eq!(shown.lines().count(), 4 * LINES);
}

/// In all, several times what the sink keeps.
const LINES: usize = 64 << 10;

#[tokio::test]
async fn what_is_printed_outside_an_invocation_is_not_in_its_tail() {
    let output = Arc::new(Output::new("echo", LogSink::silent()));
    let (pipe, _follow) = output.connect().unwrap();
    std::fs::File::from(pipe).write_all(b"init\n").unwrap();
    output.begin(ID, true, "START\n");
    let tail = output.end(&[]).unwrap();
    assert_eq!(base64_simd::STANDARD.decode_to_vec(tail.as_bytes()).unwrap(), b"START\n");
    assert_eq!(output.end(&[]), None);
}

#[tokio::test]
async fn a_line_without_end_is_cut() {
    let (shown, _) = show(&[&[b'x'; 40_000]]).await;
    let lengths: Vec<_> = shown.lines().map(|line| line.len() - "echo 12345678 | ".len()).collect();
    assert_eq!(lengths, [5, 16_384, 16_384, 40_000 - 2 * 16_384, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn however_output_is_cut_the_lines_are_the_same(text in "[a-z\n]{0,200}", cut in 0..200_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (left, right) = text.as_bytes().split_at(cut.min(text.len()));
        let whole = runtime.block_on(show(&[text.as_bytes()]));
        let pieces = runtime.block_on(show(&[left, right]));
        prop_assert_eq!(whole, pieces);
    }
}
