#!/usr/bin/env bash
# The AWS command line against the embedded Lambda.
set -u
. "$(dirname "$0")/checks.sh"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
export AWS_PAGER=
lambda() { aws --endpoint-url "$STAYPUT_LAMBDA_URL" lambda "$@"; }

status=$(lambda invoke --function-name echo --payload '{"a":1}' --query StatusCode "$out" 2>&1)
check "status" "$status" 200
check "payload" "$(cat "$out")" '{"a":1}'
tail=$(lambda invoke --function-name echo --log-type Tail --query LogResult --output text "$out" | base64 -d | head -c 5)
check "log tail" "$tail" START
failed=$(lambda invoke --function-name fail --query FunctionError --output text "$out")
check "function error" "$failed" Unhandled
check "dry run" "$(lambda invoke --function-name echo --invocation-type DryRun --query StatusCode "$out")" 204
missing=$(lambda invoke --function-name nobody "$out" 2>&1)
case "$missing" in
*"(ResourceNotFoundException)"*"Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:\$LATEST"*)
  check "unknown function" yes yes ;;
*) check "unknown function" "$missing" "Function not found: …" ;;
esac
finish
