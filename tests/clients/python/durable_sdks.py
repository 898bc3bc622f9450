"""Functions written with AWS's durable SDKs, unmodified, run by the embedded Lambda; boto3 calls them and looks at what became of them.

The first word on the command line says which ones: `python`, `node`, or `rust` with the path of its program. What takes a while is begun
together, and looked at afterwards.
"""

import json
import os
import pathlib
import sys
import time

import aws_durable_execution_sdk_python as sdk

from checks import check, finish
from durable import (Language, begun_by, callback_id, client, count, create, details, end, get, happened, history, packed, refused,
                     succeeded, until)

# As JSON it is more than the SDKs let a function answer, and no more than may be recorded.
LARGE_RESULT = 6 * 1024 * 1024 - 20


def one_after_the_other(language):
    """What history tells of a step, a wait and an invocation."""
    check, invoke = language.check, language.invoke
    error, result, arn = invoke("step", number=4)
    check("a step", (error, result), (None, 8))
    events = history(arn, IncludeExecutionData=True)
    check("history of a step", [event["EventType"] for event in events],
          ["ExecutionStarted", "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"])
    check("numbered from 1", [event["EventId"] for event in events], [1, 2, 3, 4, 5])
    check("its name and result", (events[2]["Name"], events[2]["SubType"], events[2]["StepSucceededDetails"]["Result"]["Payload"]),
          ("double", "Step", "8"))
    check("the execution's input", json.loads(events[0]["ExecutionStartedDetails"]["Input"]["Payload"]),
          {"shape": "step", "number": 4})
    check("the execution's result", events[-1]["ExecutionSucceededDetails"]["Result"]["Payload"], "8")
    check("and backwards", happened(arn, ReverseOrder=True), [event["EventType"] for event in reversed(events)])
    check("in pages", happened(arn, PaginationConfig={"PageSize": 2}), [event["EventType"] for event in events])
    told = get(arn)
    check("the execution", (told["Status"], told["Result"], "Error" in told, told["Version"]),
          ("SUCCEEDED", "8", False, "$LATEST"))
    check("it ended after it began", told["EndTimestamp"] >= told["StartTimestamp"], True)

    error, result, arn = invoke("wait")
    check("a wait", (error, result), (None, "awake"))
    check("history of a wait", happened(arn), ["ExecutionStarted", "WaitStarted", "InvocationCompleted", "WaitSucceeded",
                                               "InvocationCompleted", "ExecutionSucceeded"])
    told = get(arn)
    check("it took its second", (told["EndTimestamp"] - told["StartTimestamp"]).total_seconds() >= 1, True)

    error, result, arn = invoke("invoke", target=f"{language.durable}:$LATEST", payload={"shape": "wait"})
    check("a durable function", (error, result), (None, {"got": "awake"}))
    check("history of an invocation", happened(arn), [
        "ExecutionStarted", "ChainedInvokeStarted", "InvocationCompleted", "ChainedInvokeSucceeded", "InvocationCompleted",
        "ExecutionSucceeded"])
    begun, = details(arn, "ChainedInvokeStarted")
    check("what was invoked", (begun["FunctionName"], begun["ExecutedVersion"], json.loads(begun["Input"]["Payload"])),
          (f"{language.durable}:$LATEST", "$LATEST", {"shape": "wait"}))
    check("and as which execution", succeeded(begun["DurableExecutionArn"]), "awake")
    error, result, arn = invoke("invoke", target=language.plain, payload={"number": 3})
    check("a plain function", (error, result), (None, {"got": {"plain": 3}}))
    check("which is invoked once", (count(arn, "ChainedInvokeStarted"), count(arn, "ChainedInvokeSucceeded")), (1, 1))


def mistakes(language):
    check = language.check
    error, told, arn = language.invoke("unhandled")
    check("an unhandled exception", (error, told["errorType"], told["errorMessage"]),
          ("Unhandled", language.error, "nobody catches this"))
    status, failure = end(arn)
    check("the execution's error", (status, failure["ErrorType"], failure["ErrorMessage"]),
          ("FAILED", language.error, "nobody catches this"))
    check("its history", happened(arn), ["ExecutionStarted", "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionFailed"])

    error, result, arn = language.invoke("invoke", target="nobody", payload={})
    check("a function that is not there", (error, "Function not found: nobody." in str(result)), (None, True))
    invocations = ["InvocationCompleted"] * (1 if language.reads_answers else 2)
    check("is known at once", happened(arn), ["ExecutionStarted", "ChainedInvokeStarted", "ChainedInvokeFailed", *invocations,
                                              "ExecutionSucceeded"])
    failure, = details(arn, "ChainedInvokeFailed")
    check("its error", failure["Error"]["Payload"]["ErrorType"], "ResourceNotFoundException")
    error, result, arn = language.invoke("invoke", target=f"{language.durable}:$LATEST", payload={"shape": "unhandled"})
    check("a durable function that fails", (error, "nobody catches this" in str(result)), (None, True))
    failure, = details(arn, "ChainedInvokeFailed")
    check("its error", failure["Error"]["Payload"]["ErrorType"], language.error)
    error, result, arn = language.invoke("invoke", target=language.plain, payload={"fail": True})
    check("a plain function that fails", (error, "plainly" in str(result)), (None, True))
    check("an unqualified call", refused(client.invoke, FunctionName=language.durable, Payload="{}"),
          ("InvalidParameterValueException", 400))


