#!/usr/bin/env bash
# curl reads streams through each dialect that passes them on, and from function URLs; Stedi's callers get them whole.
set -u
. "$(dirname "$0")/checks.sh"

key=$STAYPUT_DEV_KEY
template=tests/functions/streams.yaml
eywa() { # FUNCTION: where Eywa's callers find it
  "${STAYPUT_BIN:-target/debug/stayput}" routes --json --template "$template" --listen "${STAYPUT_URL#http://}" |
    python3 -c '
import json, sys
print(next(row["url"] for row in json.load(sys.stdin)
           if (row["dialect"], row["mode"], row["function"]) == ("eywa", "sync", sys.argv[1])))' "$1"
}
declare -A eywa_url
for function in ticker misbehave download; do eywa_url[$function]=$(eywa $function); done

# DIALECT FUNCTION QUERY [curl's options]: as its callers ask.
ask() {
  local dialect=$1 function=$2 query=$3
  shift 3
  case $dialect in
    altair) curl -sN -H "Authorization: Bearer $key" "$@" "$STAYPUT_URL/spaces/dev/functions/$function/invoke?$query" ;;
    eywa) curl -sN -H "X-Eywa-Token: $key" "$@" "${eywa_url[$function]%/}/?$query" ;;
    openfaas) curl -sN "$@" "$STAYPUT_URL/function/$function?$query" ;;
    url) curl -sN "$@" "$STAYPUT_LAMBDA_URL/lambda-url/$function/?$query" ;;
  esac
}

# Exit code, and how many events came.
ticks() {
  local events
  events=$(ask "$@")
  echo "$? $(grep -c '^data: ' <<<"$events")"
}

pattern() { python3 -c 'import sys; sys.stdout.buffer.write((bytes(range(251)) * (int(sys.argv[1]) // 251 + 1))[:int(sys.argv[1])])' "$1"; }
mib=1048576
whole=$(pattern $((100 * mib)) | sha256sum)
error='{"do":"fail","error":{"errorType":"BadLuck","errorMessage":"not today"}}'
fail=(-H 'Content-Type: application/json' -d "$error" -w ' %{http_code}')

for dialect in altair eywa openfaas url; do
  check "$dialect: a whole ticker" "$(ticks $dialect ticker 'count=3&every=1')" '0 4'
  head=$(ask $dialect ticker 'count=1' -o /dev/null -w '%{http_code} %{content_type} %header{transfer-encoding} %header{content-length}')
  check "$dialect: its head" "$head" '200 text/event-stream chunked '
  times=$(ask $dialect ticker 'count=3&every=150' -o /dev/null -w '%{time_starttransfer} %{time_total}')
  check "$dialect: the head comes first, the rest as it is made" "$(awk '{ print ($2 - $1 >= 0.25) }' <<<"$times")" 1
  check "$dialect: fails midway" "$(ticks $dialect ticker 'count=5&every=1&fail_after=2')" '18 2'
  check "$dialect: ends midway" "$(ticks $dialect ticker 'count=5&every=1&exit_after=2')" '18 2'
  check "$dialect: 100 MiB" "$(ask $dialect download bytes=$((100 * mib)) | sha256sum)" "$whole"
  check "$dialect: no bytes" "$(ask $dialect download bytes=0 -w '%{http_code} %{size_download}'; echo " $?")" '200 0 0'
done
# In HTTP/1.0 the connection's end is the answer's: a broken one has to look different, or is not begun.
for dialect in altair eywa openfaas; do
  check "$dialect: HTTP/1.0, whole" "$(ticks $dialect ticker 'count=3&every=1' --http1.0)" '0 4'
  check "$dialect: HTTP/1.0, fails midway" "$(ticks $dialect ticker 'count=5&every=1&fail_after=2' --http1.0)" '56 2'
done
check "url: HTTP/1.0 is refused" "$(ask url ticker 'count=3' --http1.0 -o /dev/null -w '%{http_code}')" 505

check "altair: fails before its first byte" "$(ask altair misbehave '' "${fail[@]}"; echo " $?")" \
  '{"error":{"status":500,"message":"BadLuck: not today","details":{"exception_info":"not today","exception_type":"BadLuck"}}} 500 0'
check "eywa: fails before its first byte" "$(ask eywa misbehave '' "${fail[@]}"; echo " $?")" 'not today 500 0'
check "openfaas: fails before its first byte" "$(ask openfaas misbehave '' "${fail[@]}"; echo " $?")" 'not today 500 0'
check "url: fails before its first byte" "$(ask url misbehave '' "${fail[@]}"; echo " $?")" 'Internal Server Error 502 0'

# A function's URL by the host that is its own, which curl looks for on this machine.
id=$(python3 -c 'import base64, hashlib; print(base64.b32encode(hashlib.sha256(b"ticker").digest()).decode()[:32].lower())')
host="http://$id.lambda-url.localhost:${STAYPUT_LAMBDA_URL##*:}"
check "url by host: a whole ticker" "$(curl -sN "$host/any/path?count=3&every=1" | grep -c '^data: ')" 4

# The bare HTTP event: what answers it says its head in front of eight NULs, which Stedi's callers get as they are.
stedi() { # QUERY
  python3 -c '
import json, sys
print(json.dumps({**json.load(open("tests/clients/http_event.json")), "rawQueryString": sys.argv[1]}))' "$1" |
    curl -sN -D "$heads" -H "Authorization: Key $key" -d @- "$STAYPUT_URL/2021-11-16/functions/ticker/invocations"
  local code=$?
  [ $code = 0 ] || echo "curl: $code"
}
heads=$(mktemp)
answer=$(stedi 'count=3&every=1' | base64 -d | tr '\0' '|')
check "stedi: head and NULs are in the answer" "$(grep -o '^{"statusCode":200,.*}||||||||id: 1' <<<"$answer" | wc -l)" 1
check "stedi: a whole ticker, as base64" "$(grep -c '^data: ' <<<"$answer")" 4
check "stedi: whole" "$(grep -ci '^content-length: [1-9]' "$heads")" 1
answer=$(stedi 'count=5&every=1&fail_after=2' | base64 -d)
check "stedi: fails midway" "$answer" '{"errorType":"TickerStopped","errorMessage":"stopped as asked, after 2 ticks"}'
check "stedi: and its header says so" "$(tr -d '\r' <"$heads" | sed -n 's/^x-stedi-invocationerror: //Ip')" Unhandled
rm "$heads"
finish
