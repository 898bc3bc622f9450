"""Packs one machine's programs: a tar archive for people, a zip archive for Lambda. The same input makes the same bytes.

    pack.py FOLDER VERSION MACHINE PROGRAM BOOTSTRAP
"""

import gzip
import os
import pathlib
import sys
import tarfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MOMENT = int(os.environ["SOURCE_DATE_EPOCH"])

# What lies in the archive beside the program, and where from.
BESIDE = {
    "README.md": "README.md",
    "LICENSE-APACHE": "LICENSE-APACHE",
    "LICENSE-MIT": "LICENSE-MIT",
    "CHANGELOG.md": "CHANGELOG.md",
    "stayput.toml": "adapter/src/config.default.toml",
    "stayput.service": "infra/stayput.service",
}


def main():
    folder, version, machine, program, bootstrap = sys.argv[1:]
    # On Lambda, as on AWS's price list.
    architecture = {"aarch64": "arm64"}.get(machine, machine)
    name = f"stayput-{version}-{machine}-unknown-linux-musl"
    files = {"stayput": pathlib.Path(program), **{to: ROOT / path for to, path in BESIDE.items()}}
    tar(pathlib.Path(folder) / f"{name}.tar.gz", name, files)
    zip_one(pathlib.Path(folder) / f"stayput-{version}-lambda-{architecture}.zip", pathlib.Path(bootstrap))


def tar(path, folder, files):
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=MOMENT) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, file in sorted(files.items()):
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mtime = file.stat().st_size, MOMENT
                entry.mode = 0o755 if name == "stayput" else 0o644
                with file.open("rb") as content:
                    archive.addfile(entry, content)


def zip_one(path, bootstrap):
    """Lambda starts the file `bootstrap`. Which of its functions it is, the handler says: `serve` or `deliver`."""
    entry = zipfile.ZipInfo("bootstrap", time.gmtime(MOMENT)[:6])
    entry.external_attr, entry.create_system, entry.compress_type = 0o100755 << 16, 3, zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), compresslevel=9)


if __name__ == "__main__":
    main()
