#!/bin/sh
# `stayput serve` as a contender of a side-by-side benchmark: contender.sh PORT UPSTREAM.
# Callers speak Stedi's dialect with the key `benchkey`, and those of streams Altair's (/spaces/bench/functions/NAME/invoke);
# calls go to http://UPSTREAM, signed as AKIDEXAMPLE.
# STAYPUT: the program (default: the release build). WORKERS: threads (default: one a core it may use).
set -eu
port=$1 upstream=$2
here=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
{
  for name in b100 b10k b1m p100 p10k p1m v1 err log d50; do
    printf '[[function]]\nlambda = "%s"\nstedi = "%s"\n\n' "$name" "$name"
  done
  for name in s100x64 s1x64 s600x64; do
    printf '[[function]]\nlambda = "%s"\naltair = "bench/%s"\nstream = true\n\n' "$name" "$name"
  done
  printf '[[key]]\nlabel = "bench"\nsha256 = "%s"\ndialects = ["stedi", "altair"]\nrights = ["invoke", "logs"]\n' \
    "$(printf benchkey | sha256sum | cut -d ' ' -f 1)"
} >"$dir/stayput.toml"
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_REGION=us-east-1
export AWS_ENDPOINT_URL_LAMBDA="http://$upstream"
exec "${STAYPUT:-$here/target/release/stayput}" serve --config "$dir/stayput.toml" --listen "127.0.0.1:$port" \
  --admin-listen 127.0.0.1:0 --data-dir "$dir"
