//! One line per function URL of the template, to paste into a shell.

use lambda_local::{
    Function,
    function::{InvokeMode, UrlAuth},
    url,
};

use super::curl::quoted;

/// Where a function answers to its URL; `None`: its template says nothing of one. `lambda` is Lambda's own URL.
///
/// By path, as not every program looks for `….localhost` on this machine.
pub(super) fn address(lambda: &str, function: &Function) -> Option<String> {
    function.url.as_ref().map(|_| format!("{lambda}{}{}/", url::PATH, function.name))
}

/// What calls it; `None`: its template says nothing of one, or it cannot run.
pub(super) fn line(lambda: &str, region: &str, function: &Function) -> Option<String> {
    let url = function.url.as_ref().filter(|_| function.program.is_ok())?;
    let mut line = "curl".to_owned();
    match url.invoke_mode {
        InvokeMode::Buffered => {}
        // Else curl keeps what it has until a buffer is full.
        InvokeMode::ResponseStream => line += " -N",
    }
    match url.auth {
        UrlAuth::Open => {}
        // Any key will do: that there is a signature is all that is asked for here.
        UrlAuth::Iam => line += &format!(" --aws-sigv4 aws:amz:{region}:lambda -u any:any"),
    }
    Some(format!("{line} {}", quoted(&address(lambda, function)?)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lambda_local::{
        Program,
        function::{FunctionEvents, FunctionUrl, Unavailable},
    };

    use super::*;

    #[track_caller]
    fn check(url: Option<(UrlAuth, InvokeMode)>, runs: bool, expected: Option<&str>) {
        let program = Program {
            executable: "/srv/f".into(),
            arguments: Vec::new(),
            directory: "/srv".into(),
            variables: [].into(),
        };
        let function = Function {
            name: "ticker".to_owned(),
            runtime: "provided".to_owned(),
            handler: "x".to_owned(),
            program: runs.then_some(program).ok_or_else(|| Unavailable("install it".to_owned())),
            variables: [].into(),
            timeout: Duration::from_secs(1),
            memory_mb: 128,
            reserved_concurrency: None,
            events: FunctionEvents::default(),
            version: lambda_local::function::Version::Latest,
            code: lambda_local::function::Code::default(),
            durable: None,
            alias: None,
            url: url.map(|(auth, invoke_mode)| FunctionUrl { auth, invoke_mode, cors: None }),
        };
        assert_eq!(line("http://h:9000", "us-east-1", &function).as_deref(), expected);
    }

    #[test]
    fn a_line_says_what_its_url_asks_for() {
        let url = "http://h:9000/lambda-url/ticker/";
        check(Some((UrlAuth::Open, InvokeMode::Buffered)), true, Some(&format!("curl {url}")));
        check(Some((UrlAuth::Open, InvokeMode::ResponseStream)), true, Some(&format!("curl -N {url}")));
        let signed = format!("curl --aws-sigv4 aws:amz:us-east-1:lambda -u any:any {url}");
        check(Some((UrlAuth::Iam, InvokeMode::Buffered)), true, Some(&signed));
    }

    #[test]
    fn what_has_no_url_or_cannot_run_has_no_line() {
        check(None, true, None);
        check(Some((UrlAuth::Open, InvokeMode::Buffered)), false, None);
    }
}
