//! `stayput man`

use std::{fs, io, path::PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man as Page;

use super::{Cli, Exit, Failure, terminal::print_bytes};

/// Print the manual page, or write a page for each verb
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput man --out /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Folder for stayput.1 and a page for each verb
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let pages = pages()?;
        let Some(folder) = &self.out else {
            let (_, page) = pages.first().expect("the program's own comes first");
            print_bytes(page);
            return Ok(Exit::Done);
        };
        fs::create_dir_all(folder)?;
        for (name, page) in pages {
            fs::write(folder.join(name), page)?;
        }
        Ok(Exit::Done)
    }
}

/// File names and pages: the program's own, then its verbs', depth first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut pages = Vec::new();
    let mut program = Cli::command();
    // Verbs learn the options that all share.
    program.build();
    page(&program, program.get_name(), &mut pages)?;
    Ok(pages)
}

fn page(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let mut text = Vec::new();
    // Once built, a verb's display name is that of all verbs above it: `stayput-keys-add`.
    Page::new(command.clone()).title(name).render(&mut text)?;
    pages.push((format!("{name}.1"), text));
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        page(verb, &format!("{name}-{}", verb.get_name()), pages)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_page_with_its_example() {
        let pages = pages().unwrap();
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["stayput.1", "stayput-dev.1", "stayput-keys.1", "stayput-keys-add.1", "stayput-man.1"] {
            assert!(names.contains(&name), "{name} is not among {names:?}");
        }
        for (name, page) in &pages {
            let page = String::from_utf8(page.clone()).unwrap();
            assert!(page.contains(".TH stayput"), "{name} has no title:\n{page}");
            assert!(page.contains("Example"), "{name} has no example:\n{page}");
        }
    }
}