def begin(language):
    """What takes a second or more, and how it is looked at once it is over."""
    check, start = language.check, language.start

    values = [None, True, 0, -1.5, 2**53, "", "ünïcode \u2028 \U0001f44d", [], {}, {"a": [{"b": None}]}]
    every = start("steps", values=values)
    yield lambda: check("values of every sort", succeeded(every), values)

    retried = start("retry")

    def it_was_retried():
        check("a step that is tried again", succeeded(retried), 3)
        check("its history", happened(retried), [
            "ExecutionStarted", "StepStarted", "StepFailed", "InvocationCompleted", "StepStarted", "StepFailed", "InvocationCompleted",
            "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"])
        check("its attempts", [(told["RetryDetails"].get("CurrentAttempt"), told["RetryDetails"].get("NextAttemptDelaySeconds"))
                               for told in details(retried, "StepFailed")], [(1, 1), (2, 1)])

    yield it_was_retried

    exhausted = start("exhausted")

    def it_gave_up():
        check("a step that fails for good", "none left" in str(succeeded(exhausted)), True)
        first, last = details(exhausted, "StepFailed")
        check("its error", (last["Error"]["Payload"]["ErrorType"], last["Error"]["Payload"]["ErrorMessage"]),
              (language.step_error, "none left"))
        check("its attempts", (first["RetryDetails"].get("NextAttemptDelaySeconds"),
                               last["RetryDetails"].get("NextAttemptDelaySeconds")), (1, None))

    yield it_gave_up

    nested = start("child", count=3)

    def it_was_nested():
        check("a child context", succeeded(nested), 60)
        events = history(nested)
        check("its history", [event["EventType"] for event in events], [
            "ExecutionStarted", "ContextStarted", "StepStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted",
            "WaitSucceeded", "StepStarted", "StepSucceeded", "ContextSucceeded", "InvocationCompleted", "ExecutionSucceeded"])
        context = events[1]["Id"]
        check("whose child is what", [event.get("ParentId") for event in events if "Step" in event["EventType"]], [context] * 4)

    yield it_was_nested

    broken = start("child_fails")

    def it_broke():
        check("a child context that fails", "none left" in str(succeeded(broken)), True)
        check("in its history", count(broken, "ContextFailed"), 1)

    yield it_broke

    together = start("parallel")
    yield lambda: check("branches in parallel", succeeded(together), [2, 1, 0])
    yield lambda: check("each of them once", (count(together, "WaitSucceeded"), count(together, "StepSucceeded")), (2, 2))

    one = start("first")
    yield lambda: check("the first branch ends it", succeeded(one), [1])
    yield lambda: check("what the other waited for stays behind", (count(one, "WaitStarted"), count(one, "WaitSucceeded")), (3, 2))

    each = start("map_each", numbers=[1, 2, 3, 4, 5])
    yield lambda: check("a map", succeeded(each), [1, 4, 9, 16, 25])
    odds = start("map_fails", numbers=[1, 2, 3])
    yield lambda: check("a map in which some fail", succeeded(odds), {"results": [1, 3], "failed": 1})

    counted = start("condition", until=3)
    yield lambda: check("a condition that is waited for", succeeded(counted), 3)
    yield lambda: check("looked at by attempts", count(counted, "StepStarted"), 3)

    others = start("fan_out", target=f"{language.durable}:$LATEST", numbers=[1, 2, 3, 4])
    yield lambda: check("several functions at once", succeeded(others), [2, 4, 6, 8])
    yield lambda: check("each of them once", (count(others, "ChainedInvokeStarted"), count(others, "ChainedInvokeSucceeded")), (4, 4))

    other = "node" if language.name == "python" else "python"
    across = start("invoke", target=f"durable-{other}:$LATEST", payload={"shape": "wait"})
    yield lambda: check(f"one in {other}, which waits", succeeded(across), {"got": "awake"})

    killed = start("killed", file=language.file("killed"))

    def it_was_killed():
        check("a process that was killed in a step", succeeded(killed), {"another": True})
        first, second = details(killed, "InvocationCompleted")
        check("how the first invocation ended", first["Error"]["Payload"]["ErrorType"], "Runtime.ExitError")
        check("and the second", "Error" in second, False)
        check("what was done was not done again", [event["Name"] for event in history(killed) if event["EventType"] == "StepSucceeded"],
              ["first", "second"])

    yield it_was_killed
    once = start("killed_at_most_once", file=language.file("once"))
    yield lambda: check("one that was killed where it may not go on", succeeded(once), {"interrupted": True})

    parts = start("large", parts=120, bytes=60_000)
    yield lambda: check("a state of many pages", succeeded(parts), 7_200_000)
    again = start("large_child", parts=3, bytes=100_000)
    yield lambda: check("a child context whose result is too large to be recorded", succeeded(again), 300_000)
    yield lambda: check("what it did is not done again", count(again, "StepStarted"), 3)
    most = start("large_result", bytes=LARGE_RESULT)
    yield lambda: check("a result that is too large to be answered", len(succeeded(most)), LARGE_RESULT)


