//! What functions are made from, so that whoever changes it can be followed.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Tools, absolute, rust_request};
use crate::{
    rust_build::{self, BuildMode},
    template::TemplateFunction,
};

/// What one function is made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sources {
    /// Absolute: folders with all that lies in them, and single files. They need not be there.
    pub places: BTreeSet<PathBuf>,
    /// Whether a change shows in the executable. Otherwise it is an interpreter that reads them, or the executable is one
    /// of several files that count.
    pub is_compiled: bool,
}

impl Sources {
    /// What a function is made from as far as its template says.
    pub fn own_folder(function: &TemplateFunction) -> Self {
        let folder = function.source.code.as_ref().ok().map(|code| absolute(code));
        Self { places: folder.into_iter().collect(), is_compiled: rust_request(function).is_some() }
    }
}

/// For each function, in order, what it is made from. `None`: cargo cannot tell now, as while somebody writes a manifest.
pub async fn sources(functions: &[TemplateFunction], tools: &Tools, mode: BuildMode) -> Vec<Option<Sources>> {
    let wanted: Vec<_> = functions.iter().map(rust_request).collect();
    let requests: Vec<_> = wanted.iter().flatten().cloned().collect();
    let mut inputs = rust_build::inputs(&requests, tools, mode).await.into_iter();
    let of_one = |(function, request): (&TemplateFunction, Option<_>)| match request {
        Some(_) => {
            let places = inputs.next().expect("one answer for each request, in order")?;
            Some(Sources { places, is_compiled: true })
        }
        None => Some(Sources::own_folder(function)),
    };
    functions.iter().zip(wanted).map(of_one).collect()
}
