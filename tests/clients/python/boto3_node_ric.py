"""boto3 reads what AWS's own Node.js client streams: `aws-lambda-ric` instead of the loop that Stayput brings."""

import json
import os
import urllib.request

import boto3
from botocore.config import Config

from checks import check, finish
from streams import MIB, Pattern, Text, read

client = boto3.client(
    "lambda",
    endpoint_url=os.environ["STAYPUT_LAMBDA_URL"],
    config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
)
NAME = "node-ric-stream"


def stream(order, into):
    """All the ends, and how many events came behind one."""
    answer = client.invoke_with_response_stream(FunctionName=NAME, Payload=json.dumps(order).encode())
    return read(answer["EventStream"], into)


def invoke(order):
    answer = client.invoke(FunctionName=NAME, Payload=json.dumps(order).encode())
    return answer.get("FunctionError"), answer["Payload"].read()


for size in (0, 1, MIB, 100 * MIB):
    seen = Pattern()
    ends = stream({"bytes": size}, seen)
    check(f"{size} bytes", (seen.bytes, seen.in_order, *ends), (size, True, [{}], 0))

text = Text()
(late,), behind = stream({"bytes": 100, "fail_after": 60}, text)
details = json.loads(late["ErrorDetails"])
check("late error: bytes, and nothing of the error among them", text.text, bytes(range(60)).decode())
check("late error: from the trailers", (late["ErrorCode"], details["errorMessage"], behind),
      ("MidwayError", "failed midway", 0))

text = Text()
(early,), behind = stream({"bytes": 100, "fail_after": 0}, text)
details = json.loads(early["ErrorDetails"])
check("error before the first byte", (details["errorType"], details["errorMessage"]), ("MidwayError", "failed midway"))
check("error before the first byte: it is payload, too", (text.text and json.loads(text.text), behind), (details, 0))
check("it is AWS's client that told it", "node_modules/aws-lambda-ric/" in "".join(details.get("trace", [])), True)

check("whole to a plain Invoke", invoke({"bytes": 5}), (None, bytes(range(5))))
error, payload = invoke({"bytes": 100, "fail_after": 60})
check("late error to a plain Invoke", (error, json.loads(payload)["errorMessage"]), ("Unhandled", "failed midway"))

url = f"{os.environ['STAYPUT_LAMBDA_URL']}/lambda-url/{NAME}/"
request = urllib.request.Request(url, b'{"bytes":1000}', {"Content-Type": "application/json"})
with urllib.request.urlopen(request) as response:
    seen = Pattern()
    seen.take(response.read())
    check("HttpResponseStream: status and headers", (response.status, response.headers["Content-Type"]),
          (200, "application/octet-stream"))
    check("HttpResponseStream: body", (seen.bytes, seen.in_order), (1000, True))
finish()
