//! What there is to say about the fields of `[[function]]` and `[[key]]` rows.

use stayput_core::{DIALECTS, keys::Right};

use super::kind::Shape;

/// One field of a row. Rows are read in [`raw`](super::raw); a test holds that both know the same fields.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// One line.
    pub(super) about: String,
    pub(super) shape: Shape,
    /// Each row must have it.
    pub(super) is_required: bool,
}

/// Of a `[[function]]` row.
pub(super) fn function() -> Vec<Field> {
    let mut fields = vec![
        required(
            "lambda",
            "Name or ARN of the Lambda function, or ${STAYPUT_…}: the variable that has it.",
            Shape::Text,
        ),
        field("qualifier", "Version or alias of the Lambda function.", Shape::Text),
        field(
            "payload",
            "\"event\": on every dialect the bare body goes in and the bare answer comes out.",
            Shape::Word(&["event"]),
        ),
        field(
            "durable",
            "true: a call starts a durable execution, which has the call's id as its name.",
            Shape::Truth,
        ),
        field(
            "stream",
            "true: answers pass on as the function makes them, where the dialect's are HTTP answers.",
            Shape::Truth,
        ),
        field("timeout", "How long the gateway waits for the function's answer.", Shape::Time),
    ];
    fields.extend(DIALECTS.iter().map(|dialect| Field {
        name: dialect.name(),
        about: format!("What callers in the dialect {} name it: {}.", dialect.name(), dialect.key_shape()),
        shape: Shape::Texts,
        is_required: false,
    }));
    fields
}

/// Of a `[[key]]` row.
pub(super) fn key() -> Vec<Field> {
    let dialects = DIALECTS.iter().map(|dialect| dialect.name().to_owned()).collect();
    let rights = Right::ALL.map(|right| right.as_str().to_owned()).into();
    vec![
        required("label", "Your name for this key, in lists and logs.", Shape::Text),
        field("sha256", "SHA-256 of the whole credential; `stayput keys add` makes it.", Shape::Hash),
        field("anonymous", "true: for callers who present no credential.", Shape::Truth),
        required("dialects", "The dialects in which it counts.", Shape::Words(dialects)),
        field(
            "functions",
            "The functions that it may call, as callers name them; left out: all.",
            Shape::Texts,
        ),
        required("rights", "What it may do with them.", Shape::Words(rights)),
        field("sources", "Blocks of addresses from which it counts; left out: everywhere.", Shape::Texts),
        field("rate", "Calls in a second, minute or hour: 50/s; left out: as many as come.", Shape::Text),
        field(
            "burst",
            "Calls of its rate at once, after a pause; left out: what comes in a second.",
            Shape::Count,
        ),
        field("concurrency", "Calls at a time; left out: its share of the gateway's.", Shape::Count),
        field("not_before", "The first moment at which it counts, as RFC 3339.", Shape::Text),
        field("not_after", "The first moment at which it counts no more, as RFC 3339.", Shape::Text),
        field(
            "userinfo",
            "true: its callers may put a user's name and password into callback URLs, https ones.",
            Shape::Truth,
        ),
    ]
}

fn field(name: &'static str, about: &str, shape: Shape) -> Field {
    Field { name, about: about.to_owned(), shape, is_required: false }
}

fn required(name: &'static str, about: &str, shape: Shape) -> Field {
    Field { is_required: true, ..field(name, about, shape) }
}
