"""boto3 against the embedded Lambda: every member of Invoke that a synchronous caller can see."""

import base64
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import check, finish

client = boto3.client(
    "lambda",
    endpoint_url=os.environ["STAYPUT_LAMBDA_URL"],
    config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
)
ARN = "arn:aws:lambda:us-east-1:000000000000:function:echo"


def error_of(**arguments):
    try:
        client.invoke(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "no error", 0


answer = client.invoke(FunctionName="echo", Payload=b'{"a":1}', LogType="Tail")
log = base64.b64decode(answer["LogResult"]).decode()
request_id = answer["ResponseMetadata"]["RequestId"]
check("payload", json.loads(answer["Payload"].read()), {"a": 1})
check("status code", answer["StatusCode"], 200)
check("executed version", answer["ExecutedVersion"], "$LATEST")
check("no function error", "FunctionError" in answer, False)
check("log tail starts", log.startswith(f"START RequestId: {request_id} Version: $LATEST\n"), True)
check("log tail reports", f"REPORT RequestId: {request_id}\tDuration: " in log, True)

check("dry run", client.invoke(FunctionName="echo", InvocationType="DryRun")["StatusCode"], 204)
for name in (ARN, f"{ARN}:$LATEST", "function:echo", "000000000000:function:echo"):
    check(f"named {name}", client.invoke(FunctionName=name, Payload=b"[]")["Payload"].read(), b"[]")
check("qualifier", client.invoke(FunctionName="echo", Qualifier="$LATEST", Payload=b"7")["Payload"].read(), b"7")
check("empty payload is an empty object", client.invoke(FunctionName="echo")["Payload"].read(), b"{}")

failed = client.invoke(FunctionName="fail", Payload=b"{}")
fault = json.loads(failed["Payload"].read())
check("function error", failed["FunctionError"], "Unhandled")
check("function error is a 200", failed["StatusCode"], 200)
check("error type is a word", bool(fault["errorType"]) and " " not in fault["errorType"], True)

big = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
check("six mebibytes in and out", client.invoke(FunctionName="echo", Payload=big)["Payload"].read() == big, True)

check("unknown function", error_of(FunctionName="nobody"), ("ResourceNotFoundException", 404))
check("unknown version", error_of(FunctionName="echo", Qualifier="7"), ("ResourceNotFoundException", 404))
check("other region", error_of(FunctionName=ARN.replace("us-east-1", "eu-west-1")), ("ResourceNotFoundException", 404))
check("bad payload", error_of(FunctionName="echo", Payload=b"{"), ("InvalidRequestContentException", 400))
check("bad name", error_of(FunctionName="fn!"), ("ValidationException", 400))
check("payload over the limit", error_of(FunctionName="echo", Payload=b'"' + b"x" * 6291456 + b'"'),
      ("RequestEntityTooLargeException", 413))
finish()
