"""Callbacks in front of AWS, with SQS, DynamoDB and EventBridge played by moto: `stayput serve` promises them, Lambda (the embedded one)
writes destination records that are sent on to SQS, `stayput deliver` keeps the promises, as a process and as a function.
"""

import contextlib
import hashlib
import http.client
import http.server
import io
import json
import os
import queue
import secrets
import subprocess
import threading
import time
import urllib.parse
import zipfile

import boto3
from standardwebhooks import Webhook

from aws_stage import FOLDER, STAYPUT, TABLE, dead, depth, make_queues_and_table, moto, running, until
from checks import check, finish

CALLER = secrets.token_urlsafe(32)
OUTCOME_AFTER_SECONDS = 6

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Works:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: works
      CodeUri: code
      Runtime: python3.12
      Handler: works.handler
      Timeout: 10
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig:
          OnSuccess: {Type: SQS, Destination: "arn:aws:sqs:us-east-1:000000000000:callbacks"}
          OnFailure: {Type: SQS, Destination: "arn:aws:sqs:us-east-1:000000000000:callbacks"}
  Lasting:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: lasting
      CodeUri: code
      Runtime: python3.12
      Handler: works.lasting
      DurableConfig: {ExecutionTimeout: 60, RetentionPeriodInDays: 1}
  Silent:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: silent
      CodeUri: code
      Runtime: python3.12
      Handler: works.handler
  Deliverer:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: deliverer
      CodeUri: deliverer
      Runtime: provided.al2023
      Handler: deliver
      Timeout: 60
      Environment:
        Variables: VARIABLES
  Gateway:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: gateway
      CodeUri: deliverer
      Runtime: provided.al2023
      Handler: serve
      Timeout: 60
      FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
      Environment:
        Variables: GATEWAYS
"""

WORKS = """
def handler(event, context):
    how = event["rawPath"].strip("/")
    if how == "raise":
        raise ValueError("no")
    # With the event, more than a destination record may have.
    body = "x" * 1_048_000 if how == "large" else "done: " + event.get("body", "")
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": body}

def lasting(event, context):
    asked = event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]["InputPayload"]
    if asked == "[]":
        return {"Status": "FAILED", "Error": {"ErrorType": "Nothing", "ErrorMessage": "nothing was asked"}}
    return {"Status": "SUCCEEDED", "Result": asked}
"""

CONFIG = f"""
[[function]]
lambda = "works"
altair = "dev/works"
eywa = "6a1e7f0c-30f5-5a3b-9f44-2f9d0a3d3c11"
openfaas = "works"

[[function]]
lambda = "lasting:$LATEST"
durable = true
openfaas = "lasting"

[[function]]
lambda = "silent"
openfaas = "silent"

