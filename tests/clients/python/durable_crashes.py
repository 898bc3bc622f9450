"""Durable executions while everything dies: functions and the service itself are killed at random moments, and every execution has to end
with the right result.

    durable_crashes.py [EXECUTIONS [KILLS [SEED]]]

Says how it went in `ok` and `FAIL` lines. The functions are those of tests/functions/witness: each body of a step writes down what it is about
to return.
"""

import collections
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from checks import check, finish

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
# By function: the steps whose values its result has.
SHAPES = {
    "chain": [f"step-{n}" for n in range(5)],
    "fan": ["0.leaf", "1.leaf", "2.leaf", "own"],
    "each": [f"{n}.leaf" for n in range(6)],
    "nap": ["before", "after"],
    "guarded": ["0.leaf"],
    "caught": ["instead"],
}
PATIENCE_SECONDS = 240


class Service:
    """`stayput lambda` with one disk, begun again after each end."""

    def __init__(self, folder):
        self.folder, self.at = folder, None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.listen = "127.0.0.1:%d" % free.getsockname()[1]
        self.process = None
        self.start()

    def start(self):
        command = [ROOT / "target/debug/stayput", "lambda", "--template", ROOT / "tests/functions/witness/template.yaml",
                   "--data-dir", self.folder / "data", "--listen", self.listen, "--log-level", "error", "--json"]
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        ready = self.process.stdout.readline()
        if not ready:
            sys.exit("`stayput lambda` did not get ready: " + (self.folder / "log").read_text()[-2000:])
        self.at = json.loads(ready)["urls"]["lambda"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def ask(self, path, body=None, headers=()):
        """JSON and headers of the answer. A service that is just dead is asked again."""
        while True:
            request = urllib.request.Request(self.at + path, body, dict(headers))
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null"), answer.headers
            except urllib.error.HTTPError as error:
                sys.exit(f"{path}: {error.code} {error.read()[:500]}")
            except (OSError, ValueError):
                if self.process.poll() is not None:
                    raise

    def functions(self):
        """Processes of functions that run now."""
        found = []
        for process in pathlib.Path("/proc").iterdir():
            try:
                if process.name.isdigit() and os.readlink(process / "exe").endswith("/witness"):
                    if self.listen.encode() in (process / "environ").read_bytes():
                        found.append(int(process.name))
            except OSError:
                pass
        return found


def executions_of(service, function):
    """By name, each execution's state."""
    found, marker = {}, ""
    while True:
        told, _ = service.ask(f"/2025-12-01/functions/{function}/durable-executions?MaxItems=1000&Marker={marker}")
        found |= {one["DurableExecutionName"]: one for one in told["DurableExecutions"]}
        marker = urllib.parse.quote(told.get("NextMarker") or "")
        if not marker:
            return found


def resource(arn):
    return "/2025-12-01/durable-executions/" + urllib.parse.quote(arn, safe="")


def main():
    given = sys.argv[1:]
    number, kills, seed = (int(text) for text in given + ["200", "100", "1"][len(given) :])
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        witness = folder / "witness"
        witness.mkdir()
        service = Service(folder)
        try:
            run(service, witness, chance, number, kills)
        finally:
            service.kill()
    finish()


def run(service, witness, chance, number, kills):
    names = {f"run-{n}": chance.choice(sorted(SHAPES)) for n in range(number)}
    waiting, killed = list(names), collections.Counter()
    for _ in range(kills):
        # Work comes in while everything dies.
        for name in [waiting.pop() for _ in range(min(len(waiting), -(-number // kills)))]:
            start(service, witness, name, names[name])
        time.sleep(chance.uniform(0, 0.3))
        victims = service.functions()
        if victims and chance.random() < 0.75:
            killed["functions"] += 1
            try:
                os.kill(chance.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                pass
        else:
            killed["service"] += 1
            service.kill()
            service.start()
    for name in waiting:
        start(service, witness, name, names[name])
    print(f"{number} executions; killed: {dict(killed)}")
    check("functions and service were killed", sum(killed.values()), kills)
    judge(service, witness, names)


def start(service, witness, name, function):
    """Sent again under the same name until it was heard: that is the same execution."""
    body = json.dumps({"folder": str(witness), "run": name}).encode()
    headers = {"x-amz-invocation-type": "Event", "x-amz-durable-execution-name": name}
    service.ask(f"/2015-03-31/functions/{function}:%24LATEST/invocations", body, headers.items())


def judge(service, witness, names):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = {}
        for function in SHAPES:
            found |= executions_of(service, function)
        stuck = [name for name in names if found.get(name, {}).get("Status") in (None, "RUNNING")]
        if not stuck or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    check("no execution is stuck", stuck, [])
    wrong, unrun, changed = [], [], []
    for name, function in names.items():
        execution, _ = service.ask(resource(found[name]["DurableExecutionArn"]))
        if execution["Status"] != "SUCCEEDED":
            wrong.append((name, function, execution["Status"], execution.get("Error")))
            continue
        result = json.loads(execution["Result"])
        if sorted(key for key, _ in result) != sorted(f"{name}.{step}" for step in SHAPES[function]):
            wrong.append((name, function, result))
        for key, value in result:
            written = (witness / key).read_text().split() if (witness / key).exists() else []
            if not written:
                unrun.append(key)
            elif str(value) not in written:
                changed.append((key, value, written))
    check("every execution ends with the right result", wrong, [])
    check("every step was run", unrun, [])
    check("what was recorded is what came back", changed, [])
    check("no history has two ends of one step", list(histories_that_changed(service, found)), [])
    bodies = sum(len(file.read_text().split()) for file in witness.iterdir())
    print(f"{bodies} bodies of {sum(1 for _ in witness.iterdir())} steps were run")


def histories_that_changed(service, found):
    """Operations that ended twice."""
    for name, execution in found.items():
        told, _ = service.ask(resource(execution["DurableExecutionArn"]) + "/history?MaxItems=1000")
        ends = collections.Counter(
            event["Id"] for event in told["Events"]
            if event["EventType"] in ("StepSucceeded", "ChainedInvokeSucceeded", "ChainedInvokeFailed", "WaitSucceeded"))
        yield from ((name, operation) for operation, count in ends.items() if count > 1)


if __name__ == "__main__":
    main()
