"""boto3 over every call of Lambda's asynchronous side, against the embedded Lambda: shapes, statuses and AWS's texts.

The configuration that it changes is that of `fail`, which no other client calls asynchronously.
"""

import json
import os
import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import check, finish

# Without botocore's own checks, so that the service's are seen.
client = boto3.client(
    "lambda",
    endpoint_url=os.environ["STAYPUT_LAMBDA_URL"],
    config=Config(retries={"total_max_attempts": 1}, read_timeout=60, parameter_validation=False),
)
PREFIX = "arn:aws:lambda:us-east-1:000000000000:function:"
ARN = f"{PREFIX}fail:$LATEST"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:somewhere"
EMPTY = {"OnSuccess": {}, "OnFailure": {}}


def refused(name, call, status, code, text, **arguments):
    """`text` is what the service says, to the letter; or how it begins, if it ends with an ellipsis."""
    try:
        call(**arguments)
    except ClientError as error:
        got, answer = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        message = got["Message"]
        if text.endswith("…"):
            message = message[:len(text) - 1] + "…"
        check(name, (answer, got["Code"], message), (status, code, text))
    else:
        check(name, "no error", code)


def config(answer):
    """What a config says, without when it was changed, and the status."""
    modified = answer.pop("LastModified")
    check("it says when it was changed", abs(time.time() - modified.timestamp()) < 3600, True)
    return answer.pop("ResponseMetadata", {}).get("HTTPStatusCode"), answer


def violation(value, member, constraint):
    return f"Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"


# --- event-invoke-config

put, update = client.put_function_event_invoke_config, client.update_function_event_invoke_config
get, delete = client.get_function_event_invoke_config, client.delete_function_event_invoke_config
listed = client.list_function_event_invoke_configs

check("put", config(put(FunctionName="fail", MaximumRetryAttempts=1)),
      (200, {"FunctionArn": ARN, "MaximumRetryAttempts": 1, "DestinationConfig": EMPTY}))
check("get", config(get(FunctionName="fail", Qualifier="$LATEST")),
      (200, {"FunctionArn": ARN, "MaximumRetryAttempts": 1, "DestinationConfig": EMPTY}))
destinations = {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": f"{PREFIX}echo"}}
check("update changes what it names",
      config(update(FunctionName=f"{PREFIX}fail", MaximumEventAgeInSeconds=60, DestinationConfig=destinations)),
      (200, {"FunctionArn": ARN, "MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60,
             "DestinationConfig": destinations}))
check("put replaces", config(put(FunctionName="fail", MaximumEventAgeInSeconds=21600)),
      (200, {"FunctionArn": ARN, "MaximumEventAgeInSeconds": 21600, "DestinationConfig": EMPTY}))

pages = list(client.get_paginator("list_function_event_invoke_configs").paginate(
    FunctionName="fail", PaginationConfig={"PageSize": 1}))
check("pages", [[config(each) for each in page["FunctionEventInvokeConfigs"]] for page in pages],
      [[(None, {"FunctionArn": ARN, "MaximumEventAgeInSeconds": 21600, "DestinationConfig": EMPTY})]])

MISSING = "The function doesn't exist."
NONE = "The function {} doesn't have an EventInvokeConfig"
NO_SETTING = "You must specify at least one of error handling or destination setting."
for name, call in (("put", put), ("update", update)):
    refused(f"{name} without a setting, before the function is looked for", call, 400, "InvalidParameterValueException",
            NO_SETTING, FunctionName="nobody")
    refused(f"{name} for an unknown function", call, 404, "ResourceNotFoundException", MISSING,
            FunctionName="nobody", MaximumRetryAttempts=0)
    refused(f"{name} for an unknown alias", call, 404, "ResourceNotFoundException", MISSING,
            FunctionName="fail", Qualifier="live", MaximumRetryAttempts=0)
refused("list of an unknown function", listed, 404, "ResourceNotFoundException", MISSING, FunctionName="nobody")
for name, call in (("get", get), ("delete", delete)):
    refused(f"{name} for an unknown function", call, 404, "ResourceNotFoundException",
            NONE.format(f"{PREFIX}nobody:$LATEST"), FunctionName="nobody")
    refused(f"{name} for an unknown alias", call, 404, "ResourceNotFoundException", NONE.format(f"{PREFIX}fail:live"),
            FunctionName="fail", Qualifier="live")

refused("destination: the function itself", put, 400, "InvalidParameterValueException",
        "You can't specify the function as a destination for itself.", FunctionName="fail",
        DestinationConfig={"OnFailure": {"Destination": f"{PREFIX}fail"}})
refused("destination: a function that is not there", put, 400, "InvalidParameterValueException",
        f"The destination ARN {PREFIX}nobody is invalid.", FunctionName="fail",
        DestinationConfig={"OnSuccess": {"Destination": f"{PREFIX}nobody"}})
TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"
refused("destination: a service that is not here", put, 400, "InvalidParameterValueException",
        f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={TOPIC}), onFailure=null) "
        "is invalid.", FunctionName="fail", DestinationConfig={"OnSuccess": {"Destination": TOPIC}})
