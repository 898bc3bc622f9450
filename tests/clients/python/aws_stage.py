"""What is played around `stayput` in front of AWS: SQS, DynamoDB and more of it by moto, and the processes of the program."""

import contextlib
import json
import logging
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

# The embedded Lambda's account, so that its functions' destinations are moto's queues.
os.environ["MOTO_ACCOUNT_ID"] = "000000000000"

import boto3
from moto.server import ThreadedMotoServer

STAYPUT = str(pathlib.Path("target/debug/stayput").resolve())
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="stayput-aws-"))
TABLE = "stayput-ledger"
READY_SECONDS = 120


def start(words, environment):
    """A process of `stayput`, and what it says once it is ready."""
    process = subprocess.Popen([STAYPUT, "--json", *words], env=environment, cwd=FOLDER,
                               stdout=subprocess.PIPE, stderr=open(FOLDER / f"{words[0]}.log", "a"), text=True)
    timer = threading.Timer(READY_SECONDS, process.kill)
    timer.start()
    line = process.stdout.readline()
    timer.cancel()
    if not line:
        raise SystemExit(f"stayput {words[0]} did not get ready: {(FOLDER / f'{words[0]}.log').read_text()}")
    return process, json.loads(line)["urls"]


@contextlib.contextmanager
def running(words, environment):
    process, urls = start(words, environment)
    try:
        yield process, urls
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)


def moto():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def make_queues_and_table(endpoint):
    sqs, dynamodb = (boto3.client(name, endpoint_url=endpoint) for name in ("sqs", "dynamodb"))
    kept = {"MessageRetentionPeriod": str(14 * 86_400)}
    urls = [sqs.create_queue(QueueName=name, Attributes=kept)["QueueUrl"] for name in ("callbacks", "dead-letters")]
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"},
                              {"AttributeName": "alarms", "AttributeType": "S"},
                              {"AttributeName": "alarm", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[{
            "IndexName": "alarms",
            "KeySchema": [{"AttributeName": "alarms", "KeyType": "HASH"}, {"AttributeName": "alarm", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
    )
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    return sqs, dynamodb, urls


def dead(sqs, url):
    """The dead letters, taken out."""
    letters = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    letters = letters.get("Messages", [])
    for letter in letters:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
    return letters


def depth(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(number) for number in attributes.values())


def until(look):
    """What `look` finds once it finds something: a post is answered before what became of it is written down."""
    deadline = time.monotonic() + 60
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit("nothing was found in a minute")
    return found
