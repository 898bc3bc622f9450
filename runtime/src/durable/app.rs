//! Programs of durable functions.

use std::{env, process::ExitCode, rc::Rc, time::SystemTime};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    function::Function,
    handler::{Handler, Typed},
    invocation::{self, Host},
    journal_http::HttpJournal,
    resolver::{self, Resolver},
    step::Step,
};
use crate::{
    Error, ServeError,
    serve::{check_environment, run, serve},
};

/// Runs a durable function: the whole `main` of a program. Returns only if Lambda cannot be talked to.
///
/// The Lambda function needs a `DurableConfig`. The function as a whole is not retried where it fails; its steps are. With
/// [`App`] it can be.
///
/// ```no_run
/// use serde_json::Value;
/// use stayput_runtime::{Error, durable::{Function, Step}};
///
/// static GREET: Function<String, String> = Function::new("greet");
///
/// async fn main_function(_: Value, step: Step) -> Result<String, Error> {
///     let name = step.run("who", async || Ok("Ada".to_owned())).await?;
///     Ok(step.invoke("greeting", &GREET, name).timeout("1h").await?)
/// }
///
/// fn main() -> std::process::ExitCode {
///     stayput_runtime::run_durable(main_function)
/// }
/// ```
///
/// # Panics
/// Inside a Tokio runtime; use [`serve_durable`] there.
pub fn run_durable<In, Out>(handler: impl AsyncFn(In, Step) -> Result<Out, Error>) -> ExitCode
where
    In: DeserializeOwned,
    Out: Serialize,
{
    run(serve_durable(handler))
}

/// Like [`run_durable`], within your own Tokio runtime and with your own logging.
///
/// # Errors
/// The process was not started by Lambda, or Lambda can no longer be talked to, or a setting is unusable. What the handler
/// returns never ends it.
pub async fn serve_durable<In, Out>(
    handler: impl AsyncFn(In, Step) -> Result<Out, Error>,
) -> Result<(), ServeError>
where
    In: DeserializeOwned,
    Out: Serialize,
{
    let handler: Typed<_, In, Out> = Typed::new(handler);
    serve_one(&handler, 0, Vec::new()).await
}

/// Several durable functions in one program. Each is a Lambda function of its own, with the same code; the handler that
/// Lambda is told for it (`_HANDLER`) is the id of the one that it is to be.
///
/// ```no_run
/// use stayput_runtime::{Error, durable::{App, Function, Step}};
///
/// static DOUBLE: Function<i64, i64> = Function::new("double");
/// static MAIN: Function<i64, i64> = Function::new("main");
///
/// async fn double(number: i64, _: Step) -> Result<i64, Error> {
///     Ok(number * 2)
/// }
///
/// async fn main_function(number: i64, step: Step) -> Result<i64, Error> {
///     Ok(step.invoke("double", &DOUBLE, number).await?)
/// }
///
/// fn main() -> std::process::ExitCode {
///     App::new().with(&DOUBLE, double).retries(2).with(&MAIN, main_function).run()
/// }
/// ```
#[derive(Default)]
#[must_use = "an app does nothing unless it is run"]
pub struct App<'a> {
    functions: Vec<Registered<'a>>,
}

/// One function of an app.
pub(crate) struct Registered<'a> {
    pub(crate) id: String,
    pub(crate) handler: Box<dyn Handler + 'a>,
    pub(crate) retries: u32,
}

impl<'a> App<'a> {
    /// Without a function yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this function, too. `handler` may borrow what `main` has prepared.
    pub fn with<In, Out>(
        mut self,
        function: &Function<In, Out>,
        handler: impl AsyncFn(In, Step) -> Result<Out, Error> + 'a,
    ) -> Self
    where
        In: DeserializeOwned + 'a,
        Out: Serialize + 'a,
    {
        let handler: Typed<_, In, Out> = Typed::new(handler);
        self.functions.push(Registered { id: function.to_string(), handler: Box::new(handler), retries: 0 });
        self
    }

    /// How often the function that was added last is run again as a whole where it fails: not at all, if nothing is said.
    /// The pauses are those of [`Run::retries`](super::Run::retries). Steps that are done stay done, and an error of a step
    /// that `?` lets out ends the function at once.
    ///
    /// # Panics
    /// If there is no function yet.
    pub fn retries(mut self, retries: u32) -> Self {
        self.functions.last_mut().expect("`with` comes before `retries`").retries = retries;
        self
    }

    /// The whole `main` of a program. Returns only if Lambda cannot be talked to.
    ///
    /// # Panics
    /// Inside a Tokio runtime; use [`serve`](Self::serve) there.
    pub fn run(self) -> ExitCode {
        run(self.serve())
    }

    /// Like [`run`](Self::run), within your own Tokio runtime and with your own logging.
    ///
    /// # Errors
    /// As with [`serve_durable`]; or no function has the id that Lambda's handler says.
    pub async fn serve(self) -> Result<(), ServeError> {
        let wanted = env::var(HANDLER).unwrap_or_default();
        let function = self.choose(&wanted).map_err(ServeError::Setting)?;
        let ids = self.functions.iter().map(|function| function.id.clone()).collect();
        serve_one(&*function.handler, function.retries, ids).await
    }

    /// The only one is it, whatever the handler is called.
    fn choose(&self, wanted: &str) -> Result<&Registered<'a>, String> {
        if let [only] = &*self.functions {
            return Ok(only);
        }
        let found = self.functions.iter().find(|function| function.id == wanted);
        found.ok_or_else(|| {
            let ids: Vec<_> = self.functions.iter().map(|function| &*function.id).collect();
            format!("{HANDLER} is {wanted:?}, which is none of this program's functions: {}", ids.join(", "))
        })
    }

    pub(crate) fn into_functions(self) -> Vec<Registered<'a>> {
        self.functions
    }
}

const HANDLER: &str = "_HANDLER";

async fn serve_one(handler: &dyn Handler, retries: u32, ids: Vec<String>) -> Result<(), ServeError> {
    check_environment(|name| env::var(name).ok())?;
    let table = env::var(resolver::VARIABLE).ok();
    let resolver = Resolver::parse(table.as_deref()).map_err(ServeError::Setting)?.knowing(ids);
    let journal = HttpJournal::from_variables(|name| env::var(name).ok()).map_err(ServeError::Setting)?;
    let host = Host { journal, resolver: Rc::new(resolver), clock: Rc::new(SystemTime::now) };
    serve(async |event, _| Box::pin(invocation::answer(&host, handler, retries, event)).await).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Function<(), ()> = Function::new("one");
    const TWO: Function<(), ()> = Function::new("two").app("other");

    async fn nothing(_: (), _: Step) -> Result<(), Error> {
        Ok(())
    }

    #[track_caller]
    fn check(app: &App<'_>, handler: &str, expected: Result<&str, &str>) {
        let chosen = app.choose(handler).map(|function| &*function.id);
        assert_eq!(chosen.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text));
    }

    #[test]
    fn lambdas_handler_says_which_function_it_is() {
        let app = App::new().with(&ONE, nothing).with(&TWO, nothing).retries(3);
        check(&app, "one", Ok("one"));
        check(&app, "other-two", Ok("other-two"));
        let text = "_HANDLER is \"bootstrap\", which is none of this program's functions: one, other-two";
        check(&app, "bootstrap", Err(text));
        assert_eq!(app.functions.iter().map(|function| function.retries).collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn an_only_function_is_it() {
        check(&App::new().with(&ONE, nothing), "bootstrap", Ok("one"));
    }
}
