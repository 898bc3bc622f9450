//! What a function URL changes of a conversation on its way, as `conversations/function-url.toml` lists it.

use std::{collections::BTreeSet, fs};

use http::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use crate::corpus::{
    self,
    conversation::Turn,
    message::{ExpectedPayload, Headers},
    template::Template,
};

/// The list, from top to bottom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnTheWay {
    /// Members of the event that the function behind the gateway gets.
    pub(crate) event: Vec<Change>,
    /// Headers of the call in which it gets it.
    pub(crate) call: Vec<Change>,
    /// Headers of the answer that the caller gets.
    pub(crate) answer: Vec<Change>,
    pub(crate) excused: Vec<Excused>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// `headers.x-forwarded-for` in an event; a header's name, or `*`.
    pub(crate) what: String,
    pub(crate) how: How,
    pub(crate) why: String,
}

/// Texts are written as in the conversations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    /// Whether it was told of or not.
    Becomes(String),
    /// And so all others: where it is told of.
    Followed(String),
    Joined(String),
    Renamed(String),
    Gone,
}

/// A turn that cannot go as it is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Excused {
    /// `stedi/request-too-large.txt`
    pub(crate) conversation: String,
    /// The first is 1.
    pub(crate) turn: usize,
    /// What its caller gets.
    pub(crate) status: u16,
    pub(crate) why: String,
}

/// Entries that made a difference, each by what it is of.
pub(crate) type Used = BTreeSet<String>;

impl OnTheWay {
    pub(crate) fn read() -> Self {
        let file = corpus::folder().join("function-url.toml");
        let text = fs::read_to_string(&file).expect("the list is there");
        toml::from_str(&text).unwrap_or_else(|error| panic!("function-url.toml: {error}"))
    }

    /// Makes of the turn what it is through a function URL.
    pub(crate) fn change(&self, turn: &mut Turn) -> Used {
        let mut used = Used::new();
        if let Some((invoke, _)) = &mut turn.call {
            if let ExpectedPayload::Event(written) = &mut invoke.payload {
                let mut event: Value = serde_json::from_str(written).expect("the file's event");
                used.extend(
                    self.event.iter().filter(|change| change.of_event(&mut event)).map(name_in("event")),
                );
                *written = event.to_string();
            }
            let told = &mut invoke.headers;
            used.extend(self.call.iter().filter(|change| change.of_headers(told)).map(name_in("call")));
        }
        let told = &mut turn.response.headers;
        used.extend(self.answer.iter().filter(|change| change.of_headers(told)).map(name_in("answer")));
        used
    }

    pub(crate) fn excused(&self, conversation: &str, turn: usize) -> Option<&Excused> {
        self.excused.iter().find(|entry| (entry.conversation.as_str(), entry.turn) == (conversation, turn))
    }

    /// Every entry.
    pub(crate) fn all(&self) -> Used {
        let mut all: Used = self.excused.iter().map(Excused::name).collect();
        all.extend(self.event.iter().map(name_in("event")));
        all.extend(self.call.iter().map(name_in("call")));
        all.extend(self.answer.iter().map(name_in("answer")));
        all
    }
}

/// As `docs/operations.md` prints them.
impl OnTheWay {
    pub(crate) fn to_table(&self) -> String {
        let lists = [
            ("the function's event", &self.event),
            ("the function's call", &self.call),
            ("the answer", &self.answer),
        ];
        let changes = lists.iter().flat_map(|(of, list)| list.iter().map(move |change| change.to_row(of)));
        let rows: String = changes.chain(self.excused.iter().map(Excused::to_row)).collect();
        format!("| of | what | | why |\n|---|---|---|---|\n{rows}")
    }
}

impl Change {
    fn to_row(&self, of: &str) -> String {
        let Self { what, how, why } = self;
        let what = if what == "*" { "any header that repeats".to_owned() } else { format!("`{what}`") };
        let how = match how {
            How::Becomes(_) => "set".to_owned(),
            How::Followed(_) => "continued".to_owned(),
            How::Joined(with) => format!("once, joined with `{with}`"),
            How::Renamed(name) => format!("comes as `{name}`"),
            How::Gone => "gone".to_owned(),
        };
        format!("| {of} | {what} | {how} | {why} |\n")
    }
}

