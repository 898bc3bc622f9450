//! The rules of `dev`: what the file says, and what whoever runs it may besides.

use std::collections::BTreeSet;

use stayput_core::{Credential, table::Table};

use crate::{
    cli::terminal::say,
    config::{
        Rows,
        dev::{self, OwnName},
        key,
    },
    rules::Rules,
};

/// What `dev` adds to what the file says.
pub(super) struct Own {
    pub(super) secret: Credential,
}

impl Own {
    /// What the file says and the dev key; without rows in it, everything for everyone who runs `dev`. A file that names keys
    /// only leaves the `functions` that there are their own names.
    pub(super) fn rules(&self, rows: Option<Rows>, functions: &[OwnName]) -> Rules {
        let functions = functions.iter().cloned();
        match rows.filter(Rows::has_any) {
            Some(Rows { table, mut keys }) => {
                keys.push(dev::own_key(&self.secret));
                let table = if table.is_empty() { dev::own_names(functions) } else { table };
                Rules { table, keys: key::keyring(&keys) }
            }
            None => Rules {
                table: dev::own_names(functions),
                keys: key::keyring(&[dev::own_key(&self.secret), dev::anonymous()]),
            },
        }
    }

    /// Names that lead nowhere are no mistake, as the same file serves production, but here nobody will be answered.
    pub(super) fn warn_of_dead_ends(table: &Table, functions: &[OwnName]) {
        if table.is_empty() {
            say(
                "warning: no function has a name that callers could use; add [[function]] rows to the configuration",
            );
        }
        let missing = |lambda: &str| functions.iter().all(|function| function.name != lambda);
        let names: BTreeSet<_> = table.rows().map(|(_, _, row)| row.lambda.name.as_str()).collect();
        for name in names.into_iter().filter(|name| missing(name)) {
            say(format_args!("warning: there is no function {name:?}, which the configuration names"));
        }
    }
}