def callbacks(language):
    check, start = language.check, language.start
    beating = start("callback", heartbeat_timeout=3)
    beaten = callback_id(beating)
    approved, rejected = start("callback"), start("callback")
    late, silent = start("callback", timeout=1), start("callback", heartbeat_timeout=1)
    client.send_durable_execution_callback_heartbeat(CallbackId=beaten)
    beat = time.monotonic()
    told = start("wait_for_callback", file=language.file("told"))
    client.send_durable_execution_callback_success(CallbackId=callback_id(approved), Result='"yes"')
    client.send_durable_execution_callback_failure(
        CallbackId=callback_id(rejected), Error={"ErrorType": "Rejected", "ErrorMessage": "no", "ErrorData": "1"})
    time.sleep(max(0.0, beat + 1.7 - time.monotonic()))
    client.send_durable_execution_callback_heartbeat(CallbackId=beaten)
    beat = time.monotonic()

    check("a callback's result", succeeded(approved), {"got": '"yes"'})
    check("its history", happened(approved), ["ExecutionStarted", "CallbackStarted", "InvocationCompleted", "CallbackSucceeded",
                                              "InvocationCompleted", "ExecutionSucceeded"])
    check("a callback's failure", succeeded(rejected), {"failed": "no"})
    check("as it was told", details(rejected, "CallbackFailed")[0]["Error"]["Payload"],
          {"ErrorType": "Rejected", "ErrorMessage": "no", "ErrorData": "1"})
    time.sleep(max(0.0, beat + 1.7 - time.monotonic()))
    client.send_durable_execution_callback_success(CallbackId=beaten, Result='"done"')
    check("one that is told to wait", succeeded(beating), {"got": '"done"'})
    took = get(beating)
    check("for longer than its silence may be", (took["EndTimestamp"] - took["StartTimestamp"]).total_seconds() > 3, True)
    check("an answer that comes too late", refused(client.send_durable_execution_callback_success, CallbackId=beaten, Result="x"),
          ("CallbackTimeoutException", 400))

    check("one that nobody answers", succeeded(late), {"late": True})
    check("one that goes silent", succeeded(silent), {"late": True})
    check("both in their history", (count(late, "CallbackTimedOut"), count(silent, "CallbackTimedOut")), (1, 1))
    file = pathlib.Path(language.file("told"))
    client.send_durable_execution_callback_success(
        CallbackId=until(lambda: file.exists() and file.read_text() or None), Result="{}")
    check("one that a step submits", succeeded(told), {"got": "{}"})


def stops(language):
    """Somebody ends a function that another waits for."""
    check = language.check
    parent = language.start("invoke", target=f"{language.durable}:$LATEST", payload={"shape": "callback"})
    child = begun_by(parent)
    callback_id(child)
    stopped = client.stop_durable_execution(DurableExecutionArn=child, Error={"ErrorType": "Withdrawn", "ErrorMessage": "by hand"})
    check("a function that is stopped fails for whoever invoked it", "by hand" in str(succeeded(parent)), True)
    check("in its history", [count(parent, kind) for kind in ("ChainedInvokeStarted", "ChainedInvokeStopped")], [1, 1])
    again = client.stop_durable_execution(DurableExecutionArn=child)
    check("stopped again: it stays as it was", (again["StopTimestamp"], end(child)[1]["ErrorMessage"]),
          (stopped["StopTimestamp"], "by hand"))

    paused = language.start("callback")
    id = callback_id(paused)
    client.pause_durable_execution(DurableExecutionArn=paused)
    client.send_durable_execution_callback_success(CallbackId=id, Result='"late"')
    language.invoke("step", number=1)
    check("paused: it does not go on while another lives its whole life", count(paused, "InvocationCompleted"), 1)
    client.resume_durable_execution(DurableExecutionArn=paused)
    check("resumed: it does", succeeded(paused), {"got": '"late"'})
    check("its history", [kind for kind in happened(paused) if kind in ("ExecutionPaused", "ExecutionResumed")],
          ["ExecutionPaused", "ExecutionResumed"])
    client.delete_durable_execution(DurableExecutionArn=paused)
    check("deleted", until(lambda: refused(client.get_durable_execution, DurableExecutionArn=paused)),
          ("ResourceNotFoundException", 404))


