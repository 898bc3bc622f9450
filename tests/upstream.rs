//! Lambda goes wrong at every stage: the caller gets the right answer or a refusal within the deadline, and nothing is
//! ever sent twice. Both backends. And `stayput serve`, which is what stands there, with its certificates.

#[path = "upstream/faulty.rs"]
mod faulty;
#[path = "upstream/gateway.rs"]
mod gateway;
#[path = "upstream/serve.rs"]
mod serve;
#[path = "upstream/streams.rs"]
mod streams;

use std::time::Duration;

use faulty::{Ends, Faulty, Reads, Script};
use gateway::{Answer, BACKENDS, Caller, DEADLINE};

/// What the caller may get to see of it.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Status(u16),
    /// 502, or 503 where the end was seen before anything was written.
    LostOrUnsent,
    /// A refusal of this status, or an answer that was visibly cut off.
    CutOr(u16),
}

#[track_caller]
fn check(what: &str, reads: Reads, writes: &[u8], ends: Ends, expected: Expected) {
    let script = Script { reads, writes: writes.to_vec(), ends };
    for (name, backend) in BACKENDS {
        let lambda = Faulty::start(script.clone()).expect("a Lambda");
        let caller = Caller::new(backend(lambda.address));
        let (answer, took) = caller.call();
        let fits = match (expected, &answer) {
            (Expected::Status(status) | Expected::CutOr(status), Answer::Whole { status: got, .. }) => {
                *got == status
            }
            (Expected::LostOrUnsent, Answer::Whole { status: got, .. }) => matches!(got, 502 | 503),
            (Expected::Status(_) | Expected::LostOrUnsent, Answer::Cut) => false,
            (Expected::CutOr(_), Answer::Cut) => true,
        };
        assert!(fits, "{name}, {what}: {answer:?} where {expected:?} was expected");
        assert!(took < DEADLINE + MARGIN, "{name}, {what}: took {took:?}");
        assert!(lambda.connections() <= 1, "{name}, {what}: {} connections", lambda.connections());
        assert!(lambda.requests() <= 1, "{name}, {what}: {} requests", lambda.requests());
    }
}

const OK_SMALL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const LOST: Expected = Expected::Status(502);
const LATE: Expected = Expected::Status(504);

/// What a busy machine adds.
const MARGIN: Duration = Duration::from_secs(5);

fn half_of(length: usize) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + length / 2, b'x');
    answer
}

#[test]
fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for (name, backend) in BACKENDS {
        let (answer, _) = Caller::new(backend(free)).call();
        assert!(matches!(answer, Answer::Whole { status: 503, .. }), "{name}: {answer:?}");
    }
}

#[test]
fn an_answer_that_is_whole_arrives() {
    for (name, backend) in BACKENDS {
        let script = Script { reads: Reads::All, writes: OK_SMALL.to_vec(), ends: Ends::KeepAlive };
        let lambda = Faulty::start(script).expect("a Lambda");
        let caller = Caller::new(backend(lambda.address));
        for _ in 0..3 {
            let (answer, _) = caller.call();
            assert_eq!(answer, Answer::Whole { status: 200, body: b"{}".to_vec() }, "{name}");
        }
        assert_eq!((lambda.requests(), lambda.connections()), (3, 1), "{name} reuses its connection");
        let large = vec![b'x'; 1_000_000];
        let mut writes = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
        writes.extend(&large);
        lambda.now(Script { reads: Reads::All, writes, ends: Ends::KeepAlive });
        for _ in 0..3 {
            assert_eq!(caller.call().0, Answer::Whole { status: 200, body: large.clone() }, "{name}");
        }
        assert_eq!((lambda.requests(), lambda.connections()), (6, 1), "{name} reuses its connection");
    }
}

#[test]
fn other_forms_of_an_answer_arrive_too() {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    check("an interim answer first", Reads::All, interim, Ends::KeepAlive, Expected::Status(200));
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    check("chunks", Reads::All, chunked, Ends::KeepAlive, Expected::Status(200));
    let until_close = b"HTTP/1.0 200 OK\r\n\r\n{}";
    check("until the end", Reads::All, until_close, Ends::Close, Expected::Status(200));
    check("closed behind the answer", Reads::All, OK_SMALL, Ends::Close, Expected::Status(200));
}

#[test]
fn killed_before_there_is_an_answer() {
    for ends in [Ends::Close, Ends::Reset] {
        check("unread", Reads::Nothing, b"", ends, Expected::LostOrUnsent);
        check("behind the head", Reads::Head, b"", ends, LOST);
        check("behind the body", Reads::All, b"", ends, LOST);
        check("in the status line", Reads::All, b"HTTP/1.1 20", ends, LOST);
        check("in the head", Reads::All, b"HTTP/1.1 200 OK\r\ncontent-le", ends, LOST);
    }
}

#[test]
fn killed_within_an_answer() {
    for ends in [Ends::Close, Ends::Reset] {
        check("a small one", Reads::All, &half_of(1_000), ends, LOST);
        check("a large one", Reads::All, &half_of(1_000_000), ends, Expected::CutOr(502));
        let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nab";
        check("in a chunk", Reads::All, chunks, ends, Expected::CutOr(502));
        check("between chunks", Reads::All, &chunks[..chunks.len() - 5], ends, Expected::CutOr(502));
    }
}

#[test]
fn stalled_before_there_is_an_answer() {
    check("unread", Reads::Nothing, b"", Ends::Stall, LATE);
    check("behind the body", Reads::All, b"", Ends::Stall, LATE);
    check("in the status line", Reads::All, b"HTTP/1.1 20", Ends::Stall, LATE);
    check("in the head", Reads::All, b"HTTP/1.1 200 OK\r\ncontent-le", Ends::Stall, LATE);
}

#[test]
fn stalled_within_an_answer() {
    check("a small one", Reads::All, &half_of(1_000), Ends::Stall, LATE);
    check("a large one", Reads::All, &half_of(1_000_000), Ends::Stall, Expected::CutOr(504));
}

#[test]
fn no_answer_at_all() {
    check("another protocol", Reads::All, b"SSH-2.0-OpenSSH_9.2\r\n", Ends::Close, LOST);
    check("a broken head", Reads::All, b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Ends::Close, LOST);
    let two_lengths = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}";
    check("two lengths", Reads::All, two_lengths, Ends::Close, LOST);
}

#[test]
fn refusals_that_are_not_lambdas() {
    let refused = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\n<ha/>").into_bytes();
    check("a proxy's page", Reads::All, &refused("502 Bad Gateway"), Ends::KeepAlive, Expected::Status(500));
    check("a redirect", Reads::All, &refused("301 Moved"), Ends::KeepAlive, Expected::Status(500));
    check("a strange 4xx", Reads::All, &refused("418 Teapot"), Ends::KeepAlive, Expected::Status(500));
}
