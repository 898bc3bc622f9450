"""Durable executions of five steps each, many at once: in the embedded Lambda, with a function in Rust, and in AWS's own local runner, with one in
Python.

    python3 -m venv v && v/bin/pip install aws-durable-execution-sdk-python==3.0.0 aws-durable-execution-sdk-python-testing==1.4.0
    cargo build --release && v/bin/python tests/bench/executions.py [EXECUTIONS]

docs/performance.md says what came of it.
"""

import http.client
import json
import logging
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STARTERS = 8


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as work:
        with Service(pathlib.Path(work)) as service:
            service.measure("five", number)
        runner(number, None)
        from aws_durable_execution_sdk_python_testing.stores.sqlite import SQLiteExecutionStore
        runner(number, SQLiteExecutionStore.create_and_initialize(pathlib.Path(work) / "runner.db"))


class Service:
    """`stayput lambda` of the release build, which builds the function in Rust as that, too."""

    def __init__(self, folder):
        command = [ROOT / "target/release/stayput", "lambda", "--release", "--template", ROOT / "tests/functions/witness/template.yaml",
                   "--data-dir", folder / "data", "--listen", "127.0.0.1:0", "--log-level", "error", "--json"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.at = urllib.parse.urlsplit(json.loads(self.process.stdout.readline())["urls"]["lambda"]).netloc
        self.connection = self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def connect(self):
        return http.client.HTTPConnection(self.at)

    def ask(self, method, path, body=None, headers={}, connection=None):
        connection = connection or self.connection
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 202), text
        return answer.headers, text

    def invoke(self, function, kind, connection=None):
        headers, _ = self.ask("POST", f"/2015-03-31/functions/{function}:%24LATEST/invocations", b"{}",
                              {"x-amz-invocation-type": kind}, connection)
        return headers["x-amz-durable-execution-arn"]

    def history(self, arn):
        path = f"/2025-12-01/durable-executions/{urllib.parse.quote(arn, safe='')}/history"
        return json.loads(self.ask("GET", path)[1])["Events"]

    def steps(self, arn):
        """Milliseconds from the end of each step to that of the next: a call of the function's, and a commit."""
        ends = [event["EventTimestamp"] for event in self.history(arn) if event["EventType"] == "StepSucceeded"]
        return [(later - earlier) * 1000 for earlier, later in zip(ends, ends[1:])]

    def measure(self, function, number):
        for _ in range(5):
            assert self.history(self.invoke(function, "RequestResponse"))[-1]["EventType"] == "ExecutionSucceeded"
        alone = [ms for _ in range(40) for ms in self.steps(self.invoke(function, "RequestResponse"))]
        arns, began = [], time.monotonic()

        def start():
            connection = self.connect()
            arns.extend(self.invoke(function, "Event", connection) for _ in range(number // STARTERS))

        starters = [threading.Thread(target=start) for _ in range(STARTERS)]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
        running = f"/2025-12-01/functions/{function}/durable-executions?Statuses=RUNNING&MaxItems=1"
        while json.loads(self.ask("GET", running)[1])["DurableExecutions"]:
            time.sleep(0.02)
        took = time.monotonic() - began
        loaded = [ms for arn in arns for ms in self.steps(arn)]
        peak = next(line for line in open(f"/proc/{self.process.pid}/status") if line.startswith("VmHWM")).split()[1]
        tell(f"embedded, {function}", len(arns), took)
        print(f"  from step to step, ms: alone {quantile(alone, .5):.1f}, loaded {quantile(loaded, .5):.1f}, p99 "
              f"{quantile(loaded, .99):.1f}; the service's peak {int(peak) // 1024} MiB", flush=True)


def runner(number, store):
    """AWS's own, with everything in one process."""
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(HERE / "five"))
    import app
    from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestRunner
    with DurableFunctionTestRunner(handler=app.handler, poll_interval=0.01, store=store) as local:
        local.run("{}")
        began = time.monotonic()
        for arn in [local.run_async("{}") for _ in range(number)]:
            local.wait_for_result(execution_arn=arn)
        tell(f"AWS's runner, {'SQLite' if store else 'memory'}", number, time.monotonic() - began)


def tell(what, number, took):
    print(f"{what}: {number} executions in {took:.2f} s, {number / took:.0f}/s, {5 * number / took:.0f} steps/s", flush=True)


def quantile(values, part):
    return sorted(values)[int(len(values) * part)]


if __name__ == "__main__":
    main()
