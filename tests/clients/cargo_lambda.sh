#!/usr/bin/env bash
# `cargo lambda invoke`: as it is (port 9000 on ::1, no signature), and as an SDK client with --remote.
set -u
. "$(dirname "$0")/checks.sh"
check "default" "$(cargo lambda invoke echo --data-ascii '{"a":1}' 2>&1)" '{"a":1}'
remote() { cargo lambda invoke --remote --endpoint-url "$STAYPUT_LAMBDA_URL" --region us-east-1 "$@" 2>&1; }
check "remote" "$(remote echo --data-ascii '{"a":1}')" '{"a":1}'
remote fail --data-ascii '{}' >/dev/null
check "remote sees a function error" "$?" 1
cargo lambda invoke nobody --data-ascii '{}' >/dev/null 2>&1
check "unknown function" "$?" 1
finish
