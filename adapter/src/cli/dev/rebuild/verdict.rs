//! What becomes of a function that was made ready again.

use lambda_local::{Function, function::Unavailable};

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// New calls run on the new one.
    Replace,
    /// What has changed makes no other program.
    Unchanged,
    /// The new one cannot run, for this reason; the old one can.
    Keep(String),
    /// Neither can.
    StillUnavailable(String),
}

/// `is_known`: the new one's program is the very one that the old one runs.
pub(super) fn verdict(old: &Function, new: &Function, is_known: bool) -> Verdict {
    match (&old.program, &new.program) {
        (Ok(_), Err(Unavailable(why))) => Verdict::Keep(why.clone()),
        (Err(_), Err(Unavailable(why))) => Verdict::StillUnavailable(why.clone()),
        (Ok(old), Ok(new)) if is_known && old == new => Verdict::Unchanged,
        (Ok(_) | Err(_), Ok(_)) => Verdict::Replace,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lambda_local::Program;

    use super::*;

    fn function(program: Result<&str, &str>) -> Function {
        let of = |executable: &str| Program {
            executable: executable.into(),
            arguments: Vec::new(),
            directory: "/".into(),
            variables: [].into(),
        };
        Function {
            name: "f".to_owned(),
            runtime: "provided".to_owned(),
            handler: "x".to_owned(),
            program: program.map(of).map_err(|why| Unavailable(why.to_owned())),
            variables: [].into(),
            timeout: Duration::from_secs(1),
            memory_mb: 128,
            reserved_concurrency: None,
            events: lambda_local::function::FunctionEvents::default(),
            url: None,
            version: lambda_local::function::Version::Latest,
            code: lambda_local::function::Code::default(),
            durable: None,
            alias: None,
        }
    }

    #[track_caller]
    fn check(old: Result<&str, &str>, new: Result<&str, &str>, is_known: bool, expected: &Verdict) {
        assert_eq!(
            &verdict(&function(old), &function(new), is_known),
            expected,
            "{old:?} {new:?} {is_known}"
        );
    }

    #[test]
    fn what_can_run_takes_over() {
        check(Ok("/a"), Ok("/a"), false, &Verdict::Replace);
        check(Err("install it"), Ok("/a"), false, &Verdict::Replace);
        check(Ok("/debug/a"), Ok("/release/a"), true, &Verdict::Replace);
    }

    #[test]
    fn what_cannot_run_takes_nothing_over() {
        check(Ok("/a"), Err("does not build"), false, &Verdict::Keep("does not build".to_owned()));
        let still = Verdict::StillUnavailable("does not build".to_owned());
        check(Err("install it"), Err("does not build"), false, &still);
    }

    #[test]
    fn the_same_program_stays() {
        check(Ok("/a"), Ok("/a"), true, &Verdict::Unchanged);
    }
}