PATTERN = "satisfy regular expression pattern: "
refused("destination: no ARN", put, 400, "ValidationException",
        "1 validation error detected: " + violation("invalid", "destinationConfig.onFailure.destination", PATTERN) + "…",
        FunctionName="fail", DestinationConfig={"OnFailure": {"Destination": "invalid"}})
refused("retries over the limit", put, 400, "ValidationException",
        "1 validation error detected: " + violation(3, "maximumRetryAttempts", "have value less than or equal to 2"),
        FunctionName="fail", MaximumRetryAttempts=3)
refused("retries below none", update, 400, "ValidationException",
        "1 validation error detected: " + violation(-1, "maximumRetryAttempts", "have value greater than or equal to 0"),
        FunctionName="fail", MaximumRetryAttempts=-1)
refused("two mistakes are told together", put, 400, "ValidationException",
        "2 validation errors detected: " + violation(3, "maximumRetryAttempts", "have value less than or equal to 2")
        + "; " + violation(59, "maximumEventAgeInSeconds", "have value greater than or equal to 60"),
        FunctionName="fail", MaximumRetryAttempts=3, MaximumEventAgeInSeconds=59)
refused("page over the limit", listed, 400, "ValidationException",
        "1 validation error detected: " + violation(51, "maxItems", "have value less than or equal to 50"),
        FunctionName="fail", MaxItems=51)
refused("a name that is none", get, 400, "ValidationException",
        "1 validation error detected: " + violation("fn!", "functionName", PATTERN) + "…", FunctionName="fn!")
refused("two qualifiers", put, 400, "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
        FunctionName="fail:$LATEST", Qualifier="1", MaximumRetryAttempts=0)
check("what was refused changed nothing", config(get(FunctionName="fail")),
      (200, {"FunctionArn": ARN, "MaximumEventAgeInSeconds": 21600, "DestinationConfig": EMPTY}))

check("delete", delete(FunctionName="fail")["ResponseMetadata"]["HTTPStatusCode"], 204)
for name, call, arguments in (("get", get, {}), ("delete", delete, {}), ("update", update, {"MaximumRetryAttempts": 0})):
    refused(f"{name} after it was deleted", call, 404, "ResourceNotFoundException", NONE.format(ARN),
            FunctionName="fail", **arguments)
check("nothing is listed after it was deleted", listed(FunctionName="fail")["FunctionEventInvokeConfigs"], [])

# --- recursion config

loops = client.get_function_recursion_config
allow = client.put_function_recursion_config
check("loop: allowed", allow(FunctionName="fail", RecursiveLoop="Allow")["RecursiveLoop"], "Allow")
check("loop: it is kept", loops(FunctionName="fail")["RecursiveLoop"], "Allow")
check("loop: ended again", allow(FunctionName="fail", RecursiveLoop="Terminate")["RecursiveLoop"], "Terminate")
check("loop: as it was", loops(FunctionName="fail")["RecursiveLoop"], "Terminate")
refused("loop: neither", allow, 400, "ValidationException",
        "1 validation error detected: " + violation("Sometimes", "recursiveLoop", "satisfy enum value set: [Terminate, Allow]"),
        FunctionName="fail", RecursiveLoop="Sometimes")
