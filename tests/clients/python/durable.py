"""Calls of durable functions, and what the service tells of their executions."""

import datetime
import io
import json
import os
import pathlib
import tempfile
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import check

client = boto3.client("lambda", endpoint_url=os.environ["STAYPUT_LAMBDA_URL"],
                      config=Config(retries={"max_attempts": 0}, read_timeout=120))
folder = tempfile.TemporaryDirectory()
began = datetime.datetime.now(datetime.timezone.utc)

# What each language's SDK calls the functions' own error: that of a step, and that of an execution.
ERRORS = {
    "python": ("app.OutOfStock", "app.OutOfStock"),
    "node": ("OutOfStock", "OutOfStock"),
    "rust": ("Error", "HandlerError"),
}
# Within which everything is over that is looked at.
OPEN_SECONDS = 60


class Language:
    """The functions of one language."""

    def __init__(self, name):
        self.name, self.durable, self.plain = name, f"durable-{name}", f"plain-{name}"
        self.step_error, self.error = ERRORS[name]
        # Whether its SDK sees in a checkpoint's answer that what it has begun is over. If not, it needs another invocation.
        self.reads_answers = name != "rust"

    def deploy(self, program):
        """For those that are no part of the template."""
        code = packed({"bootstrap": pathlib.Path(program).read_bytes()})
        create(self.durable, code, "durable", Runtime="provided.al2023", DurableConfig={"ExecutionTimeout": 120})
        create(self.plain, code, "plain", Runtime="provided.al2023")

    def check(self, name, got, expected):
        check(f"{self.name}: {name}", got, expected)

    def invoke(self, shape, **event):
        """What whoever waits is told, and which execution it was."""
        answer = client.invoke(FunctionName=self.durable, Qualifier="$LATEST", Payload=json.dumps({"shape": shape, **event}))
        return answer.get("FunctionError"), json.load(answer["Payload"]), answer["DurableExecutionArn"]

    def start(self, shape, name=None, **event):
        named = {"DurableExecutionName": name} if name else {}
        answer = client.invoke(FunctionName=self.durable, Qualifier="$LATEST", InvocationType="Event",
                               Payload=json.dumps({"shape": shape, **event}), **named)
        return answer["DurableExecutionArn"]

    def listed(self, **more):
        """The executions that began since this program did."""
        pages = client.get_paginator("list_durable_executions_by_function").paginate(
            FunctionName=self.durable, Qualifier="$LATEST", StartedAfter=began, PaginationConfig={"PageSize": 3}, **more)
        return [each for page in pages for each in page["DurableExecutions"]]

    def arns(self, **more):
        return [each["DurableExecutionArn"] for each in self.listed(**more)]

    def file(self, name):
        return os.path.join(folder.name, name)


def until(look):
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + OPEN_SECONDS
    while (found := look()) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def get(arn):
    return client.get_durable_execution(DurableExecutionArn=arn)


def end(arn):
    """The status, and the result or the error."""
    told = until(lambda: told if (told := get(arn))["Status"] != "RUNNING" else None) or get(arn)
    return told["Status"], json.loads(told["Result"]) if "Result" in told else told.get("Error")


def succeeded(arn):
    """The result; of what did not succeed, what became of it."""
    status, result = end(arn)
    return result if status == "SUCCEEDED" else (status, result)


def history(arn, **more):
    pages = client.get_paginator("get_durable_execution_history").paginate(DurableExecutionArn=arn, **more)
    return [event for page in pages for event in page["Events"]]


def happened(arn, **more):
    return [event["EventType"] for event in history(arn, **more)]


def details(arn, kind):
    """Those of the events of a kind."""
    return [event[f"{kind}Details"] for event in history(arn, IncludeExecutionData=True) if event["EventType"] == kind]


def count(arn, kind):
    return happened(arn).count(kind)


def callback_id(arn):
    """Once the function waits for it: what comes before is told before the end of the invocation."""
    until(lambda: count(arn, "InvocationCompleted") or None)
    return next(told["CallbackId"] for told in details(arn, "CallbackStarted"))


def begun_by(arn):
    """The execution that another one has begun."""
    return until(lambda: next((told["DurableExecutionArn"] for told in details(arn, "ChainedInvokeStarted")), None))


def refused(call, **arguments):
    """Code and status with which the call is refused."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def packed(files):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as zip:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            zip.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return memory.getvalue()


def create(name, code, handler, **more):
    refused(client.delete_function, FunctionName=name)
    return client.create_function(FunctionName=name, Handler=handler, Role="arn:aws:iam::000000000000:role/x",
                                  Code={"ZipFile": code}, Timeout=60, **more)
