//! How often functions run that fail, where the template leaves it open.

use std::collections::BTreeSet;

use lambda_local::template::TemplateFunction;
use stayput_core::{
    Dialect as _,
    dialect::OpenFaas,
    table::{Function, Table},
};

/// OpenFaaS never ran an asynchronous call again, so a function that only OpenFaaS' callers have names for is not, either,
/// unless the template says otherwise. Retries are the function's and not the call's, in Lambda as here: one that has a name
/// in another dialect keeps Lambda's.
pub(super) fn keep_to_one_run(functions: &mut [TemplateFunction], table: &Table) {
    let named = |is_openfaas: bool| -> BTreeSet<&str> {
        let rows = table.rows().filter(|(dialect, ..)| (*dialect == OpenFaas.name()) == is_openfaas);
        rows.map(|(_, _, row)| -> &Function { row }).map(|row| &*row.lambda.name).collect()
    };
    let (in_openfaas, elsewhere) = (named(true), named(false));
    for function in functions {
        let name = function.name.as_str();
        if in_openfaas.contains(name) && !elsewhere.contains(name) {
            function.events.config.get_or_insert_default().maximum_retry_attempts.get_or_insert(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use lambda_local::template;

    use super::*;
    use crate::config::{Config, SourceFile, Sources};

    const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: .}
Resources:
  Plain: {Type: AWS::Serverless::Function, Properties: {FunctionName: plain}}
  Shared: {Type: AWS::Serverless::Function, Properties: {FunctionName: shared}}
  Nameless: {Type: AWS::Serverless::Function, Properties: {FunctionName: nameless}}
  Told:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: told, EventInvokeConfig: {MaximumRetryAttempts: 1}}
";

    const ROWS: &str = "\
[[function]]
lambda = \"plain\"
openfaas = [\"plain\", \"plain.ns\"]
[[function]]
lambda = \"shared\"
openfaas = \"shared\"
[[function]]
lambda = \"shared\"
stedi = \"other-name\"
[[function]]
lambda = \"told\"
openfaas = \"told\"
";

    #[test]
    fn a_function_of_openfaas_alone_runs_once_unless_the_template_says_otherwise() {
        let mut functions =
            template::parse(TEMPLATE, Path::new("template.yaml"), &BTreeMap::new()).unwrap().functions;
        let file = SourceFile { name: "s.toml".into(), text: ROWS.into() };
        let config = Config::check(&Sources { file: Some(file), ..Sources::default() }).unwrap();
        keep_to_one_run(&mut functions, &config.rows.unwrap().table);
        let retries: Vec<_> = functions
            .iter()
            .map(|function| {
                let config = function.events.config.as_ref();
                (&*function.name, config.and_then(|config| config.maximum_retry_attempts))
            })
            .collect();
        let expected = [("plain", Some(0)), ("shared", None), ("nameless", None), ("told", Some(1))];
        assert_eq!(retries, expected);
    }
}