[[key]]
label = "erp"
sha256 = "SHA256"
dialects = ["altair", "eywa", "openfaas"]
functions = ["dev/works", "6a1e7f0c-30f5-5a3b-9f44-2f9d0a3d3c11", "works", "lasting", "silent"]
rights = ["invoke", "async"]
"""


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers what the path says: /<status>,<status>,…/<tag>, one after the other, then 204."""

    arrived = queue.Queue()
    seen = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        statuses = self.path.split("/")[1].split(",")
        turn = self.seen.setdefault(self.path, 0)
        self.seen[self.path] = turn + 1
        self.arrived.put((self.path, headers, body))
        self.send_response(int(statuses[turn]) if turn < len(statuses) else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def lay_out(shared, endpoint):
    """The working directory of all processes; what the gateway as a function is configured with is not in it."""
    (FOLDER / "code").mkdir()
    (FOLDER / "code/works.py").write_text(WORKS)
    (FOLDER / "deliverer").mkdir()
    (FOLDER / "deliverer/bootstrap").symlink_to(STAYPUT)
    gateways = {**shared, "STAYPUT_CONFIG": "ssm:/stayput/config", "STAYPUT_GATEWAY_KEY": "secretsmanager:stayput/key",
                "AWS_ENDPOINT_URL_SSM": endpoint, "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint}
    template = TEMPLATE.replace("VARIABLES", json.dumps(shared)).replace("GATEWAYS", json.dumps(gateways))
    (FOLDER / "template.yaml").write_text(template)
    config = CONFIG.replace("SHA256", hashlib.sha256(CALLER.encode()).hexdigest())
    (FOLDER / "serve.toml").write_text(config)
    ssm, secrets_manager = (boto3.client(name, endpoint_url=endpoint) for name in ("ssm", "secretsmanager"))
    ssm.put_parameter(Name="/stayput/config", Value=config, Type="SecureString")
    secrets_manager.create_secret(Name="stayput/key", SecretString=shared["STAYPUT_GATEWAY_KEY"])


def doctor(environment, sqs, dynamodb, events):
    """What `stayput doctor` has found, before and after what it says was done."""
    def run(*words, **other):
        told = subprocess.run([STAYPUT, "--json", *words], env={**environment, **other}, cwd=FOLDER, capture_output=True, text=True)
        return told.returncode, json.loads(told.stdout)

    doctor_from_nothing(run, environment)
    queue = environment["STAYPUT_CALLBACK_QUEUE"]
    everybody = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]})
    few = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead-letters", "maxReceiveCount": 12})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "345600", "SqsManagedSseEnabled": "false",
                                                         "Policy": everybody, "RedrivePolicy": few})
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"})
    dynamodb.update_table(TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "alarms"}}])
    events.remove_targets(Rule="stayput-lasting", Ids=["callbacks"])
    told = [finding["what"] for finding in run("doctor", "--config", "serve.toml")[1]["findings"] if finding["mend"]]
    check("doctor: queue and table are there, and not as they should be", told,
          ["callback.queue, messages kept", "callback.queue, encryption", "callback.queue, who may use it",
           "callback.queue, receives", "aws.ledger, index alarms", "aws.ledger, TTL", "ends of lasting:$LATEST", "ends of silent"])
    mend(run, environment, "ends of silent")
    # Receiving is counted by moto, too. It forgets the policy with each attribute that is set, so this comes before that.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": ""})
    # What was for everybody was for EventBridge, too.
    mend(run, environment, "ends of silent")
    events.disable_rule(Name="stayput-lasting")
    mend(run, environment, "ends of silent")
    code, told = run("doctor", "--config", "serve.toml")
    missing = {finding["what"]: finding["mend"] for finding in told["findings"] if finding["mend"]}
    check("doctor: what is missing, and how to mend it", (code, missing),
          (1, {"ends of silent": "stayput attach silent --apply"}))
    run(*missing["ends of silent"].split()[1:])
    code, told = run("doctor", "--config", "serve.toml")
    check("doctor: mended", (code, told["missing"], len(told["findings"])), (0, 0, 11))
    seen = {finding["what"]: finding["seen"] for finding in told["findings"]}
    check("doctor: durable functions", (seen["executions of lasting:$LATEST"][:17], seen["ends of lasting:$LATEST"]),
          ("of 60 s at most; ", "come to the queue by the rule stayput-lasting"))
    doctor_of_rows_that_are_wrong(run)


def doctor_of_rows_that_are_wrong(run):
    """A plain function whose row says that it is durable, and the other way round."""
    rows = ['[[function]]\nlambda = "works:$LATEST"\ndurable = true\nopenfaas = "works"\n',
            '[[function]]\nlambda = "lasting:$LATEST"\nopenfaas = "lasting"\n']
    (FOLDER / "wrong.toml").write_text("".join(rows))
    told = {finding["what"]: (finding["mend"] or "")[:30] for finding in run("doctor", "--config", "wrong.toml")[1]["findings"]}
    check("doctor: rows that are wrong",
          (told["executions of works:$LATEST"], told["executions of lasting:$LATEST"]),
          ("leave durable out of its row; ", "write durable = true in its ro"))


