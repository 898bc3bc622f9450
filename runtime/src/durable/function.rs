//! A function that can be invoked: its id, and the types that it takes and gives.

use std::{fmt, marker::PhantomData};

/// A function, as those know it who invoke it: a value that carries its id, and what it takes and gives. It needs none of
/// the function's code, so it may stand for one in another program, or of another language.
///
/// ```
/// use stayput_runtime::durable::Function;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Number { number: i64 }
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Square { result: i64 }
///
/// static COMPUTE_SQUARE: Function<Number, Square> = Function::new("compute-square");
/// const COMPUTE_PI: Function<Number, f64> = Function::new("compute-pi").app("my-python-app");
/// const BILL: Function<Number, Square> = Function::lambda("bill:live");
///
/// assert_eq!(COMPUTE_SQUARE.to_string(), "compute-square");
/// assert_eq!(COMPUTE_PI.to_string(), "my-python-app-compute-pi");
/// assert_eq!(BILL.to_string(), "bill:live");
/// ```
///
/// Which Lambda function an id stands for is said by the variable `STAYPUT_FUNCTIONS`, a JSON object of ids and names,
/// `{"compute-square": "squares:live"}`; an id that is not in it is the name of a function, whose `$LATEST` is invoked.
pub struct Function<In, Out> {
    name: FunctionName,
    types: PhantomData<fn(In) -> Out>,
}

/// How a function is named, types aside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FunctionName {
    Id {
        app: Option<&'static str>,
        id: &'static str,
    },
    /// Taken as it is.
    Lambda(&'static str),
}

impl<In, Out> Function<In, Out> {
    /// The function with this id, of this app.
    pub const fn new(id: &'static str) -> Self {
        Self { name: FunctionName::Id { app: None, id }, types: PhantomData }
    }

    /// The Lambda function with this name, `name:qualifier` or ARN, whatever `STAYPUT_FUNCTIONS` says. Lambda asks for a
    /// qualifier (a version, an alias, `$LATEST`) where the function is a durable one.
    pub const fn lambda(name: &'static str) -> Self {
        Self { name: FunctionName::Lambda(name), types: PhantomData }
    }

    /// The function with the same id, of another app: its full id is `app`, a hyphen and the id. One that is named as
    /// Lambda names it stays what it is.
    #[must_use]
    pub const fn app(self, app: &'static str) -> Self {
        let name = match self.name {
            FunctionName::Id { id, .. } => FunctionName::Id { app: Some(app), id },
            FunctionName::Lambda(name) => FunctionName::Lambda(name),
        };
        Self { name, types: PhantomData }
    }

    pub(crate) fn name(&self) -> FunctionName {
        self.name
    }
}

impl<In, Out> Clone for Function<In, Out> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<In, Out> Copy for Function<In, Out> {}

/// The full id, or Lambda's name.
impl<In, Out> fmt::Display for Function<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl<In, Out> fmt::Debug for Function<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id { app: Some(app), id } => write!(f, "{app}-{id}"),
            Self::Id { app: None, id: name } | Self::Lambda(name) => f.write_str(name),
        }
    }
}
