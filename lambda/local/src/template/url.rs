//! What a template says about function URLs: a function's `FunctionUrlConfig`, and the resource `AWS::Lambda::Url`.
//!
//! Sources: SAM developer guide, "FunctionUrlConfig"; CloudFormation resource reference, `AWS::Lambda::Url`; the limits of
//! lists from Lambda's API reference, `Cors`.

use std::ops::RangeInclusive;

use lambda_protocol::function::FunctionRef;

use super::{
    TemplateFunction,
    document::Resource,
    evaluator::Evaluator,
    findings::Reported,
    tree::{Node, Value},
};
use crate::function::{Cors, FunctionUrl, InvokeMode, UrlAuth};

/// Reads the evaluated property [`PROPERTY`].
pub(super) fn read(evaluator: &mut Evaluator<'_>, node: &Node) -> Result<FunctionUrl, Reported> {
    evaluator.check_keys(node, PROPERTY, &[AUTH, CORS, MODE])?;
    settings(evaluator, node, PROPERTY)
}

/// Reads a resource of the type [`RESOURCE`] into the function that it names.
pub(super) fn read_resource(
    evaluator: &mut Evaluator<'_>,
    resource: &Resource<'_>,
    functions: &mut [TemplateFunction],
) -> Result<(), Reported> {
    let properties = Node { value: Value::Map(resource.properties().to_vec()), place: resource.place };
    let Some(properties) = evaluator.evaluate(&properties)? else { return Ok(()) };
    evaluator.check_keys(&properties, RESOURCE, &[AUTH, CORS, MODE, "Qualifier", TARGET])?;
    let url = settings(evaluator, &properties, resource.id);
    let target = evaluator.text_member(&properties, TARGET)?;
    let qualifier = evaluator.text_member(&properties, "Qualifier")?;
    let url = url?;
    let Some((_, target)) = target else {
        return Err(evaluator.found.mistake(resource.place, format!("`{}` has no `{TARGET}`", resource.id)));
    };
    if let Some((place, alias)) = qualifier {
        let message = format!("`{}` is for `{alias}`, and only `$LATEST` is here", resource.id);
        evaluator.found.note(place, message);
        return Ok(());
    }
    let named = FunctionRef::parse(&target).ok().map(|meant| meant.name);
    match functions.iter_mut().find(|function| Some(&function.name) == named.as_ref()) {
        Some(function) => function.url = Some(url),
        None => {
            let message = format!("`{}` names no function of this template", resource.id);
            evaluator.found.note(resource.place, message);
        }
    }
    Ok(())
}

/// SAM's property.
pub(super) const PROPERTY: &str = "FunctionUrlConfig";

/// What [`read_resource`] reads.
pub(super) const RESOURCE: &str = "AWS::Lambda::Url";

const AUTH: &str = "AuthType";
const CORS: &str = "Cors";
const MODE: &str = "InvokeMode";
const TARGET: &str = "TargetFunctionArn";

fn settings(evaluator: &mut Evaluator<'_>, node: &Node, whose: &str) -> Result<FunctionUrl, Reported> {
    let auth = evaluator.word_member(node, AUTH, "`NONE` or `AWS_IAM`", UrlAuth::parse);
    let mode = evaluator.word_member(node, MODE, "`BUFFERED` or `RESPONSE_STREAM`", InvokeMode::parse);
    let cors = node.get(CORS).map(|node| cors(evaluator, node)).transpose();
    let Some(auth) = auth? else {
        return Err(evaluator.found.mistake(node.place, format!("`{whose}` has no `{AUTH}`")));
    };
    Ok(FunctionUrl { auth, invoke_mode: mode?.unwrap_or_default(), cors: cors? })
}

fn cors(evaluator: &mut Evaluator<'_>, node: &Node) -> Result<Cors, Reported> {
    let lists = ["AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders"];
    let known = [&lists[..], &["AllowCredentials", "MaxAge"]].concat();
    evaluator.check_keys(node, CORS, &known)?;
    let origins = list(evaluator, node, lists[0], Cors::ITEMS, Cors::ORIGIN_BYTES);
    let methods = list(evaluator, node, lists[1], Cors::METHODS, Cors::METHOD_BYTES);
    let allowed = list(evaluator, node, lists[2], Cors::ITEMS, Cors::HEADER_BYTES);
    let exposed = list(evaluator, node, lists[3], Cors::ITEMS, Cors::HEADER_BYTES);
    let max_age = evaluator.number_member(node, "MaxAge", Cors::MAX_AGE_S);
    let credentials =
        evaluator.word_member(node, "AllowCredentials", "`true` or `false`", |word| word.parse().ok());
    Ok(Cors {
        allow_origins: origins?,
        allow_methods: methods?,
        allow_headers: allowed?,
        expose_headers: exposed?,
        max_age_s: max_age?,
        allow_credentials: credentials?.unwrap_or_default(),
    })
}

fn list(
    evaluator: &mut Evaluator<'_>,
    node: &Node,
    name: &str,
    most: usize,
    bytes: RangeInclusive<usize>,
) -> Result<Vec<String>, Reported> {
    let items = evaluator.texts_member(node, name)?;
    if let Some((place, _)) = items.get(most) {
        return Err(evaluator.found.mistake(*place, format!("`{name}` has at most {most} entries")));
    }
    if let Some((place, text)) = items.iter().find(|(_, text)| !Cors::is_entry(text, &bytes)) {
        let (least, most) = (bytes.start(), bytes.end());
        let message = format!(
            "an entry of `{name}` has {least} to {most} characters of visible ASCII, unlike `{text}`"
        );
        return Err(evaluator.found.mistake(*place, message));
    }
    Ok(items.into_iter().map(|(_, text)| text).collect())
}
