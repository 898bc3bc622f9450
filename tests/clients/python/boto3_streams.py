"""boto3 reads streams from the embedded Lambda: long ones, and those that end badly."""

import base64
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import check, finish
from streams import MIB, Pattern, Text, get, read

client = boto3.client(
    "lambda",
    endpoint_url=os.environ["STAYPUT_LAMBDA_URL"],
    config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
)


def invoke(name, event, **arguments):
    payload = json.dumps(event).encode()
    return client.invoke_with_response_stream(FunctionName=name, Payload=payload, **arguments)


def pattern(name, event, **how):
    """How many bytes came, whether in order, all the ends, and how many events came behind one."""
    into = Pattern()
    ends, behind = read(invoke(name, event)["EventStream"], into, **how)
    return into.bytes, into.in_order, ends, behind


def short(name, event, **how):
    into = Text()
    (end,), behind = read(invoke(name, event)["EventStream"], into, **how)
    assert behind == 0
    return into, end


def error_of(name, payload):
    try:
        client.invoke_with_response_stream(FunctionName=name, Payload=payload)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "no error", 0


for size in (0, 1, MIB, 100 * MIB):
    whole = (size, True, [{}], 0)
    check(f"stayput-runtime: {size} bytes", pattern("download", get(f"bytes={size}"), has_head=True), whole)
    check(f"lambda_runtime: {size} bytes", pattern("stock-stream", {"bytes": size}, has_head=True), whole)
    check(f"node: {size} bytes", pattern("node-stream", {"bytes": size}), whole)

answer = invoke("ticker", get("count=3&every=150"))
ticks = Text()
ends, _ = read(answer["EventStream"], ticks, has_head=True)
check("status and version", (answer["StatusCode"], answer["ExecutedVersion"]), (200, "$LATEST"))
check("content type", answer["ResponseStreamContentType"], "application/vnd.amazon.eventstream")
check("every tick, and the end", ticks.text.count("data:"), 4)
check("pieces come as they are made", ticks.times[-1] - ticks.times[0] >= 0.15, True)

ticks, end = short("ticker", get("count=5&every=1&fail_after=2"), has_head=True)
check("late error: what was before it", ticks.text.count("data:"), 2)
check("late error: code", end["ErrorCode"], "TickerStopped")
check("late error: details", json.loads(end["ErrorDetails"]),
      {"errorType": "TickerStopped", "errorMessage": "stopped as asked, after 2 ticks"})

stock, end = short("stock-stream", {"bytes": 100, "fail_after": 60}, has_head=True)
check("lambda_runtime's late error: bytes, and the text that AWS passes on as well",
      stock.text.startswith(bytes(range(60)).decode() + "Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n"), True)
check("lambda_runtime's late error", (end["ErrorCode"], "failed midway" in end["ErrorDetails"]), ("Runtime.StreamError", True))

node, end = short("node-stream", {"bytes": 100, "fail_after": 60})
check("node's late error: bytes", node.text, bytes(range(60)).decode())
check("node's late error", (end["ErrorCode"], json.loads(end["ErrorDetails"])["errorMessage"]), ("MidwayError", "failed midway"))

node, end = short("node-stream", {"bytes": 100, "fail_after": 0})
check("error before the first byte: payload and details", json.loads(node.text), json.loads(end["ErrorDetails"]))
check("error before the first byte: type", json.loads(node.text)["errorType"], "MidwayError")
error = {"errorType": "BadLuck", "errorMessage": "not today"}
unlucky, end = short("misbehave", {"do": "fail", "error": error})
check("a function's error", (json.loads(unlucky.text), json.loads(end["ErrorDetails"])), (error, error))
check("a function's error: code", end["ErrorCode"], "Runtime.Unknown")

ticks, end = short("hasty-ticker", get("count=100&every=400"), has_head=True)
check("timeout midway", (end["ErrorCode"], end["ErrorDetails"].endswith("Task timed out after 1.00 seconds")),
      ("Sandbox.Timedout", True))
check("timeout midway: what was before it", ticks.text.count("data:") in (1, 2, 3), True)
ticks, end = short("ticker", get("count=5&every=1&exit_after=2"), has_head=True)
check("exit midway", (ticks.text.count("data:"), end["ErrorCode"]), (2, "Runtime.ExitError"))
check("exit midway: details", end["ErrorDetails"].endswith("Error: Runtime exited with error: exit status 1"), True)
gone, end = short("misbehave", {"do": "exit", "code": 3})
check("exit before the first byte", (json.loads(gone.text)["errorType"], end["ErrorCode"]), ("Runtime.ExitError",) * 2)

buffered, end = short("misbehave", {"a": 1})
check("a buffered answer is one piece", (buffered.pieces, end), ([b'{"a": 1}'], {}))

answer = invoke("misbehave", {"do": "print", "text": "hello\n"}, LogType="Tail")
(end,), _ = read(answer["EventStream"], Text())
log = base64.b64decode(end["LogResult"]).decode()
request_id = answer["ResponseMetadata"]["RequestId"]
check("log tail starts", log.startswith(f"START RequestId: {request_id} Version: $LATEST\n"), True)
check("log tail has the function's line", "\nhello\n" in log, True)
check("log tail reports", f"\nREPORT RequestId: {request_id}\tDuration: " in log, True)

dry = invoke("ticker", {}, InvocationType="DryRun")
check("dry run", (dry["StatusCode"], list(dry["EventStream"])), (204, []))
check("unknown function", error_of("nobody", b"{}"), ("ResourceNotFoundException", 404))
check("bad payload", error_of("ticker", b"{"), ("InvalidRequestContentException", 400))
finish()
