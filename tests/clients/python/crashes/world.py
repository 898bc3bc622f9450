"""Callbacks in front of AWS, small and complete: a gateway and a deliverer that can be killed, each behind a wire of its own, the
embedded Lambda, what moto plays, and a receiver.
"""

import collections
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import secrets
import subprocess
import threading
import urllib.parse

import boto3
from standardwebhooks import Webhook, WebhookVerificationError

from aws_stage import FOLDER, STAYPUT, TABLE, depth, make_queues_and_table, moto, running, start
from crashes.wire import Wire, call_of

CALLER = secrets.token_urlsafe(32)
DAY_MS = 86_400_000
IN_PROGRESS_MS = 30_000
# The gateway waits for so long for Lambda's word that it has a call.
PATIENCE_SECONDS = 2
SWEEP_SECONDS = 1
# How often the program asks a service before it gives up.
ATTEMPTS = 3

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    CodeUri: code
    Runtime: python3.12
    Handler: works.handler
    EventInvokeConfig:
      MaximumRetryAttempts: 0
      DestinationConfig:
        OnSuccess: {Type: SQS, Destination: "arn:aws:sqs:us-east-1:000000000000:callbacks"}
        OnFailure: {Type: SQS, Destination: "arn:aws:sqs:us-east-1:000000000000:callbacks"}
Resources:
  Works:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: works, Timeout: 10}
  Slow:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: slow, Timeout: 1}
  Closed:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: closed, Timeout: 10, ReservedConcurrentExecutions: 0}
  Gateway:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: gateway
      CodeUri: gateway
      Runtime: provided.al2023
      Handler: serve
      Timeout: 60
      FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
      Environment:
        Variables: VARIABLES
"""

WORKS = """
import time

def handler(event, context):
    how = event["rawPath"].strip("/")
    if how == "slow":
        time.sleep(30)
    # With the event, more than a destination record may have.
    body = "x" * 1_048_000 if how == "large" else "done: " + event.get("body", "")
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": body}
"""

CONFIG = "".join(f"""
[[function]]
lambda = "{name}"
openfaas = "{name}"
altair = "dev/{name}"
timeout = "{PATIENCE_SECONDS}s"
""" for name in ("works", "slow", "closed")) + f"""
[[key]]
label = "erp"
sha256 = "{hashlib.sha256(CALLER.encode()).hexdigest()}"
dialects = ["openfaas", "altair"]
functions = ["works", "slow", "closed", "dev/works"]
rights = ["invoke", "async"]
"""


class Receiver(http.server.ThreadingHTTPServer):
    """Answers what the path says, /<status>,<status>,…/<tag>, one after the other, then 204; or does with one what `instead` says."""

    daemon_threads = True

    def __init__(self, secret=None):
        super().__init__(("127.0.0.1", 0), Posted)
        self.secret, self.instead, self.unsigned = secret, {}, []
        # By tag: the headers of each.
        self.posts = collections.defaultdict(list)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Connections of programs that died break."""


