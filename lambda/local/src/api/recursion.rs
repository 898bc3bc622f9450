//! `GetFunctionRecursionConfig` and `PutFunctionRecursionConfig`.

use bytes::Bytes;
use http::{Method, Response, request};
use lambda_protocol::{
    api_error::ApiError,
    function::{FunctionArn, FunctionRef},
    validation::{self, Violation},
};
use serde::Deserialize;

use super::{House, decoded, json, label, read};
use crate::{events::inbox::refused, function::RecursiveLoop, functions::check_place};

#[derive(Debug)]
pub(crate) struct Call {
    function: String,
    puts: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    recursive_loop: Option<String>,
}

impl Call {
    pub(super) fn route(head: &request::Parts) -> Option<Self> {
        let label = label(head.uri.path(), "/2024-08-31/functions/", "/recursion-config")?;
        let puts = match head.method {
            Method::PUT => true,
            Method::GET => false,
            _ => return None,
        };
        Some(Self { function: decoded(label), puts })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let function = FunctionRef::check_unqualified(&self.function);
        let wanted = if self.puts { recursive_loop(body)?.map(Some) } else { Ok(None) };
        let (function, wanted) = match (function, wanted) {
            (Ok(function), Ok(wanted)) => (function, wanted),
            (Err(mut violations), Err(more)) => {
                violations.push(more);
                return Err(validation::error(&violations));
            }
            (Err(violations), Ok(_)) => return Err(validation::error(&violations)),
            (Ok(_), Err(violation)) => return Err(validation::error(&[violation])),
        };
        check_place(&function, None, house.settings())?;
        let name = &*function.name;
        if house.functions().named(name).is_none() {
            let (region, account) = (&*house.settings().region, &*house.settings().account);
            let arn = FunctionArn { region, account, name, qualifier: None };
            return Err(ApiError::function_not_found(&arn));
        }
        let now = match wanted {
            None => house.configs.of(name).recursive_loop,
            Some(wanted) => {
                house.configs.set_recursion(name, wanted).await.map_err(|error| refused(&error))?;
                wanted
            }
        };
        Ok(json(format!(r#"{{"RecursiveLoop":"{}"}}"#, now.as_str())))
    }
}

fn recursive_loop(body: &[u8]) -> Result<Result<RecursiveLoop, Violation>, ApiError> {
    let Some(word) = read::<Body>(body)?.recursive_loop else {
        return Ok(Err(Violation::missing(FIELD)));
    };
    Ok(RecursiveLoop::parse(&word).ok_or_else(|| Violation::not_in_set(&word, FIELD, "Terminate, Allow")))
}

const FIELD: &str = "recursiveLoop";
