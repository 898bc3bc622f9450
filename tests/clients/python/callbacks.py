"""Asynchronous calls of each dialect with a callback, verified by Standard Webhooks' own library.

The callbacks are kept in target/clients/callbacks.json, for the libraries of other languages.
"""

import http.client
import http.server
import json
import os
import pathlib
import queue
import secrets
import subprocess
import threading
import urllib.parse

from standardwebhooks import Webhook, WebhookVerificationError

from checks import check, finish

PLACE = pathlib.Path("target/clients")
KEY = os.environ["STAYPUT_DEV_KEY"]
gateway = urllib.parse.urlsplit(os.environ["STAYPUT_URL"]).netloc
arrived = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        arrived.put((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()


def stayput(*words):
    environment = {**os.environ, "STAYPUT_DATA_DIR": str(PLACE / "data")}
    return subprocess.run(["target/debug/stayput", *words], env=environment, check=True,
                          capture_output=True, text=True).stdout.strip()


def call(path, body, headers, tag):
    connection = http.client.HTTPConnection(gateway, timeout=30)
    callback = {"X-Callback-Url": f"http://127.0.0.1:{receiver.server_port}/{tag}"}
    connection.request("POST", path, body, {**headers, **callback})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


secret = stayput("keys", "secret", "dev")
bearer = {"Authorization": f"Bearer {KEY}"}
eywa = next(row for row in json.loads(stayput("routes", "--json")) if "/eywa/api/functions/async/" in json.dumps(row)
            and '"hello"' in json.dumps(row))
eywa = "/eywa/api/functions/async/" + json.dumps(eywa).split("/eywa/api/functions/async/")[1].split("/")[0] + "/"
calls = {
    "altair": ("/spaces/dev/functions/hello/async-invoke", bearer),
    "eywa": (eywa, {"X-Eywa-Token": KEY}),
    "openfaas": ("/async-function/hello", bearer),
}
kept = []
for dialect, (path, headers) in calls.items():
    status, answer, body = call(path, "world", headers, dialect)
    check(f"{dialect}: accepted", (status, body), (202, b"{}" if dialect == "altair" else b""))
    told, headers, body = arrived.get(timeout=60)
    check(f"{dialect}: called back", (told, headers["x-function-status"], body), (f"/{dialect}", "200", b"Hello, world!\n"))
    for name in ("x-call-id", "x-request-id"):
        if name in answer:
            check(f"{dialect}: the same id", headers["webhook-id"], answer[name])
    Webhook(secret).verify(body, headers, json_parse=False)
    check(f"{dialect}: verified", True, True)
    try:
        Webhook(secret).verify(body + b"x", headers, json_parse=False)
        check(f"{dialect}: another body", "verified", "refused")
    except WebhookVerificationError:
        check(f"{dialect}: another body is refused", True, True)
    kept.append({"dialect": dialect, "headers": headers, "body": body.decode()})
(PLACE / "callbacks.json").write_text(json.dumps({"secret": secret, "callbacks": kept}))

# Of this run alone: the last run's is remembered for a day.
again = {"Idempotency-Key": f"the-same-{secrets.token_hex(8)}"}
first, second = (call("/async-function/hello", "once", {**bearer, **again}, "once") for _ in range(2))
check("repeated: the same call", (first[0], first[1]["x-call-id"]), (second[0], second[1]["x-call-id"]))
other = call("/async-function/hello", "other", {**bearer, **again}, "once")
check("repeated with another body", other[0], 422)
arrived.get(timeout=60)
try:
    check("repeated: called back once", arrived.get(timeout=1), None)
except queue.Empty:
    check("repeated: called back once", True, True)
finish()
