"""boto3 deploys into the embedded Lambda: what a deployment tool needs, and archives that nobody should take."""

import http.server
import io
import json
import os
import stat
import time
import urllib.error
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import check, finish

ROLE = "arn:aws:iam::000000000000:role/x"
client = boto3.client("lambda", endpoint_url=os.environ["STAYPUT_LAMBDA_URL"], config=Config(retries={"max_attempts": 0}))

CODE = """
import os
def handler(event, context):
    return {"says": "%s", "version": context.function_version, "greeting": os.environ.get("GREETING")}
"""


def archive(says, name="app.py"):
    return packed([(name, CODE % says)])


def packed(files):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as zip:
        for name, content in files:
            zip.writestr(name, content)
    return memory.getvalue()


def create(name, says="one", **more):
    settings = {"Runtime": "python3.13", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": archive(says)}}
    return client.create_function(FunctionName=name, **{**settings, **more})


def invoke(name, **more):
    return json.load(client.invoke(FunctionName=name, **more)["Payload"])


def refused(call, **arguments):
    """Code and status with which the call is refused."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def remove(*names):
    for name in names:
        refused(client.delete_function, FunctionName=name)


def whole_life():
    remove("life")
    made = create("life", Description="first", Timeout=7, MemorySize=256, Environment={"Variables": {"GREETING": "a"}},
                  Tags={"team": "x"}, Publish=True)
    check("created and published", (made["Version"], made["FunctionArn"].rsplit(":", 1)[1]), ("1", "1"))
    check("status", made["ResponseMetadata"]["HTTPStatusCode"], 201)
    client.get_waiter("function_active_v2").wait(FunctionName="life")
    client.get_waiter("published_version_active").wait(FunctionName="life", Qualifier="1")
    check("runs with its variables", invoke("life"), {"says": "one", "version": "$LATEST", "greeting": "a"})

    seen = client.get_function(FunctionName="life")
    check("tags", seen["Tags"], {"team": "x"})
    change = client.update_function_configuration(FunctionName="life", Environment={"Variables": {"GREETING": "b"}},
                                                  RevisionId=seen["Configuration"]["RevisionId"])
    check("another revision", change["RevisionId"] != seen["Configuration"]["RevisionId"], True)
    check("timeout stays", change["Timeout"], 7)
    client.get_waiter("function_updated_v2").wait(FunctionName="life")
    check("a stale revision", refused(client.update_function_configuration, FunctionName="life", Timeout=8,
                                      RevisionId=seen["Configuration"]["RevisionId"]), ("PreconditionFailedException", 412))
    check("a dry run changes nothing", client.update_function_code(
        FunctionName="life", ZipFile=archive("dry"), DryRun=True)["RevisionId"], change["RevisionId"])
    client.update_function_code(FunctionName="life", ZipFile=archive("two"))
    check("new code", invoke("life"), {"says": "two", "version": "$LATEST", "greeting": "b"})
    check("the version stays", invoke("life", Qualifier="1"), {"says": "one", "version": "1", "greeting": "a"})

    latest = client.get_function_configuration(FunctionName="life")
    check("published with another hash", refused(client.publish_version, FunctionName="life", CodeSha256="x"),
          ("InvalidParameterValueException", 400))
    version = client.publish_version(FunctionName="life", CodeSha256=latest["CodeSha256"], Description="second")
    check("published", (version["Version"], version["Description"]), ("2", "second"))
    check("once", client.publish_version(FunctionName="life")["Version"], "2")
    alias = client.create_alias(FunctionName="life", Name="live", FunctionVersion="1",
                                RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    check("alias", (alias["FunctionVersion"], alias["RoutingConfig"]), ("1", {"AdditionalVersionWeights": {"2": 0.5}}))
    check("both versions answer", {invoke("life:live")["version"] for _ in range(40)}, {"1", "2"})
    client.update_alias(FunctionName="life", Name="live", FunctionVersion="2",
                        RoutingConfig={"AdditionalVersionWeights": {}})
    check("only one does", {invoke("life", Qualifier="live")["version"] for _ in range(10)}, {"2"})
    check("aliases of a version", [each["Name"] for each in client.list_aliases(
        FunctionName="life", FunctionVersion="2")["Aliases"]], ["live"])
    check("an alias twice", refused(client.create_alias, FunctionName="life", Name="live", FunctionVersion="1"),
          ("ResourceConflictException", 409))
    check("a version that is used", refused(client.delete_function, FunctionName="life", Qualifier="2"),
          ("ResourceConflictException", 409))

    own = client.put_function_event_invoke_config(FunctionName="life", Qualifier="live", MaximumRetryAttempts=0)
    check("an alias's own event-invoke-config", own["FunctionArn"].endswith(":live"), True)
    check("and the function has none", refused(client.get_function_event_invoke_config, FunctionName="life"),
          ("ResourceNotFoundException", 404))
    client.delete_alias(FunctionName="life", Name="live")
    check("no alias any more", refused(client.invoke, FunctionName="life:live"), ("ResourceNotFoundException", 404))
    client.delete_function(FunctionName="life", Qualifier="1")
    check("versions", [each["Version"] for page in client.get_paginator("list_versions_by_function").paginate(
        FunctionName="life", PaginationConfig={"PageSize": 1}) for each in page["Versions"]], ["$LATEST", "2"])
    client.delete_function(FunctionName="life")
    check("gone", refused(client.get_function, FunctionName="life"), ("ResourceNotFoundException", 404))
    create("life", says="anew")
    check("another of that name knows nothing of it", (invoke("life")["says"], client.list_aliases(
        FunctionName="life")["Aliases"]), ("anew", []))
    remove("life")


def what_waits_runs_on_the_new_code():
    """An event that was accepted before an update is run by what is there when it is its turn."""
    remove("late")
    create("late", Environment={"Variables": {}})
    client.put_function_concurrency(FunctionName="late", ReservedConcurrentExecutions=1)
    check("reserved", client.get_function_concurrency(FunctionName="late")["ReservedConcurrentExecutions"], 1)
    code = "import time\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n    open(event['file'], 'w').write('%s')\n"
    client.update_function_code(FunctionName="late", ZipFile=packed([("app.py", code % "old")]))
    files = [f"{os.environ.get('TMPDIR', '/tmp')}/stayput-late-{os.getpid()}-{at}" for at in range(2)]
    for file, sleep in zip(files, (1, 0)):
        client.invoke(FunctionName="late", InvocationType="Event", Payload=json.dumps({"file": file, "sleep": sleep}))
    client.update_function_code(FunctionName="late", ZipFile=packed([("app.py", code % "new")]))
    deadline = time.monotonic() + 60
    while not all(map(os.path.exists, files)) and time.monotonic() < deadline:
        time.sleep(0.05)
    check("the event that waited", open(files[1]).read(), "new")
    for file in files:
        os.remove(file)
    client.delete_function_concurrency(FunctionName="late")
    check("nothing reserved", "ReservedConcurrentExecutions" in client.get_function_concurrency(FunctionName="late"), False)
    remove("late")


def url_and_permissions():
    remove("url")
    create("url")
    client.publish_version(FunctionName="url")
    client.create_alias(FunctionName="url", Name="live", FunctionVersion="1")
    made = client.create_function_url_config(FunctionName="url", AuthType="NONE", InvokeMode="BUFFERED",
                                             Cors={"AllowOrigins": ["https://a.example"]})
    with urllib.request.urlopen(made["FunctionUrl"]) as answer:
        check("the URL answers", json.load(answer)["says"], "one")
    changed = client.update_function_url_config(FunctionName="url", AuthType="AWS_IAM")
    check("changed", (changed["AuthType"], changed["Cors"]["AllowOrigins"]), ("AWS_IAM", ["https://a.example"]))
    client.create_function_url_config(FunctionName="url", Qualifier="live", AuthType="NONE")
    check("listed", len(client.list_function_url_configs(FunctionName="url")["FunctionUrlConfigs"]), 2)
    client.delete_function_url_config(FunctionName="url")
    check("gone", refused(client.get_function_url_config, FunctionName="url"), ("ResourceNotFoundException", 404))

    client.add_permission(FunctionName="url", StatementId="bus", Action="lambda:InvokeFunction",
                          Principal="events.amazonaws.com", SourceArn="arn:aws:events:us-east-1:000000000000:rule/x")
    policy = json.loads(client.get_policy(FunctionName="url")["Policy"])
    check("policy", policy["Statement"][0]["Principal"], {"Service": "events.amazonaws.com"})
    client.remove_permission(FunctionName="url", StatementId="bus")
    check("no policy", refused(client.get_policy, FunctionName="url"), ("ResourceNotFoundException", 404))

    arn = client.get_function_configuration(FunctionName="url")["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    check("tags", client.list_tags(Resource=arn)["Tags"], {"b": "2"})
    remove("url")


def through_the_gateway():
    """What is deployed while `dev` runs has a name for callers at once, callbacks included; what is removed has none."""
    remove("called")
    create("called")
    gateway = os.environ["STAYPUT_URL"]

    def post(headers):
        request = urllib.request.Request(f"{gateway}/function/called", b"{}", headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def until(status):
        """The rules follow in the background."""
        deadline = time.monotonic() + 20
        while True:
            answer = post({})
            if answer[0] == status or time.monotonic() > deadline:
                return answer
            time.sleep(0.02)

    status, body = until(200)
    check("a deployed function is called through the gateway", (status, json.loads(body)["says"]), (200, "one"))
    told = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    url = f"http://127.0.0.1:{receiver.server_port}/"
    request = urllib.request.Request(f"{gateway}/async-function/called", b"{}", {"X-Callback-Url": url})
    with urllib.request.urlopen(request) as answer:
        check("and asynchronously", answer.status, 202)
    receiver.timeout = 60
    receiver.handle_request()
    check("its callback comes", [each["says"] for each in told], ["one"])
    client.put_function_event_invoke_config(FunctionName="called", DestinationConfig={
        "OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:elsewhere"}})
    try:
        urllib.request.urlopen(request)
        check("no promise once its ends are told elsewhere", 202, 501)
    except urllib.error.HTTPError as error:
        check("no promise once its ends are told elsewhere", error.code, 501)
    remove("called")
    check("no name once it is removed", until(404)[0], 404)


def lists():
    names = [f"many-{at}" for at in range(3)]
    remove(*names)
    for name in names:
        create(name)
    listed = [each["FunctionName"] for page in client.get_paginator("list_functions").paginate(
        PaginationConfig={"PageSize": 2}) for each in page["Functions"]]
    check("every function once", [name for name in listed if name.startswith("many-")], names)
    check("those of the template, too", {"echo", "hello"} <= set(listed), True)
    client.publish_version(FunctionName="many-0")
    every = [each["FunctionArn"].split(":")[-2:] for page in client.get_paginator("list_functions").paginate(
        FunctionVersion="ALL") for each in page["Functions"]]
    check("every version", [each for each in every if each[0] == "many-0"], [["many-0", "$LATEST"], ["many-0", "1"]])
    usage = client.get_account_settings()
    check("as many as there are", usage["AccountUsage"]["FunctionCount"], len(listed))
    remove(*names)


def hostile_archives():
    """None is taken, and none leaves anything behind that a later call would meet."""
    def link(target):
        entry = zipfile.ZipInfo("link")
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        return entry, target

    bomb = packed([(f"zeros-{at}", bytes(64 << 20)) for at in range(5)])
    for name, content in [
        ("no archive", b"PK\x03\x04 but no more"),
        ("an empty archive", packed([])),
        ("a path that leads out", packed([("../out", "x")])),
        ("an absolute path", packed([("/tmp/out", "x")])),
        ("a link that leads out", packed([link("../../etc/passwd")])),
        ("an absolute link", packed([link("/etc/passwd")])),
        ("a bomb", bomb),
    ]:
        check(name, refused(create, name="hostile", Code={"ZipFile": content}), ("InvalidParameterValueException", 400))
    check("nothing of them", refused(client.get_function, FunctionName="hostile"), ("ResourceNotFoundException", 404))
    large = refused(create, name="hostile", Code={"ZipFile": os.urandom(53_000_000)})
    check("larger than a request may be", large, ("RequestEntityTooLargeException", 413))


def mistakes():
    remove("mistake")
    check("an unknown runtime", refused(create, name="mistake", Runtime="cobol1"), ("ValidationException", 400))
    check("an unknown role", refused(create, name="mistake", Role="me"), ("ValidationException", 400))
    check("too long a timeout", refused(create, name="mistake", Timeout=901), ("ValidationException", 400))
    check("a reserved variable", refused(create, name="mistake", Environment={"Variables": {"AWS_REGION": "x"}}),
          ("InvalidParameterValueException", 400))
    check("code in S3", refused(create, name="mistake", Code={"S3Bucket": "some-bucket", "S3Key": "k"}),
          ("InvalidParameterValueException", 400))
    check("an image", refused(create, name="mistake", Code={"ImageUri": "x"}, PackageType="Image"),
          ("InvalidParameterValueException", 400))
    create("mistake")
    check("more than there is", refused(client.put_function_concurrency, FunctionName="mistake",
                                        ReservedConcurrentExecutions=1_000), ("InvalidParameterValueException", 400))
    check("an alias of what is not there", refused(client.create_alias, FunctionName="mistake", Name="live",
                                                   FunctionVersion="7"), ("ResourceNotFoundException", 404))
    check("it still runs", invoke("mistake")["says"], "one")
    remove("mistake")


whole_life()
what_waits_runs_on_the_new_code()
url_and_permissions()
through_the_gateway()
lists()
hostile_archives()
mistakes()
finish()
