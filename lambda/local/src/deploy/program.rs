//! From code and configuration that were deployed to a function that can be run.

use std::{sync::Arc, time::Duration};

use super::record::Edition;
use crate::{
    function::{Code, Folder, Function, FunctionEvents, FunctionUrl, Version},
    languages::{Languages, Tools},
};

/// What the edition runs as. `folder` is its code.
pub(super) async fn function(
    name: &str,
    version: Version,
    edition: &Edition,
    folder: Arc<Folder>,
    url: Option<FunctionUrl>,
    tools: &Tools,
) -> Function {
    let configuration = &edition.configuration;
    let (runtime, handler) = (&*configuration.runtime, &*configuration.handler);
    let program = Languages::new(tools).program(runtime, handler, folder.path().to_owned()).await;
    Function {
        name: name.to_owned(),
        runtime: runtime.to_owned(),
        handler: handler.to_owned(),
        program,
        variables: configuration.variables.clone().unwrap_or_default(),
        timeout: Duration::from_secs(configuration.timeout.into()),
        memory_mb: configuration.memory_mb,
        reserved_concurrency: None,
        events: FunctionEvents {
            dead_letter: configuration.dead_letter.clone(),
            ..FunctionEvents::default()
        },
        url,
        version,
        code: Code::held(folder),
        durable: configuration.durable,
        alias: None,
    }
}
