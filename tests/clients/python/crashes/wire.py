"""What stands between one program and AWS: each request is a step with a name, and at any of them something may happen.

    with program.wire.strike("promise: delivered", "die before"): …

The program is as it is released; what happens to it happens at its connections, or to its process.
"""

import base64
import contextlib
import http.client
import http.server
import json
import select
import socket
import threading
import time
import urllib.parse

POLL_SECONDS = 0.1
LONG_POLL_SECONDS = 20
STRUCK_SECONDS = 60
HOP_BY_HOP = {"connection", "content-length", "transfer-encoding"}


class Step:
    """What one request asks for, and about which call where that can be told."""

    def __init__(self, name, call=None, asked=None):
        self.name, self.call, self.asked = name, call, asked


class Fault:
    """Something that happens at a step. `calls` are those that it is not about: they were there before."""

    def __init__(self, step, what, calls, times):
        self.step, self.what, self.calls, self.left = step, what, calls, times
        self.struck = threading.Event()

    def is_for(self, step):
        return self.left > 0 and step.name == self.step and (step.call is None or step.call not in self.calls)

    def wait(self):
        if not self.struck.wait(STRUCK_SECONDS):
            raise SystemExit(f"nothing asked for {self.step!r}")


class Wire(http.server.ThreadingHTTPServer):
    """`kill` ends the program whose wire it is."""

    daemon_threads = True

    def __init__(self, moto, kill=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.moto, self.kill, self.faults = moto, kill, []
        # Of embedded Lambda, once it is there.
        self.functions = None
        # All calls that were named, in order; messages by receipt: their call; messages that somebody has: their receipt.
        self.calls, self.messages, self.hands = [], {}, {}
        self.steps = []
        # By call: what Lambda was asked to run, and the first record of its end.
        self.events, self.records = {}, {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def strike(self, step, what, times=1):
        """At that step of the next call `what` happens, as many times: "die", "hang" or "cut", each "before" it is done or "after";
        "refuse", "throttle"; "lose", which looks done and is not; "twice"."""
        fault = Fault(step, what, set(self.calls), times)
        self.faults.append(fault)
        return fault

    @contextlib.contextmanager
    def striking(self, step, what, times=10 ** 6):
        """As long as this lasts."""
        fault = self.strike(step, what, times)
        try:
            yield fault
        finally:
            fault.left = 0

    def count(self, name, call=None):
        return sum(step.name == name and call in (None, step.call) for step in self.steps)

    def fault_at(self, step):
        self.faults = [fault for fault in self.faults if fault.left > 0]
        fault = next((fault for fault in self.faults if fault.is_for(step)), None)
        if fault:
            fault.left -= 1
        return fault

    def handle_error(self, request, client_address):
        """Connections of programs that died break."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        step = self.step(body)
        wire = self.server
        wire.steps.append(step)
        if step.call and step.call not in wire.calls:
            wire.calls.append(step.call)
        fault = wire.fault_at(step)
        what = fault.what if fault else "pass"
        if what in ("die before", "cut before", "hang before"):
            return self.end(fault)
        if what in ("refuse", "throttle"):
            fault.struck.set()
            return self.refuse(what)
        if what == "lose":
            answer = 202, [("x-amzn-requestid", step.call)], b""
        else:
            answer = self.receive(body) if step.name == "ask" else self.forward(body)
        if answer is None:
            return self.close()
        if step.name == "ask" and (fault := self.take(answer)):
            what = fault.what
        if answer[0] < 300 and step.name in ("remove", "hide"):
            wire.hands.pop(step.asked["ReceiptHandle"], None)
        if what == "twice":
            self.forward(body)
        if what in ("die after", "cut after", "hang after"):
            return self.end(fault)
        if fault:
            fault.struck.set()
        self.answer(*answer)

    do_GET = do_POST

    def step(self, body):
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        asked = json.loads(body) if target else None
        if target in ("PutItem", "GetItem", "DeleteItem"):
            return item_step(target, asked)
        if target in ("DeleteMessage", "ChangeMessageVisibility"):
            name = "remove" if target == "DeleteMessage" else "hide"
            return Step(name, self.server.messages.get(asked["ReceiptHandle"]), asked)
        if target == "SendMessage":
            name = "bury" if asked["QueueUrl"].endswith("dead-letters") else "report"
            return Step(name, call_of(asked["MessageBody"]), asked)
        if target:
            return Step({"ReceiveMessage": "ask", "Query": "overdue"}.get(target, target), None, asked)
        if self.path.endswith("/invocations"):
            event = json.loads(body)
            call = event["requestContext"]["requestId"]
            self.server.events[call] = event
            return Step("invoke", call)
        return Step("destinations")

    def receive(self, body):
        """A long poll that asks nothing more once its asker has gone: moto would hand a message to nobody."""
        asked = json.dumps({**json.loads(body), "WaitTimeSeconds": 0}).encode()
        deadline = time.monotonic() + LONG_POLL_SECONDS
        while not has_gone(self.connection):
            answer = self.forward(asked)
            if json.loads(answer[2]).get("Messages") or time.monotonic() > deadline:
                return answer
            time.sleep(POLL_SECONDS)
        return None

    def take(self, answer):
        """What a question for messages was answered with is in somebody's hands. The fault that this meets."""
        wire, met = self.server, None
        for message in json.loads(answer[2]).get("Messages", []):
            call = call_of(message["Body"])
            wire.messages[message["ReceiptHandle"]] = call
            wire.hands[message["ReceiptHandle"]] = message
            wire.records.setdefault(call, message["Body"])
            met = met or wire.fault_at(Step("receive", call))
        return met

    def forward(self, body):
        wire = self.server
        base = wire.moto if self.headers.get("x-amz-target") else wire.functions
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def refuse(self, what):
        is_lambda = not self.headers.get("x-amz-target")
        if what == "refuse":
            status, name = 500, "ServiceException" if is_lambda else "InternalServerError"
        else:
            status, name = (429, "TooManyRequestsException") if is_lambda else (400, "ThrottlingException")
        headers = [("x-amzn-errortype", name), ("content-type", "application/json")]
        self.answer(status, headers, json.dumps({"__type": name, "message": "for a moment"}).encode())

    def end(self, fault):
        """No answer: the program dies, or the connection is cut, or nothing comes until the asker gives up."""
        if fault.what.startswith("die"):
            self.server.kill()
        fault.struck.set()
        while fault.what.startswith("hang") and not has_gone(self.connection):
            time.sleep(POLL_SECONDS)
        self.close()

    def close(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def item_step(target, asked):
    """A row of the ledger: `promise: invoked` says how it stands from then on."""
    key = asked["Item"] if target == "PutItem" else asked["Key"]
    space, _, name = key["pk"]["S"].partition("/")
    kind = "promise" if space == "promises" else "request"
    call = name if kind == "promise" else None
    if target != "PutItem":
        return Step(f"{kind}: {'look' if target == 'GetItem' else 'forgotten'}", call, asked)
    value = base64.b64decode(asked["Item"]["value"]["B"])
    if kind == "promise":
        return Step(f"promise: {json.loads(value)['standing']}", call, asked)
    return Step("request: made" if value[0] else "request: reserved", None, asked)


def call_of(record):
    """`None`: of none that we know of."""
    try:
        return json.loads(record)["requestPayload"]["requestContext"]["requestId"]
    except (ValueError, LookupError, TypeError):
        return None


def has_gone(connection):
    """Has the other side of this connection closed it?"""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