class Posted(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        statuses, tag = self.path.strip("/").split("/")
        posts, statuses = self.server.posts[tag], statuses.split(",")
        turn = len(posts)
        posts.append(headers)
        try:
            Webhook(self.server.secret).verify(body, headers, json_parse=False)
        except WebhookVerificationError as wrong:
            self.server.unsigned.append((self.path, str(wrong)))
        if instead := self.server.instead.pop(tag, None):
            return instead(self)
        self.send_response(int(statuses[turn]) if turn < len(statuses) else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Program:
    """A process of `stayput` that is killed and started again, with the wire through which it reaches AWS."""

    def __init__(self, words, endpoint):
        self.words, self.environment = words, {}
        self.wire = Wire(endpoint, self.die)

    def start(self):
        self.process, self.urls = start(self.words, self.environment)

    def die(self):
        """At once, and with nothing said; nothing, if it is dead already."""
        self.process.kill()
        self.process.wait()

    def again(self, **changed):
        """Killed, if it has not been yet, and started."""
        if self.process.poll() is None:
            self.die()
        self.environment.update(changed)
        self.start()


class World:
    """Everything together, while it lasts."""

    def __init__(self, stack):
        self.endpoint = moto()
        self.sqs, self.dynamodb, (self.callbacks, self.dead_letters) = make_queues_and_table(self.endpoint)
        self.receiver = Receiver()
        self.key, self.letters, self.stack = secrets.token_hex(32), [], stack
        self.gateway = Program(["serve", "--config", "serve.toml", "--data-dir", "serve"], self.endpoint)
        self.deliverer = Program(["deliver"], self.endpoint)
        self.function = Wire(self.endpoint)
        self.lay_out()
        common = {**os.environ, "STAYPUT_LISTEN": "127.0.0.1:0", "STAYPUT_ADMIN_LISTEN": "127.0.0.1:0",
                  "STAYPUT_LAMBDA_SQS_ENDPOINT": self.endpoint, "STAYPUT_LAMBDA_WAIT_SCALE": "0.001"}
        words = ["lambda", "--listen", "127.0.0.1:0", "--data-dir", "lambda"]
        _, lambdas = stack.enter_context(running(words, common))
        self.functions = lambdas["lambda"]
        self.common, self.function.functions = common, self.functions
        self.start(self.gateway)
        # When a promise is late, the gateway says; the deliverer looks so often.
        self.start(self.deliverer, STAYPUT_CALLBACK_OUTCOME_AFTER=f"{SWEEP_SECONDS}s")
        told = subprocess.run([STAYPUT, "keys", "secret", "erp"], env=self.gateway.environment, cwd=FOLDER,
                              capture_output=True, text=True, check=True)
        self.receiver.secret = told.stdout.strip()

    def start(self, program, **besides):
        program.wire.functions = self.functions
        program.environment = {**self.common, **self.settings(program.wire), "STAYPUT_GATEWAY_KEY": self.key, **besides}
        program.start()
        self.stack.callback(program.die)

    def settings(self, wire):
        named = {"STAYPUT_CALLBACK_QUEUE": self.callbacks, "STAYPUT_CALLBACK_DEAD_LETTERS": self.dead_letters}
        queues = {name: url.replace(self.endpoint, wire.url) for name, url in named.items()}
        return {**queues, "STAYPUT_AWS_LEDGER": TABLE, "STAYPUT_CALLBACK_ALLOW_ADDRESSES": "127.0.0.0/8",
                "AWS_ENDPOINT_URL_DYNAMODB": wire.url, "AWS_ENDPOINT_URL_LAMBDA": wire.url}

    def lay_out(self):
        for name, file, text in (("code", "works.py", WORKS), ("gateway", None, None)):
            (FOLDER / name).mkdir()
            if file:
                (FOLDER / name / file).write_text(text)
        (FOLDER / "gateway/bootstrap").symlink_to(STAYPUT)
        (FOLDER / "serve.toml").write_text(CONFIG)
        variables = {**self.settings(self.function), "STAYPUT_CONFIG": str(FOLDER / "serve.toml"),
                     "STAYPUT_GATEWAY_KEY": "secretsmanager:stayput/key",
                     "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.function.url}
        (FOLDER / "template.yaml").write_text(TEMPLATE.replace("VARIABLES", json.dumps(variables)))
        secrets_manager = boto3.client("secretsmanager", endpoint_url=self.endpoint)
        secrets_manager.create_secret(Name="stayput/key", SecretString=self.key)

    def call(self, tag, statuses="204", function="works", how="", once=None, gateway=None, at=None, dialect="openfaas"):
        """What the caller sees: the status, `None` where none came; and the call's id, of which OpenFaaS tells."""
        base = at or (gateway or self.gateway).urls["gateway"]
        netloc = urllib.parse.urlsplit(base).netloc
        headers = {"Authorization": f"Bearer {CALLER}",
                   "X-Callback-Url": f"http://127.0.0.1:{self.receiver.server_port}/{statuses}/{tag}"}
        headers.update({"Idempotency-Key": once} if once else {})
        path = {"openfaas": f"/async-function/{function}/{how}",
                "altair": f"/spaces/dev/functions/{function}/async-invoke"}[dialect]
        path = f"/lambda-url/gateway{path}" if at else path
        connection = http.client.HTTPConnection(netloc, timeout=60)
        try:
            connection.request("POST", path, "work", headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("x-call-id")
        except (OSError, http.client.HTTPException):
            return None, None
        finally:
            connection.close()

    def promise(self, call):
        """How the promise stands; `None`: it is not remembered."""
        item = self.dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": f"promises/{call}"}}, ConsistentRead=True).get("Item")
        return json.loads(item["value"]["B"]) if item else None

    def standing(self, call):
        promise = self.promise(call)
        return promise["standing"] if promise else "forgotten"

    def make_overdue(self, call):
        """As if its time were over."""
        key = {"pk": {"S": f"promises/{call}"}}
        item = self.dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
        promise = json.loads(item["value"]["B"])
        promise["overdue"] -= DAY_MS
        item["value"] = {"B": json.dumps(promise, separators=(",", ":")).encode()}
        item["alarm"] = {"N": str(promise["overdue"])}
        self.dynamodb.put_item(TableName=TABLE, Item=item)

    def end_reservations(self):
        """As if what was being accepted had begun half a minute earlier: whoever was at it then has died."""
        for item in self.dynamodb.scan(TableName=TABLE)["Items"]:
            if item["pk"]["S"].startswith("idempotency/"):
                value = item["value"]["B"]
                at = int.from_bytes(value[-8:], "big") - IN_PROGRESS_MS
                item["value"] = {"B": value[:-8] + at.to_bytes(8, "big")}
                self.dynamodb.put_item(TableName=TABLE, Item=item)

    def give_back(self, deliverer=None):
        """What a deliverer had in its hands when it died is seen again, as it would be after a minute."""
        hands = (deliverer or self.deliverer).wire.hands
        while hands:
            receipt, _ = hands.popitem()
            # It may have been removed just then.
            with contextlib.suppress(self.sqs.exceptions.ClientError):
                self.sqs.change_message_visibility(QueueUrl=self.callbacks, ReceiptHandle=receipt, VisibilityTimeout=0)

    def deliver_again(self, **changed):
        self.deliverer.again(**changed)
        self.give_back()

    def buried(self, call):
        """Reasons of the dead letters about a call."""
        received = self.sqs.receive_message(QueueUrl=self.dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for letter in received.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.dead_letters, ReceiptHandle=letter["ReceiptHandle"])
            self.letters.append((call_of(letter["Body"]), letter["MessageAttributes"]["reason"]["StringValue"]))
        return [reason for about, reason in self.letters if about == call]

    def depth(self):
        return depth(self.sqs, self.callbacks)
