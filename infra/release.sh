#!/usr/bin/env bash
# What a release consists of: static programs for x86_64 and aarch64 Linux, archives for Lambda, checksums.
#
#   infra/release.sh [FOLDER]      # default: target/dist
#
# Needs Rust (with rustup), Python 3 and readelf; fetches zig, by which both are compiled on either machine, from PyPI. Two runs of
# the same commit in the same folder make the same files.
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
# Where the compiler ran is nobody's business.
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=/stayput --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"

rm -rf "$out"
mkdir -p "$out"
for machine in x86_64 aarch64; do
  target=$machine-unknown-linux-musl
  rustup target add "$target" >/dev/null 2>&1 || true
  # For machines, by speed; and for Lambda, by size.
  cargo zigbuild --locked --bin stayput --target "$target" --release
  cargo zigbuild --locked --bin stayput --target "$target" --profile function
  program=target/$target/release/stayput
  if readelf -l "$program" "target/$target/function/stayput" | grep -q INTERP; then
    echo "the program for $machine is not static" >&2
    exit 1
  fi
  python3 infra/pack.py "$out" "$version" "$machine" "$program" "target/$target/function/stayput"
done
(cd "$out" && sha256sum -- *.tar.gz *.zip >SHA256SUMS)

# The one that this machine can run says what it is.
"target/$(uname -m)-unknown-linux-musl/release/stayput" --version
(cd "$out" && sha256sum --check --quiet SHA256SUMS)
echo "release: $(find "$out" -type f | wc -l) files in $out"
for file in "$out"/*; do printf '%10d  %s\n' "$(stat -c %s "$file")" "$(basename "$file")"; done
