"""AWS's durable SDKs while the service itself is killed: what was begun goes on, and what was done is not done again.

Starts its own `stayput lambda`, kills it while executions wait for all that they can wait for, and starts it again. The path of the
program in Rust is on the command line.
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

STAYPUT = str(pathlib.Path("target/debug/stayput").resolve())
READY_SECONDS = 60


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


PORT = free_port()
os.environ["STAYPUT_LAMBDA_URL"] = f"http://127.0.0.1:{PORT}"

from checks import check, finish
from durable import ERRORS, Language, begun_by, callback_id, client, count, end, happened, history, succeeded, until


@contextlib.contextmanager
def running(data):
    """The service, until it is killed."""
    log = pathlib.Path(data) / f"log-{time.monotonic()}"
    with open(log, "w") as out:
        service = subprocess.Popen([STAYPUT, "lambda", "--template", "tests/functions/durable.yaml", "--data-dir", data,
                                    "--listen", f"127.0.0.1:{PORT}"], stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while "\nready" not in log.read_text():
            if service.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the service did not get ready: {log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        service.kill()
        service.wait()


class Story:
    """What is begun before the service is killed, and looked at afterwards."""

    def __init__(self, name):
        self.language = Language(name)
        start, self.target = self.language.start, f"{self.language.durable}:$LATEST"
        self.files = [f"{self.language.file(name)}-{at}" for at in range(2)]
        self.asks = start("callback", name=f"asks-{name}")
        self.parent = start("invoke", target=self.target, payload={"shape": "callback"})
        self.slow = start("slow", file=self.files[0])
        self.plain = start("invoke", target=self.language.plain, payload={"number": 5, "file": self.files[1]})
        self.over = start("step", number=2)

    def wait_until_it_waits(self):
        self.id = callback_id(self.asks)
        self.child = begun_by(self.parent)
        self.child_id = callback_id(self.child)
        until(lambda: all(map(os.path.exists, self.files)) or None)
        self.result, self.before = succeeded(self.over), happened(self.over)

    def begin_to_wait(self):
        self.waits = self.language.start("wait")
        until(lambda: count(self.waits, "WaitStarted") or None)

    def look(self):
        check, start = self.language.check, self.language.start
        check("a wait that ended meanwhile", succeeded(self.waits), "awake")
        check("is over once", count(self.waits, "WaitSucceeded"), 1)
        check("a name is still its own", start("callback", name=f"asks-{self.language.name}"), self.asks)
        for id in (self.id, self.child_id):
            client.send_durable_execution_callback_success(CallbackId=id, Result='"yes"')
        check("a callback's id is still its own", succeeded(self.asks), {"got": '"yes"'})
        check("a function that another waits for", succeeded(self.parent), {"got": {"got": '"yes"'}})
        check("is invoked once", (count(self.parent, "ChainedInvokeStarted"), begun_by(self.parent)), (1, self.child))
        every = {self.waits, self.asks, self.parent, self.child, self.slow, self.plain, self.over}
        check("nothing else was begun", set(self.language.arns()), every)
        check("a step that was being done", succeeded(self.slow), {"done": True})
        check("a plain function that was running", succeeded(self.plain), {"got": {"plain": 5}})
        check("what was over stays as it was", (end(self.over), happened(self.over)), (("SUCCEEDED", self.result), self.before))
        numbers = [[event["EventId"] for event in history(arn)] for arn in every]
        check("every event has a number of its own", numbers, [list(range(1, len(each) + 1)) for each in numbers])


def main():
    program, = sys.argv[1:]
    with tempfile.TemporaryDirectory() as data:
        with running(data):
            Language("rust").deploy(program)
            stories = [Story(name) for name in ERRORS]
            for story in stories:
                story.wait_until_it_waits()
            for story in stories:
                story.begin_to_wait()
        with running(data):
            for story in stories:
                story.look()
    finish()


main()