impl Excused {
    fn to_row(&self) -> String {
        let Self { conversation, turn, status, why } = self;
        let link = format!("[{conversation}](../tests/conversations/{conversation})");
        format!("| the conversation | {link}, request {turn} | {status} | {why} |\n")
    }

    pub(crate) fn name(&self) -> String {
        format!("excused: {} turn {}", self.conversation, self.turn)
    }
}

fn name_in(list: &str) -> impl Fn(&Change) -> String {
    move |change| format!("{list}: {}", change.what)
}

impl Change {
    /// Does it make a difference?
    fn of_event(&self, event: &mut Value) -> bool {
        let (parents, name) = self.what.rsplit_once('.').expect("a member of a member");
        let pointer = format!("/{}", parents.replace('.', "/"));
        let Some(Value::Object(parent)) = event.pointer_mut(&pointer) else { return false };
        let told = parent.get(name).and_then(Value::as_str).map(str::to_owned);
        match (&self.how, told) {
            (How::Becomes(text), told) => {
                parent.insert(name.to_owned(), text.as_str().into());
                told.as_ref() != Some(text)
            }
            (How::Followed(text), Some(told)) => {
                parent.insert(name.to_owned(), format!("{told}{text}").into());
                true
            }
            (How::Followed(_), None) => false,
            (How::Gone, _) => {
                let is_gone = parent.remove(name).is_some();
                if parent.is_empty() {
                    remove_empty(event, parents);
                }
                is_gone
            }
            (How::Joined(_) | How::Renamed(_), _) => panic!("{}: that is for headers", self.what),
        }
    }

    fn of_headers(&self, told: &mut Headers) -> bool {
        if self.what == "*" {
            let names: BTreeSet<String> = told.iter().map(|(name, _)| name.as_str().to_owned()).collect();
            let others = names.iter().filter(|name| *name != "set-cookie");
            return others.map(|name| self.of_header(name, told)).fold(false, |before, now| before | now);
        }
        self.of_header(&self.what, told)
    }

    fn of_header(&self, name: &str, told: &mut Headers) -> bool {
        let name = header(name);
        let before: Vec<Template> =
            told.iter().filter(|(listed, _)| *listed == name).map(|(_, value)| value.clone()).collect();
        let (name_after, after) = match &self.how {
            How::Becomes(text) => (name.clone(), vec![template(text)]),
            How::Followed(text) => {
                let followed = before.iter().map(|value| value.clone().followed_by(template(text)));
                (name.clone(), followed.collect())
            }
            How::Joined(text) => {
                let joined = before
                    .iter()
                    .cloned()
                    .reduce(|all, value| all.followed_by(template(text)).followed_by(value));
                (name.clone(), Vec::from_iter(joined))
            }
            How::Renamed(renamed) => (header(renamed), before.clone()),
            How::Gone => (name.clone(), Vec::new()),
        };
        let differs = after != before || (name_after != name && !before.is_empty());
        told.retain(|(listed, _)| *listed != name);
        told.extend(after.into_iter().map(|value| (name_after.clone(), value)));
        differs
    }
}

/// An object that nobody would have written without the member that is gone.
fn remove_empty(event: &mut Value, at: &str) {
    let (parents, name) = at.rsplit_once('.').unwrap_or(("", at));
    let pointer = if parents.is_empty() { String::new() } else { format!("/{}", parents.replace('.', "/")) };
    if let Some(Value::Object(parent)) = event.pointer_mut(&pointer) {
        parent.remove(name);
    }
}

fn header(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap_or_else(|_| panic!("{name} is no header's name"))
}

fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::template::Known;

    fn change(what: &str, how: How) -> Change {
        Change { what: what.to_owned(), how, why: String::new() }
    }

    #[track_caller]
    fn check_headers(what: &str, how: How, told: &[(&str, &str)], changed: &[(&str, &str)], differs: bool) {
        let headers = |fields: &[(&str, &str)]| -> Headers {
            fields.iter().map(|(name, value)| (header(name), template(value))).collect()
        };
        let (change, mut got) = (change(what, how), headers(told));
        assert_eq!(change.of_headers(&mut got), differs, "{change:?} of {told:?}");
        // A template of several parts says the same as one of one.
        let filled = |headers: &Headers| -> Vec<_> {
            headers.iter().map(|(name, value)| (name.clone(), value.fill(&Known::new()).unwrap())).collect()
        };
        assert_eq!(filled(&got), filled(&headers(changed)), "{change:?} of {told:?}");
    }

    #[test]
    fn a_header_that_nothing_was_told_of_changes_only_where_it_is_set() {
        check_headers("x-a", How::Becomes("1".to_owned()), &[], &[("x-a", "1")], true);
        check_headers("x-a", How::Followed("1".to_owned()), &[], &[], false);
        check_headers("x-a", How::Renamed("x-b".to_owned()), &[], &[], false);
        check_headers("x-a", How::Gone, &[("x-b", "1")], &[("x-b", "1")], false);
    }

    #[test]
    fn what_is_as_it_was_told_makes_no_difference() {
        check_headers("x-a", How::Becomes("1".to_owned()), &[("x-a", "1")], &[("x-a", "1")], false);
        check_headers("x-a", How::Becomes("1".to_owned()), &[("x-a", "2")], &[("x-a", "1")], true);
        check_headers("*", How::Joined(", ".to_owned()), &[("x-a", "1")], &[("x-a", "1")], false);
    }

    #[test]
    fn headers_are_continued_renamed_joined_and_dropped() {
        let twice = [("x-a", "1"), ("x-a", "2"), ("set-cookie", "1"), ("set-cookie", "2")];
        check_headers("x-a", How::Followed("0".to_owned()), &[("x-a", "1")], &[("x-a", "10")], true);
        check_headers("x-a", How::Renamed("x-b".to_owned()), &[("x-a", "1")], &[("x-b", "1")], true);
        check_headers("x-a", How::Gone, &twice, &twice[2..], true);
        let joined = [("set-cookie", "1"), ("set-cookie", "2"), ("x-a", "1, 2")];
        check_headers("*", How::Joined(", ".to_owned()), &twice, &joined, true);
    }

    #[track_caller]
    fn check_event(what: &str, how: How, told: &str, changed: &str, differs: bool) {
        let mut event = serde_json::from_str(told).unwrap();
        assert_eq!(change(what, how).of_event(&mut event), differs, "{what} of {told}");
        assert_eq!(event, serde_json::from_str::<Value>(changed).unwrap(), "{what} of {told}");
    }

    #[test]
    fn a_member_that_is_gone_takes_an_object_along_that_held_nothing_else() {
        let (what, gone) = ("requestContext.stayput.headers", || How::Gone);
        check_event(
            what,
            gone(),
            r#"{"requestContext":{"a":1,"stayput":{"headers":[]}}}"#,
            r#"{"requestContext":{"a":1}}"#,
            true,
        );
        let ticket = r#"{"requestContext":{"stayput":{"ticket":"a"}}}"#;
        check_event(what, gone(), &ticket.replace(r#""ticket""#, r#""headers":[],"ticket""#), ticket, true);
        check_event(what, gone(), ticket, ticket, false);
    }

    #[test]
    fn members_are_set_and_continued() {
        let told = r#"{"headers":{"x":"1"}}"#;
        check_event("headers.x", How::Becomes("2".to_owned()), told, r#"{"headers":{"x":"2"}}"#, true);
        check_event("headers.x", How::Becomes("1".to_owned()), told, told, false);
        check_event("headers.x", How::Followed("2".to_owned()), told, r#"{"headers":{"x":"12"}}"#, true);
        check_event("headers.y", How::Followed("2".to_owned()), told, told, false);
    }
}
