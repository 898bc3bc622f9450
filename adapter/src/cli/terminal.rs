//! Results on standard output, talk on standard error.

use std::{fmt::Display, io::Write};

use serde::Serialize;

/// A result. A reader that has gone away is not an error of ours.
pub(super) fn print(text: impl Display) {
    let _reader_gone = writeln!(std::io::stdout(), "{text}");
}

/// A result as it is.
pub(super) fn print_bytes(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _reader_gone = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// A result for programs: one line.
pub(super) fn print_json(value: &impl Serialize) {
    print(serde_json::to_string(value).expect("our own types are JSON"));
}

/// Anything that is not the result.
pub(super) fn say(text: impl Display) {
    let _reader_gone = writeln!(std::io::stderr(), "{text}");
}

/// Rows under headings, each column as wide as its widest cell.
pub(super) fn print_table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let mut widths = headings.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    print(line(headings));
    for row in rows {
        print(line(row.each_ref().map(String::as_str)));
    }
}
