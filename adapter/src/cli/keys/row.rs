//! `[[key]]` rows, as they are written into the configuration.

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _, path::Path};

use stayput_core::{Credential, keys::CredentialHash};

use super::RowOptions;
use crate::{
    cli::{
        Failure,
        options::ConfigOptions,
        terminal::{print, say},
    },
    config::{self, Config, SourceFile, Sources, key::check_label},
    secret,
};

/// A `[[key]]` row, ready to be written.
pub(super) struct Row {
    pub(super) sha256: String,
    pub(super) toml: String,
}

impl Row {
    /// # Errors
    /// The label is none, or the key would never count.
    pub(super) fn new(options: &RowOptions, credential: &Credential) -> Result<Self, Failure> {
        check_label(&options.label).map_err(|what| Failure::usage(format_args!("--label: {what}")))?;
        options.bounds.check()?;
        let sha256 = secret::hex(&CredentialHash::of(credential).0);
        let mut toml = format!("[[key]]\nlabel = {}\nsha256 = \"{sha256}\"\n", text(&options.label));
        let lists = [
            ("dialects", &options.dialects),
            ("functions", &options.functions),
            ("rights", &options.rights),
            ("sources", &options.sources),
        ];
        for (name, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
            let words: Vec<_> = words.iter().map(|word| text(word)).collect();
            writeln!(toml, "{name} = [{}]", words.join(", ")).expect("writing to memory does not fail");
        }
        toml.push_str(&options.bounds.toml());
        Ok(Self { sha256, toml })
    }

    /// Appends the row to the file if `write` says so, once the file is known to be right with it.
    ///
    /// # Errors
    /// What would be wrong with the file then, or that it cannot be written.
    pub(super) fn keep(&self, write: bool, options: &ConfigOptions) -> Result<bool, Failure> {
        if write {
            append(&config::file_path(options.path()), &self.toml)?;
        }
        Ok(write)
    }

    pub(super) fn show(&self, written: bool) {
        if written {
            say("The row was written; `stayput keys list` shows it.");
        } else {
            say("The row for the configuration file:");
            print(self.toml.trim_end());
        }
    }
}

fn append(path: &Path, row: &str) -> Result<(), Failure> {
    let exists = path.exists();
    let mut sources = if exists { Sources::gather(Some(path), Vec::new())? } else { Sources::default() };
    let before = sources.file.take().map(|file| file.text).unwrap_or_default();
    let addition = match before.as_bytes() {
        [] => row.to_owned(),
        [.., b'\n'] => format!("\n{row}"),
        _ => format!("\n\n{row}"),
    };
    sources.file = Some(SourceFile { name: path.display().to_string(), text: before + &addition });
    Config::check(&sources)?;
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    Ok(file.write_all(addition.as_bytes())?)
}

/// A TOML string.
fn text(word: &str) -> String {
    toml::Value::from(word).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::keys::bounds::Bounds;

    fn options(label: &str) -> RowOptions {
        RowOptions {
            label: label.to_owned(),
            dialects: vec!["stedi".to_owned()],
            functions: Vec::new(),
            rights: vec!["invoke".to_owned()],
            sources: Vec::new(),
            bounds: Bounds::default(),
            write: true,
        }
    }

    #[test]
    fn a_row_is_appended_only_where_the_file_stays_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stayput.toml");
        let config = ConfigOptions { config: Some(path.clone()) };
        let row = |label: &str, secret: &str| Row::new(&options(label), &Credential::new(secret)).unwrap();
        assert!(row("one", "a").keep(true, &config).is_ok());
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap().trim_end()).unwrap();
        assert!(row("t\"wo", "b").keep(true, &config).is_ok());
        let before = std::fs::read_to_string(&path).unwrap();
        assert!(row("one", "c").keep(true, &config).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        let keys = config.load(Vec::new()).unwrap().rows.unwrap().keys;
        let labels: Vec<_> = keys.iter().map(|row| row.key.label.as_str()).collect();
        assert_eq!(labels, ["one", "t\"wo"]);
    }
}
