//! `stayput completions`

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, Exit, Failure, terminal::print_bytes};

/// Print what makes a shell complete this program's verbs and options
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  stayput completions bash > ~/.local/share/bash-completion/completions/stayput"
)]
pub(super) struct Completions {
    /// The shell that is to complete them
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        let mut command = Cli::command();
        let name = command.get_name().to_owned();
        generate(self.shell, &mut command, name, &mut script);
        print_bytes(&script);
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_learns_every_verb() {
        let verbs: Vec<_> = Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        assert!(verbs.len() >= 8, "{verbs:?}");
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            generate(*shell, &mut Cli::command(), "stayput", &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in &verbs {
                assert!(script.contains(verb.as_str()), "{shell} does not know {verb}");
            }
        }
    }
}
