#!/usr/bin/env python3
"""Installs the real clients, starts what they call (`stayput dev`, a strict `stayput lambda`, one of durable functions, a `dev`
of streams), runs every client, counts.

With words on the command line, only the clients of those names. Standard library only.
"""

import contextlib
import os
import pathlib
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "target" / "clients"
VENV = PLACE / "venv"
NODE = PLACE / "node"
NODE_RIC = PLACE / "node-ric"
DURABLE_NODE = PLACE / "durable-node"

GATEWAY = "http://127.0.0.1:8080"
LAMBDA = "http://127.0.0.1:9000"
STRICT_LAMBDA = "http://127.0.0.1:9001"
STRICT = ["lambda", "--require-signatures", "--listen", STRICT_LAMBDA.removeprefix("http://")]
DURABLE_LAMBDA = "http://127.0.0.1:9002"
DURABLE = ["lambda", "--template", "tests/functions/durable.yaml", "--listen", DURABLE_LAMBDA.removeprefix("http://")]
STREAMS_GATEWAY = "http://127.0.0.1:18080"
STREAMS_LAMBDA = "http://127.0.0.1:19000"
STREAMS = ["dev", "--template", "tests/functions/streams.yaml", "--no-watch", "--admin-listen", "127.0.0.1:19080",
           "--listen", STREAMS_GATEWAY.removeprefix("http://"), "--lambda-listen", STREAMS_LAMBDA.removeprefix("http://")]
READY_SECONDS = 600
CLIENT_SECONDS = 900


def main():
    install()
    if wanted(ric_clients()):
        install_node_ric()
    if wanted([*durable_clients(), *durable_restarts()]):
        install_durable_node()
    environment = client_environment()
    build(["cargo", "build", "--locked", "--bin", "stayput"], environment)
    every = [*clients(), *strict_clients(), *durable_clients(), *stream_clients(), *own_clients()]
    if any(word.startswith(str(PLACE / "rust")) for _, command in wanted(every) for word in command):
        build(["cargo", "build", "--locked", "--manifest-path", str(HERE / "rust/Cargo.toml")],
              {**environment, "CARGO_TARGET_DIR": str(PLACE / "rust")})
    results = run_against(["dev"], clients(), environment)
    results += run_against(STRICT, strict_clients(), environment)
    results += run_against(DURABLE, durable_clients(), {**environment, "STAYPUT_LAMBDA_URL": DURABLE_LAMBDA})
    streams = {**environment, "STAYPUT_URL": STREAMS_GATEWAY, "STAYPUT_LAMBDA_URL": STREAMS_LAMBDA}
    results += run_against(STREAMS, stream_clients(), streams)
    results += [run(name, command, environment) for name, command in wanted(own_clients())]
    passed = sum(ok for ok, _ in results)
    failed = sum(bad for _, bad in results)
    print(f"clients: {passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)


def run_against(verb, known, environment):
    """Runs those of `known` that are wanted while `stayput` runs with this verb: not at all, if none is."""
    if not wanted(known):
        return []
    with running(verb, environment):
        return [run(name, command, environment) for name, command in wanted(known)]


def wanted(known):
    return [(name, command) for name, command in known if name in sys.argv[1:] or not sys.argv[1:]]


def clients():
    python = str(VENV / "bin/python")
    return [
        ("curl", ["bash", str(HERE / "curl.sh")]),
        ("boto3", [python, str(HERE / "python/boto3_client.py")]),
        ("boto3-asynchronous", [python, str(HERE / "python/boto3_asynchronous.py")]),
        ("iots", [python, str(HERE / "python/altair_iots.py")]),
        ("aws-cli", ["bash", str(HERE / "aws_cli.sh")]),
        ("cargo-lambda", ["bash", str(HERE / "cargo_lambda.sh")]),
        ("boto3-deploying", [python, str(HERE / "python/boto3_deploying.py")]),
        ("aws-cli-deploying", ["bash", str(HERE / "aws_cli_deploy.sh")]),
        ("cargo-lambda-deploying", ["bash", str(HERE / "cargo_lambda_deploy.sh")]),
        ("callbacks", [python, str(HERE / "python/callbacks.py")]),
        ("callbacks-node", ["node", str(NODE / "callbacks.mjs")]),
        ("callbacks-rust", [str(PLACE / "rust/debug/verify-callbacks")]),
        ("node-http", ["node", str(NODE / "http.mjs")]),
        ("aws-sdk-js", ["node", str(NODE / "aws_sdk.mjs")]),
        ("aws-sdk-js-asynchronous", ["node", str(NODE / "aws_sdk_asynchronous.mjs")]),
        ("stedi-sdk", ["node", str(NODE / "stedi_sdk.mjs")]),
        ("aws-sdk-rust", [str(PLACE / "rust/debug/sdk-client")]),
    ]


def strict_clients():
    return [("boto3-signatures", [str(VENV / "bin/python"), str(HERE / "python/boto3_signatures.py")])]


def durable_clients():
    """AWS's durable SDKs, which the functions in `tests/functions/durable.yaml` are written with; the one in Rust is deployed."""
    driver = [str(VENV / "bin/python"), str(HERE / "python/durable_sdks.py")]
    return [
        ("durable-python", [*driver, "python"]),
        ("durable-node", [*driver, "node"]),
        ("durable-rust", [*driver, "rust", str(PLACE / "rust/debug/durable-functions")]),
    ]


def stream_clients():
    """Those that read streams, of the functions in `tests/functions/streams.yaml`."""
    return [
        ("curl-streams", ["bash", str(HERE / "curl_streams.sh")]),
        ("boto3-streams", [str(VENV / "bin/python"), str(HERE / "python/boto3_streams.py")]),
        ("aws-sdk-js-streams", ["node", str(NODE / "aws_sdk_streams.mjs")]),
        ("aws-sdk-rust-streams", [str(PLACE / "rust/debug/sdk-streams")]),
        ("eventsource", ["node", str(NODE / "eventsource.mjs")]),
        *ric_clients(),
    ]


def ric_clients():
    """Those of the function that AWS's own Node.js client runs."""
    return [("node-ric", [str(VENV / "bin/python"), str(HERE / "python/boto3_node_ric.py")])]


def own_clients():
    """Those that start what they need."""
    python = str(VENV / "bin/python")
    return [
        ("aws-callbacks", [python, str(HERE / "python/aws_callbacks.py")]),
        ("aws-crashes", [python, str(HERE / "python/aws_crashes.py")]),
        ("durable-crashes", [python, str(HERE / "python/durable_crashes.py")]),
        *durable_restarts(),
    ]


def durable_restarts():
    """The one that kills the service beneath AWS's durable SDKs."""
    driver = [str(VENV / "bin/python"), str(HERE / "python/durable_restarts.py")]
    return [("durable-restarts", [*driver, str(PLACE / "rust/debug/durable-functions")])]


def install():
    """Python packages into a virtual environment, Node's into a folder; both are kept between runs."""
    if not (VENV / "bin/python").exists():
        build([sys.executable, "-m", "venv", str(VENV)], os.environ)
    build([str(VENV / "bin/pip"), "install", "--quiet", "-r", str(HERE / "python/requirements.txt")], os.environ)
    NODE.mkdir(parents=True, exist_ok=True)
    for file in [*(HERE / "node").iterdir(), HERE / "http_event.json"]:
        shutil.copy(file, NODE / file.name)
    build(["npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"], os.environ, cwd=NODE)


def install_node_ric():
    """AWS's own Node.js client, built from its sources (a minute), beside the function that it is to run; kept between runs."""
    NODE_RIC.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "tests/functions/node_stream/index.mjs", NODE_RIC)
    lock, built = HERE / "node_ric/package-lock.json", NODE_RIC / "built-package-lock.json"
    if built.exists() and built.read_bytes() == lock.read_bytes():
        return
    shutil.copy(HERE / "node_ric/package.json", NODE_RIC)
    shutil.copy(lock, NODE_RIC)
    environment = {**os.environ, "MAKEFLAGS": f"-j{os.cpu_count()}"}
    # Node's headers, where they lie beside it; else node-gyp downloads them.
    prefix = pathlib.Path(shutil.which("node")).resolve().parent.parent
    if (prefix / "include/node/node_api.h").exists():
        environment["npm_config_nodedir"] = str(prefix)
    build(["npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"], environment, cwd=NODE_RIC)
    shutil.copy(lock, built)