def names_and_lists(language):
    check, start = language.check, language.start
    name = f"order-{os.getpid()}-{int(time.time() * 1000)}"
    first = start("callback", name=name)
    check("the same name and payload: the same execution", start("callback", name=name), first)
    check("another payload", refused(start, shape="callback", name=name, timeout=9),
          ("DurableExecutionAlreadyStartedException", 409))
    check("listed by its name", [(each["DurableExecutionArn"], each["Status"]) for each in language.listed(DurableExecutionName=name)],
          [(first, "RUNNING")])
    check("among those that run", first in language.arns(Statuses=["RUNNING"]), True)
    callback_id(first)
    client.stop_durable_execution(DurableExecutionArn=first, Error={"ErrorType": "Withdrawn", "ErrorMessage": "by the customer"})
    status, error = end(first)
    check("stopped", (status, error["ErrorType"], error["ErrorMessage"]), ("STOPPED", "Withdrawn", "by the customer"))
    check("its history", happened(first), ["ExecutionStarted", "CallbackStarted", "InvocationCompleted", "ExecutionStopped"])
    check("the name is still its own", start("callback", name=name), first)
    check("no more among those that run", first in language.arns(Statuses=["RUNNING"]), False)
    check("among those that were stopped", first in language.arns(Statuses=["STOPPED"]), True)
    before = {"StartedBefore": get(first)["EndTimestamp"]}
    every = language.arns(**before)
    check("each of them once, in pages", (len(every), first in every), (len(set(every)), True))
    check("and the other way round", language.arns(**before, ReverseOrder=True), every[::-1])


# A function as it is deployed, with the SDK in its archive.
DEPLOYED = """
import os, pathlib
import aws_durable_execution_sdk_python as sdk
from aws_durable_execution_sdk_python.config import Duration

@sdk.durable_execution
def handler(event, context):
    first = context.step(lambda _: "{says}", name="first")
    context.wait(Duration.from_seconds(event["seconds"]), name="pause")
    second = context.step(lambda _: "{says}", name="second")
    return {{"said": [first, second], "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
             "own": pathlib.Path(sdk.__file__).is_relative_to(pathlib.Path(__file__).parent)}}
"""


def archive(says):
    root = pathlib.Path(sdk.__file__).parent
    files = {str(file.relative_to(root.parent)): file.read_bytes() for file in root.rglob("*.py")}
    return packed({"app.py": DEPLOYED.format(says=says), **files})


def deployed():
    """An execution stays with the version that it began on, whatever is deployed meanwhile."""
    name = "durable-deployed"
    made = create(name, archive("one"), "app.handler", Runtime="python3.13", Publish=True,
                  DurableConfig={"ExecutionTimeout": 60, "RetentionPeriodInDays": 1})
    check("deployed: its settings", made["DurableConfig"], {"ExecutionTimeout": 60, "RetentionPeriodInDays": 1})
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    def start(seconds):
        answer = client.invoke(FunctionName=name, Qualifier="live", InvocationType="Event", Payload=json.dumps({"seconds": seconds}))
        return answer["DurableExecutionArn"]

    before = start(2)
    until(lambda: count(before, "WaitStarted") or None)
    client.update_function_code(FunctionName=name, ZipFile=archive("two"))
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    after = start(1)
    check("deployed: begun before an update", succeeded(before), {"said": ["one", "one"], "version": "1", "own": True})
    check("deployed: begun after it", succeeded(after), {"said": ["two", "two"], "version": "2", "own": True})
    check("deployed: their versions", (get(before)["Version"], get(after)["Version"]), ("1", "2"))

    client.update_function_configuration(FunctionName=name, DurableConfig={"ExecutionTimeout": 1})
    answer = client.invoke(FunctionName=name, Qualifier="$LATEST", Payload=json.dumps({"seconds": 60}))
    check("deployed: over its time", (answer.get("FunctionError"), end(answer["DurableExecutionArn"])[0]), ("Unhandled", "TIMED_OUT"))
    check("deployed: its history", count(answer["DurableExecutionArn"], "ExecutionTimedOut"), 1)
    client.delete_function(FunctionName=name)


def main():
    name, *program = sys.argv[1:]
    language = Language(name)
    for path in program:
        language.deploy(path)
    one_after_the_other(language)
    mistakes(language)
    for look in list(begin(language)):
        look()
    callbacks(language)
    stops(language)
    names_and_lists(language)
    if name == "python":
        deployed()
    finish()


main()
