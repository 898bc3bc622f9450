//! Which operation a step is: by its id and not by its place in the code, so that steps can be moved, added and taken away.

use std::{collections::HashMap, fmt::Write};

use lambda_durable::limits::{NAME_CHARS, SUB_TYPE_CHARS};
use sha2::{Digest, Sha256};

/// What sort of step it is: part of its identity.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum StepKind {
    Run,
    Sleep,
    /// With a timeout or without.
    Invoke,
}

/// A step's place in the journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) kind: StepKind,
    /// How often the id was used before it.
    pub(crate) n: u32,
    /// Lambda's `OperationId`.
    pub(crate) operation: String,
}

/// How often each id has been used in this invocation. Claimed when a step is called and not when it is awaited, so the
/// order is the code's own, whatever runs at the same time.
#[derive(Debug, Default)]
pub(crate) struct Claims(HashMap<String, u32>);

impl StepKind {
    pub(crate) const ALL: [Self; 3] = [Self::Run, Self::Sleep, Self::Invoke];

    /// Goes into the hash: never to be changed.
    fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Sleep => "sleep",
            Self::Invoke => "invoke",
        }
    }

    /// For people.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Run => "step.run",
            Self::Sleep => "step.sleep",
            Self::Invoke => "step.invoke",
        }
    }
}

impl Claims {
    pub(crate) fn next(&mut self, id: &str) -> u32 {
        let uses = self.0.entry(id.to_owned()).or_default();
        let n = *uses;
        *uses += 1;
        n
    }
}

impl Claim {
    pub(crate) fn new(id: &str, kind: StepKind, n: u32) -> Self {
        Self { id: id.to_owned(), kind, n, operation: operation_id("", kind.as_str(), id, n) }
    }

    /// The operation of another kind that it would be.
    pub(crate) fn as_kind(&self, kind: StepKind) -> Self {
        Self::new(&self.id, kind, self.n)
    }

    /// An operation inside of this one.
    pub(crate) fn inner(&self, kind: &str) -> String {
        operation_id(&self.operation, kind, &self.id, 0)
    }

    /// Lambda's `OperationName`: the id, with what a name cannot hold escaped, cut where it is too long.
    pub(crate) fn name(&self) -> Option<String> {
        name(&self.id)
    }
}

/// 64 hexadecimal digits. The parts cannot run into each other: ids hold no NUL, see [`is_usable`].
pub(crate) fn operation_id(scope: &str, kind: &str, id: &str, n: u32) -> String {
    let mut hash = Sha256::new();
    for part in [scope, kind, id] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(n.to_string());
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// # Errors
/// What no step can be called.
pub(crate) fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("a step needs an id that is not empty".to_owned());
    }
    if id.contains('\0') {
        return Err("a step's id cannot hold a NUL".to_owned());
    }
    Ok(())
}

fn name(id: &str) -> Option<String> {
    let mut name = String::new();
    for c in id.chars() {
        let before = name.len();
        match c {
            ' '..='~' => name.push(c),
            _ => name.extend(c.escape_unicode()),
        }
        if name.len() > NAME_CHARS {
            name.truncate(before);
            break;
        }
    }
    (!name.is_empty()).then_some(name)
}

/// Lambda's `OperationSubType` of an invocation: whom it invokes, as far as there is room. What the journal says of an
/// invocation later holds nothing else of its target.
pub(crate) fn invoke_sub_type(function: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if function.chars().all(plain) && function.len() <= SUB_TYPE_CHARS - PREFIX.len() {
        return format!("{PREFIX}{function}");
    }
    let rest = SUB_TYPE_CHARS - PREFIX.len() - 1 - HASH_CHARS;
    let spoken: String = function.chars().map(|c| if plain(c) { c } else { '_' }).take(rest).collect();
    format!("{PREFIX}{spoken}-{}", &hex(&Sha256::digest(function))[..HASH_CHARS])
}

/// A sub-type, for people.
pub(crate) fn told_sub_type(sub_type: &str) -> String {
    match sub_type.strip_prefix(PREFIX) {
        Some(function) => format!("an invocation of {function:?}"),
        None => format!("an operation {sub_type:?}"),
    }
}

const PREFIX: &str = "Invoke-";
const HASH_CHARS: usize = 8;

pub(crate) const RUN: &str = "StepRun";
pub(crate) const SLEEP: &str = "StepSleep";
pub(crate) const TIMED_INVOKE: &str = "StepInvoke";
pub(crate) const TIMER: &str = "StepInvokeTimer";
pub(crate) const ATTEMPT: &str = "FunctionAttempt";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(claims: &mut Claims, id: &str) -> String {
        let n = claims.next(id);
        Claim::new(id, StepKind::Run, n).operation
    }

    #[test]
    fn an_id_is_a_hash_that_never_changes() {
        // `printf '\0run\0charge\00' | sha256sum`
        assert_eq!(
            Claim::new("charge", StepKind::Run, 0).operation,
            hex(&Sha256::digest(b"\0run\0charge\x000"))
        );
    }

    proptest! {
        #[test]
        fn the_order_of_different_ids_does_not_matter(mut ids in proptest::collection::hash_set("[a-c]{1,3}", 1..9)
            .prop_map(|ids| ids.into_iter().collect::<Vec<_>>()), by in 0_usize..9) {
            let mut claims = Claims::default();
            let mut before: Vec<_> = ids.iter().map(|id| claim(&mut claims, id)).collect();
            let by = by % ids.len();
            ids.rotate_left(by);
            before.rotate_left(by);
            let mut claims = Claims::default();
            let after: Vec<_> = ids.iter().map(|id| claim(&mut claims, id)).collect();
            prop_assert_eq!(before, after);
        }

        #[test]
        fn every_use_is_another_operation(id in "\\PC{1,20}", uses in 2_u32..20) {
            let mut claims = Claims::default();
            let mut ids: Vec<_> = (0..uses).map(|_| claim(&mut claims, &id)).collect();
            ids.sort();
            ids.dedup();
            prop_assert_eq!(ids.len(), uses as usize);
        }

        #[test]
        fn names_and_sub_types_are_such_as_lambda_takes(id in any::<String>()) {
            if let Some(name) = name(&id) {
                prop_assert!((1..=NAME_CHARS).contains(&name.len()) && name.bytes().all(|b| (b' '..=b'~').contains(&b)));
            }
            let sub_type = invoke_sub_type(&id);
            prop_assert!(sub_type.len() <= SUB_TYPE_CHARS);
            prop_assert!(sub_type.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
            let operation = Claim::new(&id, StepKind::Invoke, 0).operation;
            prop_assert!(operation.len() == 64 && operation.bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn a_name_is_the_id_as_far_as_lambda_lets_it() {
        assert_eq!(name("charge the card").as_deref(), Some("charge the card"));
        assert_eq!(name("zahle\n€").as_deref(), Some("zahle\\u{a}\\u{20ac}"));
        assert_eq!(name(&"x".repeat(300)), Some("x".repeat(256)));
    }

    #[test]
    fn whom_an_invocation_invokes_can_be_read() {
        assert_eq!(invoke_sub_type("compute-square"), "Invoke-compute-square");
        assert_eq!(&invoke_sub_type("bill:live")[..17], "Invoke-bill_live-");
        assert_ne!(invoke_sub_type("bill:live"), invoke_sub_type("bill_live"));
    }
}