def install_durable_node():
    """The durable functions in Node.js, with AWS's SDK beside them; kept between runs."""
    DURABLE_NODE.mkdir(parents=True, exist_ok=True)
    for file in (ROOT / "tests/functions/durable_node").iterdir():
        shutil.copy(file, DURABLE_NODE)
    build(["npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"], os.environ, cwd=DURABLE_NODE)


def client_environment():
    return {
        **os.environ,
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(VENV),
        "STAYPUT_URL": GATEWAY,
        "STAYPUT_LAMBDA_URL": LAMBDA,
        "STAYPUT_STRICT_LAMBDA_URL": STRICT_LAMBDA,
        "STAYPUT_DEV_KEY": secrets.token_urlsafe(32),
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost,::1",
    }


@contextlib.contextmanager
def running(verb, environment):
    """Starts `stayput` with this verb, goes on once it has said that it is ready, and ends it afterwards."""
    stayput = subprocess.Popen([str(ROOT / "target/debug/stayput"), *verb, "--data-dir", str(PLACE / "data")],
                               cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    is_ready = queue.Queue()

    def watch():
        for line in stayput.stdout:
            print(f"{verb[0]} | {line}", end="", flush=True)
            if line.startswith("ready"):
                is_ready.put(True)
        is_ready.put(False)

    threading.Thread(target=watch, daemon=True).start()
    try:
        began = is_ready.get(timeout=READY_SECONDS)
    except queue.Empty:
        began = False
    if not began:
        stayput.kill()
        sys.exit(f"`stayput {verb[0]}` did not get ready")
    try:
        yield
    finally:
        stayput.send_signal(signal.SIGINT)
        stayput.wait(timeout=20)


def run(name, command, environment):
    """Runs one client; its `ok` and `FAIL` lines are the result. A client that says nothing has failed."""
    try:
        done = subprocess.run(command, env=environment, cwd=ROOT, text=True, errors="replace", timeout=CLIENT_SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines, code = done.stdout.splitlines(), done.returncode
    except subprocess.TimeoutExpired as late:
        lines, code = [str(late)], 1
    for line in lines:
        print(f"{name} | {line}", flush=True)
    passed = sum(line.startswith("ok ") for line in lines)
    failed = sum(line.startswith("FAIL ") for line in lines)
    if failed == 0 and (code != 0 or passed == 0):
        print(f"{name} | FAIL: exit status {code}, {passed} checks passed", flush=True)
        failed = 1
    return passed, failed


def build(command, environment, cwd=ROOT):
    print("$", " ".join(command), flush=True)
    subprocess.run(command, check=True, cwd=cwd, env=environment)


if __name__ == "__main__":
    main()
