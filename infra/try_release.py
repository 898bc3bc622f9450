"""Tries what release.sh has made, as it lies in its folder: that the programs are static, and that those which this machine can run
(by qemu-user, too, where it is installed) do their work.

    try_release.py FOLDER VERSION
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile

# As in the names of archives: for machines and for Lambda; and as an ELF file's head says it.
MACHINES = {"x86_64": ("x86_64", 62), "aarch64": ("arm64", 183)}
KEY = "a-key-for-this-run-only"


def main():
    folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as running:
        unpacked = {machine: unpack(folder, version, machine, pathlib.Path(work)) for machine in MACHINES}
        for machine, programs in unpacked.items():
            for program in programs:
                check_static(program, MACHINES[machine][1])
        native = platform.machine()
        gateway = folder / f"stayput-{version}-lambda-{MACHINES[native][0]}.zip"
        service = Lambda(running, unpacked[native][0], pathlib.Path(work))
        service.deploy("echo", ECHO)
        service.deploy("gateway", gateway.read_bytes())
        service.url("gateway")
        check_call(f"{service.at}/lambda-url/gateway", "the archive for Lambda")
        for machine, (program, bootstrap) in unpacked.items():
            emulator = None if machine == native else shutil.which(f"qemu-{machine}-static") or shutil.which(f"qemu-{machine}")
            if machine != native and not emulator:
                print(f"{machine}: static; not run, as there is no qemu-user here")
                continue
            run = [emulator] if emulator else []
            for one in (program, bootstrap):
                said = subprocess.run([*run, one, "--version"], check=True, capture_output=True, text=True).stdout
                expect(f"version of {one.name} for {machine}", said, f"stayput {version}\n")
            own = ["--data-dir", pathlib.Path(work) / machine / "data", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
            urls = start(running, [*run, program, "serve", *service.config, *own])
            check_call(urls["gateway"], f"serve for {machine}")
            subprocess.run([*run, program, "health", "--admin", urls["admin"]], check=True, stdout=subprocess.DEVNULL)
            print(f"{machine}: static, runs{' by qemu' if emulator else ''}, takes calls")


def unpack(folder, version, machine, work):
    """The program for machines, and the one for Lambda."""
    name = f"stayput-{version}-{machine}-unknown-linux-musl"
    with tarfile.open(folder / f"{name}.tar.gz") as archive:
        archive.extractall(work, filter="data")
    bootstrap = work / machine / "bootstrap"
    bootstrap.parent.mkdir()
    with zipfile.ZipFile(folder / f"stayput-{version}-lambda-{MACHINES[machine][0]}.zip") as archive:
        expect("files for Lambda", archive.namelist(), ["bootstrap"])
        bootstrap.write_bytes(archive.read("bootstrap"))
        bootstrap.chmod(archive.getinfo("bootstrap").external_attr >> 16 & 0o777)
    return work / name / "stayput", bootstrap


def check_static(program, machine):
    """Asks for no interpreter and needs no library. Source: ELF-64 Object File Format, version 1.5."""
    data = program.read_bytes()
    expect(f"{program.name}: beginning and machine", (data[:6], *struct.unpack_from("<H", data, 18)), (b"\x7fELF\x02\x01", machine))
    (table,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    for at in range(table, table + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, at)
        expect(f"{program.name}: wish for an interpreter", kind == 3, False)
        if kind == 2:
            tags = [tag for tag, _ in struct.iter_unpack("<qQ", data[offset : offset + length])]
            expect(f"{program.name}: wish for libraries", 1 in tags[: tags.index(0)], False)


class Lambda:
    """The embedded one, of the program that is tried, with a gateway's configuration for it."""

    def __init__(self, running, program, work):
        self.at = start(running, [program, "lambda", "--listen", "127.0.0.1:0", "--data-dir", work / "lambda"], cwd=work)["lambda"]
        file = work / "stayput.toml"
        file.write_text(
            f'[gateway]\ndata_dir = "{work}/gateway"\n[aws]\nendpoint = "{self.at}"\nregion = "us-east-1"\n'
            '[[function]]\nlambda = "echo"\nstedi = "echo"\n[[key]]\nlabel = "caller"\n'
            f'sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"\ndialects = ["stedi"]\nrights = ["invoke"]\n'
        )
        self.config = ["--config", file]

    def deploy(self, name, archive):
        self.ask("2015-03-31/functions", {
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "serve", "Role": "arn:aws:iam::000000000000:role/x",
            "Timeout": 20, "Code": {"ZipFile": base64.b64encode(archive).decode()},
            "Environment": {"Variables": {"STAYPUT_CONFIG": str(self.config[1])}},
        })  # fmt: skip

    def url(self, name):
        self.ask(f"2021-10-31/functions/{name}/url", {"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"})

    def ask(self, path, body):
        request = urllib.request.Request(f"{self.at}/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=60).close()


def start(running, command, **options):
    """The addresses at which it is ready. It ends with `running`."""
    # The region is in the file alone, and nobody is asked for it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STAYPUT_"))}
    environment |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_EC2_METADATA_DISABLED": "true"}
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, env=environment, text=True, **options)
    running.callback(process.wait)
    running.callback(process.terminate)
    ready = process.stdout.readline()
    if not ready:
        sys.exit(f"{' '.join(map(str, command))} ended without being ready")
    return json.loads(ready)["urls"]


def check_call(gateway, who):
    """One of Stedi's callers, who gets what it has sent, as base64."""
    headers = {"authorization": f"Key {KEY}"}
    request = urllib.request.Request(f"{gateway}/2021-11-16/functions/echo/invocations", b'{"name":"Ada"}', headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        expect(f"answer of {who}", base64.b64decode(answer.read()), b'{"name":"Ada"}')


def expect(what, seen, wanted):
    if seen != wanted:
        sys.exit(f"{what}: {seen!r} instead of {wanted!r}")


def zipped(text):
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o100755 << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(entry, text)
    return packed.getvalue()


# A function without a runtime of anybody's, that returns its event.
ECHO = zipped(f"""#!{sys.executable}
import os, urllib.request
api = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{{api}}/next") as event:
        id, body = event.headers["lambda-runtime-aws-request-id"], event.read()
    urllib.request.urlopen(f"{{api}}/{{id}}/response", body).close()
""")

if __name__ == "__main__":
    main()
