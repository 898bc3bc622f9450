#!/usr/bin/env bash
# The curl lines that the platforms' documents print, with their hosts and keys replaced and nothing else.
set -u
. "$(dirname "$0")/checks.sh"

STEDI_API_KEY=$STAYPUT_DEV_KEY
stedi="$STAYPUT_URL/2021-11-16/functions/echo/invocations"
check "stedi: answer is base64" \
  "$(curl --request POST --header "Authorization: Key ${STEDI_API_KEY}" --data '{"message":"Hello, world!"}' --silent "$stedi" | base64 -d)" \
  '{"message":"Hello, world!"}'
check "stedi: octet-stream is raw" \
  "$(curl -s -X POST -H "Authorization: Key ${STEDI_API_KEY}" -H 'Accept: application/octet-stream' -d '{"a":1}' "$stedi")" '{"a":1}'
check "stedi: trailing slash" \
  "$(curl -s --location --request POST -H "Authorization: Key ${STEDI_API_KEY}" --data '{}' "$stedi/" | base64 -d)" '{}'
logs=$(curl -s -o /dev/null -D - -X POST -H "Authorization: Key ${STEDI_API_KEY}" -d '{}' "$stedi" |
  tr -d '\r' | sed -n 's/^x-stedi-invocationlogs: //Ip' | base64 -d | head -c 5)
check "stedi: log header" "$logs" START
check "stedi: no key" "$(curl -s -o /dev/null -w '%{http_code} %header{x-amzn-errortype}' -X POST -d '{}' "$stedi")" \
  '401 UnauthorizedException'

too_large() { head -c 7340032 /dev/zero | tr '\0' 1 | curl -s -o /dev/null -w '%{http_code} %{errormsg}' -X POST \
  -H "Authorization: Key ${STEDI_API_KEY}" "$@" "$stedi"; }
check "stedi: too large" "$(too_large --data-binary @-)" '413 '
check "stedi: too large, not asking first" "$(too_large -H 'Expect:' --data-binary @-)" '413 '
check "stedi: too large, in chunks" "$(too_large -T - -H 'Expect:')" '413 '

altair="$STAYPUT_URL/spaces/dev/functions/stock/invoke"
answer=$(curl -s -H "Authorization: Bearer $STAYPUT_DEV_KEY" "$altair/stock/market/today?company=Google")
case "$answer" in *Google*) check "altair: path and query" yes yes ;; *) check "altair: path and query" "$answer" "…Google…" ;; esac

eywa=$(curl -s -o /dev/null -w '%{http_code}' "$STAYPUT_URL/eywa/api/functions/sync/a72edb6d-ee2b-5b91-9fa2-bd173c1eb269/")
check "eywa: no token" "$eywa" 401
id=$("${STAYPUT_BIN:-target/debug/stayput}" routes --json | python3 -c '
import json, re, sys
print(re.search(r"/eywa/api/functions/sync/([0-9a-f-]{36})", [
    json.dumps(row) for row in json.load(sys.stdin)
    if "eywa" in json.dumps(row) and "hello" in json.dumps(row)][0]).group(1))')
sync="$STAYPUT_URL/eywa/api/functions/sync/$id"
check "eywa: get" "$(curl -s -o /dev/null -w '%{http_code}' "$sync/" -H "X-Eywa-Token: $STAYPUT_DEV_KEY")" 200
check "eywa: path" "$(curl -s -o /dev/null -w '%{http_code}' "$sync/some/path/my/function/can/handle" -H "X-Eywa-Token: $STAYPUT_DEV_KEY")" 200
check "eywa: query" "$(curl -s -o /dev/null -w '%{http_code}' "$sync/foo?bar=baz&baz=foo" -H "X-Eywa-Token: $STAYPUT_DEV_KEY")" 200
check "eywa: post" "$(curl -s -o /dev/null -w '%{http_code}' "$sync/" -H "X-Eywa-Token: $STAYPUT_DEV_KEY" \
  -d '{"key1": "value1", "key2": "value2"}' -X POST)" 200
kept=$(curl -s -o /dev/null -D - "$sync/" -H "X-Eywa-Token: $STAYPUT_DEV_KEY" -H 'X-Request-Id: mine' | tr -d '\r' |
  sed -n 's/^x-request-id: //Ip')
check "eywa: request id is kept" "$kept" mine

check "openfaas: invoke" "$(curl -s -o /dev/null -w '%{http_code}' "$STAYPUT_URL/function/hello" -d 'world')" 200
check "openfaas: unknown" "$(curl -s -o /dev/null -w '%{http_code}' "$STAYPUT_URL/function/nobody" -d '')" 404
finish
