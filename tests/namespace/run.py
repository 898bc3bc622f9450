#!/usr/bin/env python3
"""Callbacks of the real program where every address is this machine: see README.md. Standard library only."""

import hashlib
import http.client
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from names import Names
from receiver import Receiver

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STAYPUT = ROOT / "target/debug/stayput"
URLS = ROOT / "tests/callbacks/urls.txt"
KEY = "the-key-of-this-run-and-of-no-other"
# Above all that callbacks may go to by the list, and below the ports that the kernel gives out by itself.
GATEWAY, LAMBDA, ADMIN = (("127.0.0.1", port) for port in (20080, 20090, 20091))
PROXY = "http://10.9.9.9:3128"
PATIENCE_SECONDS = 60

ALLOWED = {ipaddress.ip_address(address) for address in
           ("93.184.216.34", "1.1.1.1", "8.8.8.8", "2600:9000::1", "2001:4860:4860::8888")}
# What the list of the other test cannot have: its verdict is one of the second attempt.
LATER = ("forbidden", "http://rebinds-later.example/")
# Only for the callers of one key.
WITH_PASSWORD = ("dialled", "https://user:pass@secrets.example/")
KEY_WITH_PASSWORDS = "another-key-of-this-run-and-of-no-other"

CONFIGURATION = f"""
[callback]
loopback = false
own_names = ["gateway.example"]
[[key]]
label = "with-passwords"
sha256 = "{hashlib.sha256(KEY_WITH_PASSWORDS.encode()).hexdigest()}"
dialects = ["openfaas"]
rights = ["async"]
userinfo = true
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Ends:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: ends, Runtime: provided.al2023, Handler: bootstrap, CodeUri: .}
"""


def main():
    if sys.argv[1:] == ["inside"]:
        sys.exit(inside())
    subprocess.run(["cargo", "build", "--locked", "--bin", "stayput"], check=True, cwd=ROOT)
    unshare = ["unshare", "--map-root-user", "--net", "--mount"]
    for program in ("unshare", "ip", "mount"):
        if shutil.which(program) is None:
            sys.exit(f"namespace: this exam needs `{program}`, and this machine has none")
    can = subprocess.run([*unshare, "true"], capture_output=True, text=True)
    if can.returncode:
        sys.exit(f"namespace: this exam needs network and mount namespaces, and this machine gives none: {can.stderr}")
    sys.exit(subprocess.run([*unshare, sys.executable, __file__, "inside"]).returncode)


def inside():
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        enclose(place)
        cases = [*read_cases(), LATER, WITH_PASSWORD]
        receiver = Receiver(ports(url for _, url in cases))
        Names().serve()
        with Dev(place) as dev:
            failures = examine(dev, receiver, cases)
    for failure in failures:
        print(f"namespace | FAIL {failure}")
    connections = len(receiver.arrivals)
    print(f"namespace: {len(cases)} URLs, {connections} connections, {len(failures)} failures", flush=True)
    return 1 if failures or not connections else 0


def enclose(place):
    """Every address is local, and names are asked of us."""
    for words in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
        subprocess.run(["ip", *words.split()], check=True)
    files = {"/etc/resolv.conf": "nameserver 127.0.0.1\n", "/etc/hosts": "127.0.0.1 localhost\n",
             "/etc/nsswitch.conf": "hosts: files dns\n"}
    for at, text in files.items():
        if pathlib.Path(at).exists():
            ours = place / pathlib.Path(at).name
            ours.write_text(text)
            subprocess.run(["mount", "--bind", str(ours), at], check=True)


def read_cases():
    lines = (line for line in URLS.read_text().splitlines() if not line.startswith("#"))
    return [tuple(line.split(maxsplit=1)) for line in lines]


def ports(urls):
    """All that a URL names, and those that an address is asked at without one, or by redirect or by proxy."""
    named = {int(port) for url in urls for port in re.findall(r":(\d+)", url)}
    # 9001 and 2000: the runtime API and the X-Ray daemon of a function on AWS.
    return {port for port in named if 0 < port < 65536} | {80, 443, 8080, 3128, 9001, 2000}