def doctor_from_nothing(run, environment):
    """Queues and table that are not there, and a function that knows nothing of them."""
    missing = {"STAYPUT_CALLBACK_QUEUE": environment["STAYPUT_CALLBACK_QUEUE"] + "-anew",
               "STAYPUT_CALLBACK_DEAD_LETTERS": environment["STAYPUT_CALLBACK_DEAD_LETTERS"] + "-anew",
               "STAYPUT_AWS_LEDGER": f"{TABLE}-anew"}
    (FOLDER / "anew.toml").write_text('[[function]]\nlambda = "silent"\nopenfaas = "silent"\n')

    def anew(*words):
        return run(*words, **missing)

    first = [finding["what"] for finding in anew("doctor", "--config", "anew.toml")[1]["findings"] if finding["mend"]]
    check("doctor: nothing is there", first, ["callback.queue", "callback.dead_letters", "aws.ledger"])
    for _ in range(3):
        mend(anew, environment, config="anew.toml")
    code, told = anew("doctor", "--config", "anew.toml")
    check("doctor: all of it is made by the commands that it names", (code, told["missing"]), (0, 0))


def mend(run, environment, *besides, config="serve.toml"):
    """Does what `stayput doctor` says, as a shell would, with moto for AWS; but not `besides`."""
    moto_too = f" --endpoint-url {environment['AWS_ENDPOINT_URL_DYNAMODB']}"
    for finding in run("doctor", "--config", config)[1]["findings"]:
        if finding["mend"] is None or finding["what"] in besides:
            continue
        if finding["mend"].startswith("stayput "):
            run(*finding["mend"].split()[1:])
            continue
        done = subprocess.run(finding["mend"] + moto_too, shell=True, env=environment, cwd=FOLDER, capture_output=True, text=True)
        check(f"doctor: the command for {finding['what']} works", (done.returncode, done.stderr), (0, ""))


def attach(environment, endpoint):
    """A function of an account (moto's, which starts no process), before and after `stayput attach`."""
    iam, functions = (boto3.client(name, endpoint_url=endpoint) for name in ("iam", "lambda"))
    role = iam.create_role(RoleName="works", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("works.py", WORKS)
    functions.create_function(FunctionName="works", Runtime="python3.12", Role=role, Handler="works.handler",
                              Code={"ZipFile": code.getvalue()})

    def run(*words):
        told = subprocess.run([STAYPUT, "--json", "attach", "works", "--endpoint", endpoint, *words],
                              env=environment, cwd=FOLDER, capture_output=True, text=True)
        return [change["what"] for change in json.loads(told.stdout)["changes"]]

    both = ["on success", "on failure"]
    check("attach: shows what differs, and sets nothing", (run(), run()), (both, both))
    check("attach: sets it", run("--apply"), both)
    arn = "arn:aws:sqs:us-east-1:000000000000:callbacks"
    config = functions.get_function_event_invoke_config(FunctionName="works")["DestinationConfig"]
    check("attach: both ends go to the queue",
          (config["OnSuccess"]["Destination"], config["OnFailure"]["Destination"]), (arn, arn))
    check("attach: once set, nothing differs", run("--apply"), [])
    live = ("--qualifier", "live")
    check("attach: an alias that is not there", (run(*live), run(*live, "--apply"), run(*live)),
          (["alias", *both], ["alias", *both], []))
    check("attach: it is for what was there", functions.get_alias(FunctionName="works", Name="live")["FunctionVersion"], "1")


def attach_durable(environment, endpoint, lambdas):
    """A durable function, before and after what `stayput attach` says was done."""
    def run(*words):
        told = subprocess.run([STAYPUT, "--json", "attach", "lasting", "--endpoint", lambdas, *words],
                              env=environment, cwd=FOLDER, capture_output=True, text=True)
        return told.returncode, json.loads(told.stdout or "null"), told.stderr

    code, _, why = run()
    check("attach: a durable function has a version or an alias", (code, "by a version or an alias alone" in why), (2, True))
    latest = ("--qualifier", "$LATEST")
    _, told, _ = run(*latest)
    check("attach: of executions EventBridge tells, whom the queue lets", [change["what"] for change in told["changes"]],
          ["rule", "the queue's policy"])
    check("attach: who needs which right", [(right["who"], right["action"]) for right in told["rights"]],
          [("gateway", "lambda:InvokeFunction"), ("deliverer", "lambda:GetDurableExecution")])
    for command in told["commands"]:
        done = subprocess.run(f"{command} --endpoint-url {endpoint}", shell=True, env=environment, cwd=FOLDER, capture_output=True, text=True)
        check(f"attach: {' '.join(command.split()[:3])}", (done.returncode, done.stderr), (0, ""))
    code, told, _ = run(*latest, "--apply")
    check("attach: once it is done, nothing differs", (code, told["changes"], told["commands"]), (0, [], []))


def batch(sqs, url, size):
    """What Lambda's event source mapping would hand over."""
    messages = []
    while len(messages) < size:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=10)
        messages += received.get("Messages", [])
    return [{"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
             "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "eventSource": "aws:sqs",
             "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:callbacks", "awsRegion": "us-east-1"}
            for message in messages]


