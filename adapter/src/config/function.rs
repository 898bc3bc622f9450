//! `[[function]]` rows into the function table.

use std::{sync::Arc, time::Duration};

use http::Request;
use lambda_protocol::{
    function::{FunctionRef, Qualifier},
    quotas::TIMEOUT_MAX,
};
use stayput_core::{
    Dialect, FunctionKey,
    table::{Function, Table},
};

use super::{
    PREFIX,
    mistake::{Mistakes, Written, quoted},
    quantity,
    raw::RawFunction,
};

/// The table that the rows describe. `variables`: those of the environment that a row may name.
pub(super) fn table(rows: &[RawFunction], variables: &[(String, String)], mistakes: &mut Mistakes) -> Table {
    let mut table = Table::default();
    for row in rows {
        let function = function(row, variables, mistakes).map(Arc::new);
        if row.names.is_empty() {
            mistakes.at(&row.origin, "no dialect names this function; add a name, e.g. stedi = \"name\"");
        }
        for (dialect, name) in &row.names {
            let Some(key) = reachable_key(*dialect, &name.text) else {
                let (text, shape) = (quoted(&name.text), dialect.key_shape());
                mistakes.add(name.mistake(format!("no caller can write {text}; a name here is {shape}")));
                continue;
            };
            let Some(function) = &function else { continue };
            if table.add(dialect.name(), key, Arc::clone(function)).is_some() {
                mistakes.add(name.mistake(format!("{} is already taken by another row", quoted(&name.text))));
            }
        }
    }
    table
}

/// The key under which `dialect` looks a function up that the operator calls `name`: what it reads from the very
/// URL that it shows for it. `None`: no URL leads there.
pub(super) fn reachable_key(dialect: &dyn Dialect, name: &str) -> Option<FunctionKey> {
    let route = dialect.routes(&FunctionKey::new(name)).into_iter().next()?;
    let request = Request::builder().method(route.methods.first()?.clone()).uri(route.path).body(()).ok()?;
    let call = dialect.parse(&request.into_parts().0)?.ok()?;
    call.function.as_str().eq_ignore_ascii_case(name).then_some(call.function)
}

fn function(row: &RawFunction, variables: &[(String, String)], mistakes: &mut Mistakes) -> Option<Function> {
    let lambda = lambda(row, variables, mistakes);
    let qualifier = qualifier(row, lambda.as_ref(), mistakes);
    let durable = row.durable.unwrap_or_default();
    let payload_is_event = payload_is_event(row.payload.as_ref(), mistakes) || durable;
    let timeout = timeout(row.timeout.as_ref(), mistakes);
    let streams = row.stream.unwrap_or_default();
    if let (true, Some(payload)) = (streams, &row.payload) {
        mistakes.add(payload.mistake("the bare answer has no head to begin with; leave this out, or stream"));
    }
    if let (true, Some(lambda), Some(written)) = (durable, &lambda, &row.lambda)
        && qualifier.is_none()
        && lambda.qualifier.is_none()
    {
        let text = "a durable function is called by a version or an alias; write NAME:ALIAS";
        mistakes.add(written.mistake(text));
    }
    if durable && streams {
        mistakes.at(
            &row.origin,
            "a durable function answers when its execution is over; leave stream out, or durable",
        );
    }
    Some(Function { lambda: lambda?, qualifier, payload_is_event, durable, streams, timeout })
}

/// A name or ARN as it is, or `${STAYPUT_…}`: the value of that variable, as whoever deploys hands in what CloudFormation has
/// called the function.
fn lambda(row: &RawFunction, variables: &[(String, String)], mistakes: &mut Mistakes) -> Option<FunctionRef> {
    let Some(written) = &row.lambda else {
        mistakes.at(&row.origin, "lambda is missing; write lambda = \"name or ARN of the Lambda function\"");
        return None;
    };
    let text = match written.text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        None => &written.text,
        Some(name) => match variables.iter().find(|(variable, _)| variable == name) {
            Some((_, value)) => value,
            None => {
                let known =
                    if name.starts_with(PREFIX) { "is not set" } else { "does not begin with STAYPUT_" };
                mistakes.add(written.mistake(format!("the variable {name} {known}")));
                return None;
            }
        },
    };
    let parsed = FunctionRef::parse(text);
    parsed.map_err(|error| mistakes.add(written.mistake(error.message))).ok()
}

fn qualifier(row: &RawFunction, lambda: Option<&FunctionRef>, mistakes: &mut Mistakes) -> Option<Qualifier> {
    let written = row.qualifier.as_ref()?;
    if lambda.is_some_and(|lambda| lambda.qualifier.is_some()) {
        mistakes.add(written.mistake("lambda has a qualifier already; leave one of the two out"));
        return None;
    }
    Qualifier::parse(&written.text).map_err(|error| mistakes.add(written.mistake(error.message))).ok()
}

fn payload_is_event(written: Option<&Written>, mistakes: &mut Mistakes) -> bool {
    let Some(written) = written else { return false };
    if written.text != "event" {
        let text = quoted(&written.text);
        mistakes.add(
            written.mistake(format!("{text} is unknown; write \"event\", or nothing for the dialect's own")),
        );
    }
    true
}

fn timeout(written: Option<&Written>, mistakes: &mut Mistakes) -> Duration {
    let Some(written) = written else { return LONGEST_WAIT };
    match quantity::duration(&written.text) {
        Ok(wait) if (SHORTEST_WAIT..=LONGEST_WAIT).contains(&wait) => return wait,
        Ok(_) => {
            let (least, most) = (SHORTEST_WAIT.as_millis(), LONGEST_WAIT.as_secs());
            let text = quoted(&written.text);
            mistakes.add(written.mistake(format!("{text} is not between {least}ms and {most}s")));
        }
        Err(what) => mistakes.add(written.mistake(what)),
    }
    LONGEST_WAIT
}

/// How much longer than the function itself the gateway waits, so that Lambda's own word for a timeout comes first.
pub(super) const GRACE: Duration = Duration::from_secs(10);

const LONGEST_WAIT: Duration = TIMEOUT_MAX.saturating_add(GRACE);

const SHORTEST_WAIT: Duration = Duration::from_millis(1);