class Dev:
    """`stayput dev` with one function, whose calls need no retries."""

    def __init__(self, place):
        bootstrap = place / "bootstrap"
        bootstrap.write_bytes((ROOT / "tests/program/callbacks/bootstrap").read_bytes())
        bootstrap.chmod(0o755)
        (place / "template.yaml").write_text(TEMPLATE)
        (place / "stayput.toml").write_text(CONFIGURATION)
        at = (word for flag, (host, port) in (("--listen", GATEWAY), ("--lambda-listen", LAMBDA), ("--admin-listen", ADMIN))
              for word in (flag, f"{host}:{port}"))
        proxies = {name: PROXY for word in ("http_proxy", "https_proxy", "all_proxy") for name in (word, word.upper())}
        self.log = place / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [STAYPUT, "dev", *at, "--data-dir", "data", "--no-watch"], cwd=place, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **proxies, "STAYPUT_DEV_KEY": KEY})

    def __enter__(self):
        for line in self.process.stdout:
            if line.startswith("ready"):
                return self
        sys.exit(f"namespace: `stayput dev` did not get ready:\n{self.log.read_text()}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)

    @staticmethod
    def call(url):
        """Status, and the call's id."""
        connection = http.client.HTTPConnection(*GATEWAY, timeout=30)
        key = KEY_WITH_PASSWORDS if url == WITH_PASSWORD[1] else KEY
        headers = {"Authorization": f"Bearer {key}", "X-Callback-Url": url}
        connection.request("POST", "/async-function/ends", "answer", headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["x-call-id"]

    @staticmethod
    def events():
        """All that is not over, by the id of its call."""
        connection = http.client.HTTPConnection(*ADMIN, timeout=30)
        connection.request("GET", "/events?limit=500")
        events = json.loads(connection.getresponse().read())["events"]
        return {event["request_id"]: event for event in events}


def examine(dev, receiver, cases):
    """What does not hold."""
    failures, accepted = [], {}
    for expected, url in cases:
        status, call = dev.call(url)
        wanted = 400 if expected == "refused" else 202
        if status != wanted:
            failures.append(f"{url}: answered with {status} instead of {wanted}")
        if status == 202:
            accepted[call] = expected, url
    failures += settle(lambda: differences(dev.events(), list(receiver.arrivals), accepted))
    strangers = set(dev.events()) - set(accepted)
    failures += [f"{call} is kept, though it was refused" for call in sorted(strangers)]
    dialled = {(arrival.address, arrival.port) for arrival in receiver.arrivals}
    failures += [f"{address} was dialled, at port {port}" for address, port in sorted(dialled, key=str)
                 if address not in ALLOWED or not address.is_global]
    failures += [f"{address} was never dialled" for address in sorted(ALLOWED - {address for address, _ in dialled}, key=str)]
    return failures


def settle(differences):
    """Asks until there are none, or for long enough."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (left := differences()) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def differences(events, arrivals, accepted):
    """Calls that are not yet where they should be."""
    return [difference for call, (expected, url) in accepted.items()
            if (difference := difference_of(expected, url, events.get(call), arrivals, call))]


def difference_of(expected, url, event, arrivals, call):
    own = [arrival for arrival in arrivals if arrival.webhook_id == call]
    if expected == "refused":
        return None  # It was told already.
    if expected == "forbidden":
        if (expected, url) == LATER and len(own) != 1:
            return f"{url}: dialled {len(own)} times, and not once"
        is_dead = event is not None and event["state"] == "dead" and "not one that callbacks go to" in json.dumps(event)
        return None if is_dead else f"{url}: not dead, or not because its address is forbidden, but {event}"
    if url.startswith("https:"):
        host = url.split("/")[2].rpartition("@")[2]
        # No certificate of ours is trusted: that a greeting came is all there can be.
        return None if any(host in arrival.host and arrival.port == 443 for arrival in arrivals) else f"{url}: not dialled"
    if "redirects.example" in url:
        # Once more, so that what comes of the first answer had its time.
        return None if len(own) >= 2 else f"{url}: dialled {len(own)} times so far"
    is_over = event is None and len(own) == 1
    return None if is_over else f"{url}: arrived {len(own)} times, and its call is {event}"


if __name__ == "__main__":
    main()
