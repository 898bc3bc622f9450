//! Log lines on standard output, in the form and from the level that the function's configuration asks for.

use std::{env, io, str::FromStr};

use tracing::{level_filters::LevelFilter, subscriber::set_global_default};
use tracing_subscriber::{Layer, Registry, filter::Targets, fmt, layer::SubscriberExt};

/// Writes what [`tracing`] is told to standard output from now on. The `run_…` functions do this first; call it
/// yourself to log before them. If the program has set a subscriber already, that one stays.
///
/// * `AWS_LAMBDA_LOG_LEVEL`, or else `RUST_LOG` (`debug`, `warn,my_function=trace`), says what is written. Otherwise
///   `info`.
/// * `AWS_LAMBDA_LOG_FORMAT=JSON` makes every line an object with `timestamp`, `level`, `message`, the event's fields and
///   `span.request_id`. Otherwise lines are text without a time, which CloudWatch adds.
pub fn init_logging() {
    let Settings { levels, format, complaint } = Settings::from_variables(|name| env::var(name).ok());
    let first = set_global_default(tracing_subscriber::registry().with(lines(format)).with(levels)).is_ok();
    if let Some(complaint) = complaint.filter(|_| first) {
        tracing::warn!("{complaint}");
    }
}

fn lines(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = fmt::layer().with_writer(io::stdout).with_ansi(false);
    match format {
        Format::Text => lines.without_time().with_target(false).boxed(),
        // With a time: Lambda takes a JSON line without a valid `timestamp` for INFO, whatever its `level` says.
        // Source: Lambda developer guide, "Log-level filtering".
        Format::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

#[derive(Debug, PartialEq)]
struct Settings {
    levels: Targets,
    format: Format,
    /// What is wrong with the variables, for the log itself.
    complaint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Text,
    Json,
}

impl Settings {
    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let is_json = value(FORMAT).is_some_and(|format| format.eq_ignore_ascii_case("json"));
        let format = if is_json { Format::Json } else { Format::Text };
        let written = [LEVEL, RUST_LOG].into_iter().find_map(|name| {
            let text = value(name).filter(|text| !text.is_empty())?;
            Some((name, text))
        });
        let info = Targets::new().with_default(LevelFilter::INFO);
        let (levels, complaint) = match written {
            None => (info, None),
            Some((name, text)) => match parse(&text) {
                Some(levels) => (levels, None),
                None => (info, Some(format!("{name} is not understood, so the log level is info"))),
            },
        };
        Self { levels, format, complaint }
    }
}

/// `None`: not a level and not a list of `target=level`.
fn parse(text: &str) -> Option<Targets> {
    if text.eq_ignore_ascii_case("fatal") {
        // Lambda's highest level, which `tracing` has no word for.
        return Some(Targets::new().with_default(LevelFilter::ERROR));
    }
    let levels = Targets::from_str(text).ok()?;
    // Faults are written whatever the function's own targets are.
    let default = levels.default_level().unwrap_or(LevelFilter::ERROR);
    Some(levels.with_default(default))
}

const LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";
const RUST_LOG: &str = "RUST_LOG";
const FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::from_variables(|name| {
            variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], target: &str, most_detailed: Level) {
        let Settings { levels, complaint, .. } = settings(variables);
        assert_eq!(complaint, None, "complaint about {variables:?}");
        let written = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        let first = written.into_iter().find(|level| levels.would_enable(target, level));
        assert_eq!(first, Some(most_detailed), "most detailed level of {target} with {variables:?}");
    }

    #[test]
    fn the_level_is_info_unless_something_is_said() {
        check(&[], "stock", Level::INFO);
        check(&[(RUST_LOG, "")], "stock", Level::INFO);
    }

    #[test]
    fn lambdas_word_goes_before_rusts() {
        check(&[(LEVEL, "DEBUG"), (RUST_LOG, "error")], "stock", Level::DEBUG);
        check(&[(LEVEL, "FATAL")], "stock", Level::ERROR);
        check(&[(RUST_LOG, "warn")], "stock", Level::WARN);
    }

    #[test]
    fn one_target_can_be_louder_and_errors_are_always_heard() {
        check(&[(RUST_LOG, "stock=trace")], "stock", Level::TRACE);
        check(&[(RUST_LOG, "stock=trace")], "lambda_runtime", Level::ERROR);
        check(&[(RUST_LOG, "warn,stock=trace")], "lambda_runtime", Level::WARN);
    }

    #[test]
    fn a_misspelt_level_is_told() {
        let settings = settings(&[(RUST_LOG, "a=b=c")]);
        let complaint = "RUST_LOG is not understood, so the log level is info";
        assert_eq!(settings.complaint.as_deref(), Some(complaint));
    }

    #[test]
    fn the_format_is_json_only_where_lambda_says_so() {
        assert_eq!(settings(&[]).format, Format::Text);
        assert_eq!(settings(&[(FORMAT, "Text")]).format, Format::Text);
        assert_eq!(settings(&[(FORMAT, "JSON")]).format, Format::Json);
    }
}
