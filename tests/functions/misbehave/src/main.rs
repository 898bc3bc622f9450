//! A function that misbehaves on command. The event says how, or the body of the HTTP request that it is:
//!
//! | event | what it does |
//! |---|---|
//! | without `do`, or `{"do":"echo"}` | answers with the event's bytes |
//! | `{"do":"answer","with":{…}}` | answers with that |
//! | `{"do":"count"}` | answers with how often this process was called: `{"calls":1,"pid":2}` |
//! | `{"do":"headers"}` | answers with the headers that came with the event |
//! | `{"do":"environment"}` | answers with the variables of this process |
//! | `{"do":"sleep","ms":50}` | answers late, with the event's bytes |
//! | `{"do":"span","ms":50}` | answers late, with when it began and ended, in microseconds since 1970: `[1,2]` |
//! | `{"do":"print","text":"…"}` | prints exactly that |
//! | `{"do":"flood","bytes":4096,"line":16}` | prints that many bytes in numbered lines of that many |
//! | `{"do":"big","bytes":4096}` | answers with that many bytes |
//! | `{"do":"fail","error":{…}}` | reports that error, and the longest description of its cause that there may be |
//! | `{"do":"stream","error":{…}}` | streams `[1,2]`, and then fails if there is an `error` |
//! | `{"do":"flow","port":1}` | streams what the test at that port says: see [`flow`]; `hears_early` tells the service so |
//! | `{"do":"probe","bad_mode":true}` | asks for what it may not, answers with the replies; `bad_mode` fails the call |
//! | `{"do":"meet","port":1}` | connects to the test at that port and answers when the test says a byte |
//! | `{"do":"relay","port":1}` | tells the test at that port its event, a line, and answers with the line it is told; `exit` ends it |
//! | `{"do":"stay-met","port":1}` | connects to the test for as long as this process lives |
//! | `{"do":"never-next","port":1}` | answers, and asks for no further event until the test hangs up; then it ends |
//! | `{"do":"answer-and-exit"}` | answers, and ends in the same moment |
//! | `{"do":"exit","code":1}` | ends before it has answered |
//! | `{"do":"kill","signal":9}` | dies of that signal before it has answered |
//! | `{"do":"spawn","count":20}` | starts that many in sessions of their own, half of them orphans without an environment; hangs |
//!
//! How it starts is said by variables: see [`start`].
//!
//! No runtime crate, and no HTTP crate: what is tested with it is the service, not a client of it. The tests of the
//! whole program have it built by `stayput dev`; those of lambda-local have it as a binary of their own package.

mod act;
mod deed;
mod flow;
mod runtime_api;
mod start;

use std::io;

use act::{Done, Process};
use runtime_api::Connection;

fn main() -> io::Result<()> {
    start::behave()?;
    let mut api = Connection::open()?;
    let mut process = Process::default();
    loop {
        let call = api.next()?;
        match process.act(&call)? {
            Done::Answer(answer) => api.respond(&call.request_id, &answer)?,
            Done::Error(error) => api.fail(&call.request_id, &error)?,
            Done::Given => {}
        }
    }
}
