use serde_json::json;

use super::*;

#[test]
fn rules_are_held_in_awss_words() {
    let mut story = Story::begun();
    story.checkpoint(
        json!([step("s", "START"), wait("w", 1), {"Id": "c", "Type": "CONTEXT", "Action": "START"}]),
    );
    let end = json!({"Id": "x", "Type": "EXECUTION", "Action": "SUCCEED"});
    let with = |mut update: Value, name: &str, value: Value| {
        update[name] = value;
        update
    };
    for (updates, text) in [
        (json!([end, end]), "Cannot checkpoint multiple EXECUTION updates."),
        (json!([end, step("t", "START")]), "EXECUTION checkpoint must be the last update."),
        (
            json!([step("t", "START"), step("t", "START")]),
            "Cannot checkpoint multiple operations with the same ID.",
        ),
        (json!([with(step("t", "START"), "ParentId", json!("s"))]), "Invalid parent operation id."),
        (json!([wait("s", 1)]), "Inconsistent operation type."),
        (json!([with(step("s", "SUCCEED"), "Name", json!("n"))]), "Inconsistent operation name."),
        (json!([with(step("s", "SUCCEED"), "SubType", json!("n"))]), "Inconsistent operation subtype."),
        (json!([with(step("s", "SUCCEED"), "ParentId", json!("c"))]), "Inconsistent parent operation id."),
        (json!([step("t", "CANCEL")]), "Invalid action for the given operation type."),
        (json!([step("s", "START")]), "Invalid current STEP state to start."),
        (json!([wait("w", 1)]), "Cannot start a WAIT that already exist."),
        (
            json!([{"Id": "c", "Type": "CONTEXT", "Action": "START"}]),
            "Cannot start a CONTEXT that already exist.",
        ),
        (
            json!([{"Id": "v", "Type": "WAIT", "Action": "CANCEL"}]),
            "Cannot cancel a WAIT that does not exist or has already completed.",
        ),
        (json!([step("s", "RETRY")]), "Invalid StepOptions for the given action."),
        (
            json!([with(step("s", "FAIL"), "Payload", json!("1"))]),
            "Cannot provide a Payload for FAIL action.",
        ),
        (
            json!([with(step("s", "SUCCEED"), "Error", json!({}))]),
            "Cannot provide an Error for SUCCEED action.",
        ),
        (
            json!([with(step("s", "FAIL"), "Error", json!({"ErrorData": "x".repeat(32_768)}))]),
            "Error object size must be less than 32768 bytes.",
        ),
        (
            json!([with(invoke("i", "f"), "Payload", json!("x".repeat(1_048_577)))]),
            "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes.",
        ),
        (json!([step("", "START")]), "Invalid operation id."),
        (json!([invoke("i", "elsewhere")]), "Functions of other accounts cannot be invoked."),
        (
            json!([{"Id": "i", "Type": "CHAINED_INVOKE", "Action": "START"}]),
            "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.",
        ),
    ] {
        story.refused(updates, text);
    }
}

#[test]
fn what_an_update_leaves_out_it_does_not_deny() {
    let mut story = Story::begun();
    story.checkpoint(json!([{"Id": "s", "Name": "n", "SubType": "Step", "Type": "STEP", "Action": "START"}]));
    story.checkpoint(json!([step("s", "SUCCEED")]));
    assert_eq!(story.execution.operations()[0].name.as_deref(), Some("n"));
}
