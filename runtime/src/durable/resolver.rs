//! From a function's id to what Lambda calls it.

use std::collections::BTreeMap;

use lambda_protocol::function::MAX_REF_BYTES;

use super::function::FunctionName;

/// What `STAYPUT_FUNCTIONS` says, and the ids that this program knows besides.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Resolver {
    /// Id to name, `name:qualifier` or ARN.
    table: BTreeMap<String, String>,
    /// For suggestions.
    known: Vec<String>,
}

impl Resolver {
    /// # Errors
    /// It is no JSON object of texts.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, String> {
        let table = match text.map(str::trim).filter(|text| !text.is_empty()) {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| format!("{VARIABLE} is no JSON object of ids and Lambda names: {error}"))?,
        };
        Ok(Self { table, known: Vec::new() })
    }

    /// Adds ids that are right, so that one that is nearly one of them can be told.
    #[must_use]
    pub(crate) fn knowing(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.known.extend(ids);
        self
    }

    /// What goes into `FunctionName`.
    ///
    /// # Errors
    /// It is longer than Lambda takes, or empty.
    pub(crate) fn target(&self, function: FunctionName) -> Result<String, String> {
        let id = function.to_string();
        let target = match function {
            FunctionName::Lambda(name) => name.to_owned(),
            FunctionName::Id { .. } => match self.table.get(&id) {
                Some(target) => target.clone(),
                None if id.is_empty() => String::new(),
                None => format!("{id}:$LATEST"),
            },
        };
        match target.len() {
            0 => Err("a function without an id cannot be invoked".to_owned()),
            1..=MAX_REF_BYTES => Ok(target),
            long => Err(format!("the function's name has {long} bytes, and Lambda takes {MAX_REF_BYTES}")),
        }
    }

    /// The ids that somebody may have meant who wrote `id`, the nearest first.
    pub(crate) fn near(&self, id: &str) -> Vec<&str> {
        let known = self.table.keys().chain(&self.known).map(String::as_str);
        let mut near: Vec<(usize, &str)> = known
            .filter(|known| *known != id)
            .map(|known| (strsim::damerau_levenshtein(known, id), known))
            .filter(|(distance, known)| *distance <= known.len().max(id.len()) / 3)
            .collect();
        near.sort_unstable();
        near.dedup();
        near.into_iter().map(|(_, known)| known).take(SUGGESTIONS).collect()
    }
}

/// The variable that holds the table.
pub(crate) const VARIABLE: &str = "STAYPUT_FUNCTIONS";

const SUGGESTIONS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver() -> Resolver {
        let table = r#"{"compute-square": "squares:live", "my-python-app-compute-pi": "arn:pi"}"#;
        Resolver::parse(Some(table)).unwrap().knowing(["main".to_owned()])
    }

    #[track_caller]
    fn check(function: FunctionName, target: &str) {
        assert_eq!(resolver().target(function).as_deref(), Ok(target));
    }

    #[test]
    fn the_table_says_what_an_id_stands_for() {
        check(FunctionName::Id { app: None, id: "compute-square" }, "squares:live");
        check(FunctionName::Id { app: Some("my-python-app"), id: "compute-pi" }, "arn:pi");
    }

    #[test]
    fn an_id_that_is_not_in_it_is_a_name() {
        check(FunctionName::Id { app: None, id: "main" }, "main:$LATEST");
        check(FunctionName::Id { app: Some("shop"), id: "bill" }, "shop-bill:$LATEST");
    }

    #[test]
    fn lambdas_own_names_are_not_looked_up() {
        check(FunctionName::Lambda("compute-square"), "compute-square");
    }

    #[test]
    fn what_lambda_would_not_take_is_refused_here() {
        assert!(resolver().target(FunctionName::Lambda("")).is_err());
        assert!(resolver().target(FunctionName::Id { app: None, id: "" }).is_err());
        let long: &str = "f".repeat(257).leak();
        assert!(resolver().target(FunctionName::Lambda(long)).is_err());
    }

    #[test]
    fn what_is_nearly_an_id_is_suggested() {
        assert_eq!(resolver().near("compute-sqare"), ["compute-square"]);
        assert_eq!(resolver().near("compute-square"), [""; 0]);
        assert_eq!(resolver().near("mian"), ["main"]);
        assert_eq!(resolver().near("mine"), [""; 0]);
    }

    #[test]
    fn a_table_that_is_none_is_told() {
        assert_eq!(Resolver::parse(None), Ok(Resolver::default()));
        assert_eq!(Resolver::parse(Some(" ")), Ok(Resolver::default()));
        assert!(Resolver::parse(Some("[1]")).unwrap_err().starts_with("STAYPUT_FUNCTIONS is no JSON object"));
        assert!(Resolver::parse(Some(r#"{"a": 1}"#)).is_err());
    }
}
