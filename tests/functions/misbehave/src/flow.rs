//! A streamed answer that a test conducts over a connection, line by line; each line is answered with one.
//!
//! | the test says | what is done | answered with |
//! |---|---|---|
//! | `piece TEXT` | sends a chunk with that text | `ok` |
//! | `bytes N` | sends that many bytes, in chunks of at most 64 KiB | `ok` after each chunk |
//! | `end` | ends the answer | the status of the Runtime API's reply |
//! | `fail JSON` | ends it with that error in the trailers | likewise |
//! | `lambda-runtime-text TEXT` | ends it with an error as `lambda_runtime` 1.5 tells one | likewise |
//! | `hear` | waits for a reply although the answer has not ended | likewise |
//! | `cut` | closes the connection, and waits for the test to hang up | `ok` |
//! | `exit` | ends the process | nothing |

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
};

use crate::{act, runtime_api::Upload};

pub(crate) fn conduct(request_id: &str, port: u16, hears_early: bool) -> io::Result<()> {
    let mut test = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?);
    let mut upload = Upload::begin(request_id, hears_early)?;
    loop {
        let mut line = String::new();
        test.read_line(&mut line)?;
        let line = line.trim_end();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let status = match word {
            "piece" => {
                upload.piece(rest.as_bytes())?;
                test.get_mut().write_all(b"ok\n")?;
                continue;
            }
            "bytes" => {
                let mut left: usize = rest.parse().map_err(io::Error::other)?;
                while left > 0 {
                    let piece = left.min(PIECE_BYTES);
                    upload.piece(&[b'x'; PIECE_BYTES][..piece])?;
                    test.get_mut().write_all(b"ok\n")?;
                    left -= piece;
                }
                continue;
            }
            "end" => upload.end(None)?,
            "fail" => upload.end(Some(rest))?,
            "lambda-runtime-text" => {
                let text = base64_simd::STANDARD.encode_to_string(rest);
                let text = format!(
                    "Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
                     Lambda-Runtime-Function-Error-Body: {text}\r\n"
                );
                upload.piece(text.as_bytes())?;
                upload.end(None)?
            }
            "hear" => upload.hear()?,
            "cut" => {
                drop(upload);
                test.get_mut().write_all(b"ok\n")?;
                return test.read_line(&mut String::new()).map(drop);
            }
            "exit" => act::end(1),
            _ => return Err(io::Error::other(format!("what is `{line}`?"))),
        };
        return writeln!(test.get_mut(), "{status}");
    }
}

const PIECE_BYTES: usize = 64 * 1024;
