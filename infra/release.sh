#!/usr/bin/env bash
# What a release consists of: static programs for x86_64 and aarch64 Linux, archives for Lambda, checksums.
#
#   infra/release.sh [FOLDER]      # default: target/dist
#
# Needs Rust (with rustup) and Python 3.12, or 3.11.4; fetches zig, by which both are compiled on either machine, from PyPI. Nothing of the day or the
# folder goes into the files. Where qemu-user is installed, the programs for the other machine are tried, too.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-target/dist}
tools=target/release-tools
version=$(cargo metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print([p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "stayput"][0])')
# The last commit's, so that nothing of the day is in the files.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CARGO_TERM_COLOR=never

python3 -m venv "$tools"
"$tools/bin/pip" install --quiet cargo-zigbuild==0.24.1 ziglang==0.17.0
export PATH="$PWD/$tools/bin:$PATH"
# Without what debuggers read, which would be two thirds of the program.
export CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=symbols
# Where the compiler ran is nobody's business.
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=/stayput --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"

rm -rf "$out"
mkdir -p "$out"
for machine in x86_64 aarch64; do
  target=$machine-unknown-linux-musl
  rustup --quiet target add "$target"
  # For machines, by speed; and for Lambda, by size.
  cargo zigbuild --locked --bin stayput --target "$target" --release
  cargo zigbuild --locked --bin stayput --target "$target" --profile function
  python3 infra/pack.py "$out" "$version" "$machine" "target/$target/release/stayput" "target/$target/function/stayput"
done
python3 infra/try_release.py "$out" "$version"
(cd "$out" && sha256sum -- *.tar.gz *.zip >SHA256SUMS)
echo "release: $(find "$out" -type f | wc -l) files in $out"
for file in "$out"/*; do printf '%10d  %s\n' "$(stat -c %s "$file")" "$(basename "$file")"; done