for name, call, arguments in (("get", loops, {}), ("put", allow, {"RecursiveLoop": "Allow"})):
    refused(f"loop: {name} for an unknown function", call, 404, "ResourceNotFoundException",
            f"Function not found: {PREFIX}nobody", FunctionName="nobody", **arguments)

# --- Invoke with InvocationType=Event, and InvokeAsync


def logs(request_id):
    shown = subprocess.run(["target/debug/stayput", "logs", request_id, "--json"], capture_output=True, text=True)
    return shown.stdout


def ran(request_id):
    """Has the call been run? Asked until it was, for a minute."""
    for _ in range(600):
        if "Success" in logs(request_id):
            return True
        time.sleep(0.1)
    return logs(request_id)


accepted = client.invoke(FunctionName="echo", InvocationType="Event", Payload=b'{"a":1}')
told = accepted["ResponseMetadata"]
check("event: accepted", (accepted["StatusCode"], told["HTTPStatusCode"], accepted["Payload"].read()), (202, 202, b""))
check("event: no answer is told", [key for key in ("FunctionError", "LogResult", "ExecutedVersion") if key in accepted], [])
check("event: it runs", ran(told["RequestId"]), True)
check("event: nothing is an empty object", client.invoke(FunctionName="echo", InvocationType="Event")["StatusCode"], 202)

largest = b'"' + b"x" * (1048576 - 2) + b'"'
check("event: a mebibyte", client.invoke(FunctionName="echo", InvocationType="Event", Payload=largest)["StatusCode"], 202)
refused("event: a byte more", client.invoke, 413, "RequestEntityTooLargeException",
        "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        FunctionName="echo", InvocationType="Event", Payload=largest + b" ")
refused("event: unknown function", client.invoke, 404, "ResourceNotFoundException",
        f"Function not found: {PREFIX}nobody:$LATEST", FunctionName="nobody", InvocationType="Event")
refused("event: unknown version", client.invoke, 404, "ResourceNotFoundException",
        f"Function not found: {PREFIX}echo:7", FunctionName="echo", Qualifier="7", InvocationType="Event")
refused("event: no JSON", client.invoke, 400, "InvalidRequestContentException",
        "Could not parse request body into json: Could not parse payload into json: …",
        FunctionName="echo", InvocationType="Event", Payload=b"{")
refused("event: another type", client.invoke, 400, "ValidationException",
        "1 validation error detected: "
        + violation("Sometime", "invocationType", "satisfy enum value set: [Event, RequestResponse, DryRun]"),
        FunctionName="echo", InvocationType="Sometime")

deprecated = client.invoke_async(FunctionName="echo", InvokeArgs=b'{"b":2}')
told = deprecated["ResponseMetadata"]
check("invoke-async: accepted", (deprecated["Status"], told["HTTPStatusCode"]), (202, 202))
check("invoke-async: it runs", ran(told["RequestId"]), True)
refused("invoke-async: over its limit", client.invoke_async, 413, "RequestEntityTooLargeException",
        "262145 byte payload is too large for the Event invocation type (limit 262144 bytes)",
        FunctionName="echo", InvokeArgs=json.dumps("x" * (262145 - 2)).encode())
refused("invoke-async: unknown function", client.invoke_async, 404, "ResourceNotFoundException",
        f"Function not found: {PREFIX}nobody:$LATEST", FunctionName="nobody", InvokeArgs=b"{}")
refused("invoke-async: no JSON", client.invoke_async, 400, "InvalidRequestContentException",
        "Could not parse request body into json: Could not parse payload into json: …",
        FunctionName="echo", InvokeArgs=b"{")
finish()