def outlast_polls(sqs, url):
    """moto goes on with the question of a process that has ended, and hands a message to nobody."""
    received = None
    while not received:
        sqs.send_message(QueueUrl=url, MessageBody="for nobody")
        received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])


def write_log(logs, call):
    """As Lambda would, whose id of a call is ours where the embedded one plays it; among what other calls wrote."""
    group, stream = "/aws/lambda/works", "2026/01/31/[$LATEST]0123456789abcdef"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    lines = ["START RequestId: another", "another's", "END RequestId: another",
             f"START RequestId: {call}", "working", f"END RequestId: {call}", "START RequestId: a third"]
    logs.put_log_events(logGroupName=group, logStreamName=stream,
                        logEvents=[{"timestamp": now + n, "message": line} for n, line in enumerate(lines)])


def tag_of(record, calls):
    return calls[json.loads(record["body"])["requestPayload"]["requestContext"]["requestId"]]


def main():
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    endpoint = moto()
    sqs, dynamodb, (callbacks, dead_letters) = make_queues_and_table(endpoint)
    shared = {
        "STAYPUT_CALLBACK_QUEUE": callbacks,
        "STAYPUT_CALLBACK_DEAD_LETTERS": dead_letters,
        "STAYPUT_CALLBACK_ALLOW_ADDRESSES": "127.0.0.0/8",
        "STAYPUT_CALLBACK_OUTCOME_AFTER": f"{OUTCOME_AFTER_SECONDS}s",
        "STAYPUT_AWS_LEDGER": TABLE,
        "STAYPUT_GATEWAY_KEY": secrets.token_hex(32),
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_ENDPOINT_URL_EVENTBRIDGE": endpoint,
        "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": endpoint,
    }
    environment = {**os.environ, **shared, "STAYPUT_ADMIN_LISTEN": "127.0.0.1:0", "STAYPUT_LISTEN": "127.0.0.1:0",
                   "STAYPUT_LAMBDA_SQS_ENDPOINT": endpoint, "STAYPUT_LAMBDA_WAIT_SCALE": "0.001"}
    lay_out(shared, endpoint)
    secret = subprocess.run([STAYPUT, "keys", "secret", "erp"], env=environment, cwd=FOLDER, capture_output=True,
                            text=True, check=True).stdout.strip()

    def next_callback(timeout=60):
        path, headers, body = Receiver.arrived.get(timeout=timeout)
        Webhook(secret).verify(body, headers, json_parse=False)
        return path, headers, body

    attach(environment, endpoint)
    with contextlib.ExitStack() as stack:
        _, lambdas = stack.enter_context(running(["lambda", "--listen", "127.0.0.1:0", "--data-dir", "lambda"], environment))
        environment["AWS_ENDPOINT_URL_LAMBDA"] = lambdas["lambda"]
        _, gateway = stack.enter_context(running(["serve", "--config", "serve.toml", "--data-dir", "serve"], environment))

        functions = boto3.client("lambda", endpoint_url=lambdas["lambda"])
        bus = boto3.client("events", endpoint_url=endpoint)
        attach_durable(environment, endpoint, lambdas["lambda"])

        def ends(name, status):
            """As Lambda would tell EventBridge, which tells whom its rules say."""
            execution = until(lambda: next((one for one in functions.list_durable_executions_by_function(
                FunctionName="lasting", DurableExecutionName=name)["DurableExecutions"] if one["Status"] == status), None))
            detail = {"durableExecutionArn": execution["DurableExecutionArn"], "durableExecutionName": name,
                      "functionArn": execution["FunctionArn"], "status": status}
            bus.put_events(Entries=[{"Source": "aws.lambda", "DetailType": "Durable Execution Status Change",
                                     "Detail": json.dumps(detail)}])

        def call(path, headers, tag, at=None, work="work"):
            netloc = urllib.parse.urlsplit(at or gateway["gateway"]).netloc
            connection = http.client.HTTPConnection(netloc, timeout=30)
            wanted = {"X-Callback-Url": f"http://127.0.0.1:{receiver.server_port}/{tag}"}
            connection.request("POST", path, work, {**headers, **wanted})
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}

        def events(*words):
            """Exit code and answer of `stayput events …`, or of `stayput logs …`, at the gateway's admin listener."""
            verb = [] if words[0] == "logs" else ["events"]
            asked = subprocess.run([STAYPUT, "--json", *verb, *words, "--admin", gateway["admin"]],
                                   env=environment, cwd=FOLDER, capture_output=True, text=True)
            return asked.returncode, json.loads(asked.stdout or "null")

        openfaas = {"Authorization": f"Bearer {CALLER}"}
        with running(["deliver"], environment):
            dialects = {
                "altair": ("/spaces/dev/functions/works/async-invoke", openfaas),
                "eywa": ("/eywa/api/functions/async/6a1e7f0c-30f5-5a3b-9f44-2f9d0a3d3c11/", {"X-Eywa-Token": CALLER}),
                "openfaas": ("/async-function/works", openfaas),
            }
            for dialect, (path, headers) in dialects.items():
                check(f"{dialect}: accepted", call(path, headers, f"204/{dialect}")[0], 202)
                told, headers, body = next_callback()
                check(f"{dialect}: called back", (told, headers["x-function-status"], body),
                      (f"/204/{dialect}", "200", b"done: work"))
            for work, status, heard in [('{"a": 1}', "SUCCEEDED", ("200", b'{"a": 1}')), ("[]", "FAILED", ("500", b"nothing was asked"))]:
                accepted, headers = call("/async-function/lasting", openfaas, f"204/{status}", work=work)
                ends(headers["x-call-id"], status)
                told, headers, body = next_callback()
                check(f"the end of a durable execution: {status}", (accepted, told, headers["x-function-status"], body),
                      (202, f"/204/{status}", *heard))
            path = "/lambda-url/gateway/async-function/works"
            status, headers = call(path, openfaas, "204/function", at=lambdas["lambda"])
            check("the gateway as a function: accepted", status, 202)
            told, posted, body = next_callback()
            check("the gateway as a function: called back", (told, posted["webhook-id"], body),
                  ("/204/function", headers["x-call-id"], b"done: work"))
            check("a function without destinations: no promise", call("/async-function/silent", openfaas, "204/silent")[0], 501)
            doctor(environment, sqs, dynamodb, bus)
            call("/async-function/works/raise", openfaas, "204/fault")
            told, headers, _ = next_callback()
            check("a fault: called back", (told, headers["x-function-status"]), ("/204/fault", "500"))

            accepted = call("/async-function/works", openfaas, "503,204/again")[1]
            ids = [next_callback()[1]["webhook-id"] for _ in range(2)]
            check("a receiver that was down for a moment: told again, by the same id", ids, [accepted["x-call-id"]] * 2)

            gone = call("/async-function/works", openfaas, "410/gone")[1]["x-call-id"]
            next_callback()
            [event] = until(lambda: events("list", "--state", "dead")[1])
            check("a receiver that is gone: dead, with the reason",
                  (event["id"], event["function"], event["last_error"]), (gone, "works", "the receiver is gone for good: 410"))
            check("sent again: by the operator", events("redrive", gone)[1]["done"], [gone])
            told, headers, _ = next_callback()
            check("sent again: said so", (told, headers["webhook-id"], headers["x-redrive"]), ("/410/gone", gone, "1"))
            check("sent again: delivered", until(lambda: events("list", "--state", "delivered", "--since", "1h")[1]
                                                 and events("show", gone)[1])[0]["state"] in ("delivering", "delivered"), True)
            check("what Lambda has queued is not visible", events("list", "--state", "running")[0], 2)
            check("what Lambda has queued is not cancelled", events("cancel", gone)[0], 2)
            write_log(boto3.client("logs", endpoint_url=endpoint), gone)
            told = [line["text"] for line in events("logs", gone)[1][0]["timeline"]][1:]
            check("what happened is told, and what the function wrote", told,
                  ["the receiver is gone for good: 410", f"START RequestId: {gone}", "working", f"END RequestId: {gone}"])

            again = {**openfaas, "Idempotency-Key": "the-same"}
            first, second = (call("/async-function/works", again, "204/once") for _ in range(2))
            check("repeated: the same call", first[1]["x-call-id"], second[1]["x-call-id"])
            next_callback()

            # Its answer and the event together are more than a destination record may have: AWS writes none.
            lost = call("/async-function/works/large", openfaas, "204/lost")[1]
            told, headers, _ = next_callback()
            check("an outcome that never comes: called back all the same",
                  (told, headers["x-function-status"], headers["webhook-id"]), ("/204/lost", "502", lost["x-call-id"]))
        check("nothing came twice, and nothing else", Receiver.arrived.qsize(), 0)
        check("the queue is empty", depth(sqs, callbacks), 0)

        outlast_polls(sqs, callbacks)

        # The deliverer as a function: batches of ten, three of whose receivers are down.
        lambda_client = boto3.client("lambda", endpoint_url=lambdas["lambda"])
        tags = [f"{503 if n in (1, 4, 7) else 204}/{n}" for n in range(10)]
        calls = {call("/async-function/works", openfaas, tag)[1]["x-call-id"]: tag for tag in tags}
        records = batch(sqs, callbacks, len(tags))
        answer = lambda_client.invoke(FunctionName="deliverer", Payload=json.dumps({"Records": records}))
        told = json.load(answer["Payload"])
        check("batch: no fault", answer.get("FunctionError"), None)
        posted = [next_callback()[0] for _ in tags]
        check("batch: all were posted", sorted(posted), sorted(f"/{tag}" for tag in tags))
        waiting = {item["itemIdentifier"] for item in told["batchItemFailures"]}
        check("batch: exactly those whose receivers are down are reported",
              sorted(tag_of(record, calls) for record in records if record["messageId"] in waiting),
              ["503/1", "503/4", "503/7"])
        removed = [record for record in records if record["messageId"] not in waiting]
        again = lambda_client.invoke(FunctionName="deliverer", Payload=json.dumps({"Records": removed}))
        check("batch: what was delivered is not posted again", json.load(again["Payload"]), {"batchItemFailures": []})
        junk = [{**records[0], "messageId": "junk", "body": body} for body in ("", "{}", "[1")]
        answer = lambda_client.invoke(FunctionName="deliverer", Payload=json.dumps({"Records": junk}))
        check("batch: what is no record goes to the dead letters", json.load(answer["Payload"]), {"batchItemFailures": []})
        check("batch: with its reason", {letter["MessageAttributes"]["reason"]["StringValue"][:35]
                                         for letter in dead(sqs, dead_letters)},
              {"the message is no destination record"[:35]})
        swept = lambda_client.invoke(FunctionName="deliverer", Payload=json.dumps({"detail-type": "Scheduled Event"}))
        check("a scheduled event sweeps", swept.get("FunctionError"), None)
        check("nothing came besides", Receiver.arrived.qsize(), 0)

        # A gateway that remembers on its own machine delivers itself. It knows nothing of what others were promised.
        sqs.purge_queue(QueueUrl=callbacks)
        alone = {**environment, "STAYPUT_AWS_LEDGER": ""}
        with running(["serve", "--config", "serve.toml", "--data-dir", "alone"], alone) as (_, gateway):
            accepted = call("/async-function/works", openfaas, "503,204/alone")[1]
            ids = [next_callback()[1]["webhook-id"] for _ in range(2)]
            check("alone: told, and told again", ids, [accepted["x-call-id"]] * 2)
            lost = call("/async-function/works/large", openfaas, "204/vanished")[1]
            told, headers, _ = next_callback()
            check("alone: an outcome that never comes", (told, headers["x-function-status"], headers["webhook-id"]),
                  ("/204/vanished", "502", lost["x-call-id"]))
    finish()


if __name__ == "__main__":
    main()
