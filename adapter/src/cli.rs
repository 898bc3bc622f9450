//! The command line: one file per verb.

use clap::{Parser, Subcommand};

mod admin;
#[cfg(feature = "aws")]
mod attach;
#[cfg(feature = "aws")]
mod by_lambda;
#[cfg(feature = "aws")]
mod callbacks;
mod check_config;
mod client;
mod completions;
mod curl;
#[cfg(feature = "aws")]
mod deliver;
mod dev;
#[cfg(feature = "aws")]
mod doctor;
mod embedded;
#[cfg(feature = "aws")]
mod event_bridge;
mod events;
mod executions;
mod failure;
mod following;
mod function_urls;
#[cfg(feature = "aws")]
mod functions;
mod health;
mod invoke;
mod keys;
mod lambda;
mod listeners;
mod logging;
mod logs;
mod man;
mod options;
mod routes;
#[cfg(feature = "aws")]
mod serve;
mod signals;
mod station;

mod terminal;

pub use embedded::is_warden;
pub use failure::{Exit, Failure};

/// Callers stay put. Functions move to AWS Lambda.
#[derive(Debug, Parser)]
#[command(name = "stayput", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Dev(dev::Dev),
    #[cfg(feature = "aws")]
    Serve(serve::Serve),
    #[cfg(feature = "aws")]
    Deliver(deliver::Deliver),
    Lambda(lambda::Lambda),
    Invoke(invoke::Invoke),
    Routes(routes::Routes),
    Keys(keys::Keys),
    Events(events::Events),
    Executions(executions::Executions),
    Logs(logs::Logs),
    #[cfg(feature = "aws")]
    Functions(functions::Functions),
    #[cfg(feature = "aws")]
    Attach(attach::Attach),
    #[cfg(feature = "aws")]
    Doctor(doctor::Doctor),
    Health(health::Health),
    CheckConfig(check_config::CheckConfig),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Cli {
    /// Reads the command line. Lambda gives none to the programs that it starts: there the function's handler is the verb.
    pub fn of_process() -> Self {
        let handler = std::env::var_os("_HANDLER").filter(|_| std::env::args_os().len() == 1);
        match handler {
            Some(handler) => Self::parse_from(["stayput".into(), handler]),
            None => Self::parse(),
        }
    }

    /// Does what was asked. Results go to standard output, everything else to standard error.
    ///
    /// # Errors
    /// Why it could not be done, with the exit code for it.
    pub fn run(self) -> Result<Exit, Failure> {
        match self.verb {
            Verb::Dev(dev) => dev.run(self.json),
            #[cfg(feature = "aws")]
            Verb::Serve(serve) => serve.run(self.json),
            #[cfg(feature = "aws")]
            Verb::Deliver(deliver) => deliver.run(self.json),
            Verb::Lambda(lambda) => lambda.run(self.json),
            Verb::Invoke(invoke) => invoke.run(self.json),
            Verb::Routes(routes) => routes.run(self.json),
            Verb::Keys(keys) => keys.run(self.json),
            Verb::Events(events) => events.run(self.json),
            Verb::Executions(executions) => executions.run(self.json),
            Verb::Logs(logs) => logs.run(self.json),
            #[cfg(feature = "aws")]
            Verb::Functions(functions) => functions.run(self.json),
            #[cfg(feature = "aws")]
            Verb::Attach(attach) => attach.run(self.json),
            #[cfg(feature = "aws")]
            Verb::Doctor(doctor) => doctor.run(self.json),
            Verb::Health(health) => health.run(),
            Verb::CheckConfig(check) => check.run(self.json),
            Verb::Completions(completions) => completions.run(),
            Verb::Man(man) => man.run(),
        }
    }
}

/// Says on standard error why nothing came of it.
pub fn report(failure: &Failure) {
    terminal::say(format_args!("{failure:#}"));
}

const EXIT_CODES: &str = "\
Exit codes:
  0  it was done
  1  the function failed (its payload is printed all the same), or there is no such call
  2  the command line or the configuration is wrong
  3  something could not be reached
  4  no answer came in time

Example:
  stayput dev";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{path} has no example");
            command.get_subcommands().for_each(|verb| check(verb, &path));
        }
        check(&Cli::command(), "");
    }

    #[test]
    fn the_help_of_the_examples_parses() {
        fn examples(command: &clap::Command) -> Vec<String> {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let own = help.lines().filter_map(|line| line.strip_prefix("  stayput ")).map(str::to_owned);
            own.chain(command.get_subcommands().flat_map(examples)).collect()
        }
        let examples = examples(&Cli::command());
        assert!(examples.len() >= 8, "{examples:?}");
        for example in examples {
            // What follows is the shell's.
            let words = example.split([';', '|', '<', '>']).next().unwrap_or_default();
            let words = words.replace('\'', "");
            let parsed = Cli::try_parse_from(std::iter::once("stayput").chain(words.split_whitespace()));
            assert!(parsed.is_ok(), "{example}: {parsed:?}");
        }
    }
}
