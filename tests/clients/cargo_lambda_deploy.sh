#!/usr/bin/env bash
# `cargo lambda deploy` into the embedded Lambda: create and update, with and without a role, with all that it sets besides.
set -u
. "$(dirname "$0")/checks.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AWS_PAGER=
# What is deployed is what `dev` has built.
echo=target/debug/echo hello=target/debug/hello
role=arn:aws:iam::000000000000:role/x
deploy() { cargo lambda deploy --endpoint-url "$STAYPUT_LAMBDA_URL" --region us-east-1 "$@" 2>&1; }
remote() { cargo lambda invoke --remote --endpoint-url "$STAYPUT_LAMBDA_URL" --region us-east-1 "$@" 2>&1; }
lambda() { aws --endpoint-url "$STAYPUT_LAMBDA_URL" --output text lambda "$@" 2>&1; }
worked() { if [ "$2" = 0 ]; then check "$1" yes yes; else check "$1" "$(tail -3 "$work/out" | tr '\n' ' ')" "exit code 0"; fi; }
# Of an earlier run that was ended.
lambda delete-function --function-name deployed >/dev/null
lambda delete-function --function-name roleless >/dev/null

deploy deployed --binary-path "$echo" --role "$role" --alias live --env-var GREETING=one --tag team=a \
  --enable-function-url --timeout 20 --memory 256 >"$work/out"
worked "create" $?
check "it runs" "$(remote deployed --data-ascii '{"a":1}')" '{"a":1}'
check "by its alias" "$(remote deployed --alias live --data-ascii '{"a":2}')" '{"a":2}'
check "the alias's version" "$(lambda get-alias --function-name deployed --name live --query FunctionVersion)" 1
check "timeout and memory" "$(lambda get-function-configuration --function-name deployed --query '[Timeout,MemorySize]' | tr '\t' ' ')" "20 256"
check "variables" "$(lambda get-function-configuration --function-name deployed --query Environment.Variables.GREETING)" one
check "tags" "$(lambda get-function --function-name deployed --query Tags.team)" a
url=$(lambda get-function-url-config --function-name deployed --qualifier live --query FunctionUrl)
case "$url" in http*) ;; *) url=$(lambda get-function-url-config --function-name deployed --query FunctionUrl) ;; esac
check "by its URL" "$(curl -sS -o /dev/null -w '%{http_code}' -H 'content-type: application/json' -d '{}' "$url")" 200
check "the URL's permissions" "$(lambda get-policy --function-name deployed --qualifier live --query Policy | grep -o lambda:Invoke[A-Za-z]* | sort -u | head -1)" lambda:InvokeFunction

deploy deployed --binary-path "$hello" --role "$role" --alias live --env-var GREETING=two --merge-env --env-var MORE=1 \
  --tag team=b --enable-function-url --timeout 20 --memory 256 >"$work/out"
worked "update" $?
check "the alias moved on" "$(lambda get-alias --function-name deployed --name live --query FunctionVersion)" 2
check "changed variables" "$(lambda get-function-configuration --function-name deployed --query 'Environment.Variables.[GREETING,MORE]' | tr '\t' ' ')" "two 1"
check "changed tags" "$(lambda get-function --function-name deployed --query Tags.team)" b
check "the first version is what it was" "$(remote deployed --alias 1 --data-ascii '{"a":3}')" '{"a":3}'
remote deployed --data-ascii '{"a":3}' >/dev/null
check "and the new one is another" "$?" 1

deploy roleless --binary-path "$echo" >"$work/out"
worked "create without a role" $?
check "it runs, too" "$(remote roleless --data-ascii '{"a":4}')" '{"a":4}'
check "the role that was made for it" "$(lambda get-function-configuration --function-name roleless --query Role | cut -c1-49)" "arn:aws:iam::000000000000:role/cargo-lambda-role-"
deploy roleless --binary-path "$echo" --description "said of it" --log-retention 7 >"$work/out"
worked "update with a description and a retention" $?
check "the description" "$(lambda list-versions-by-function --function-name roleless --query 'Versions[-1].Description')" "said of it"
check "removed" "$(lambda delete-function --function-name deployed; lambda delete-function --function-name roleless)" $'204\n204'
remote deployed --data-ascii '{}' >/dev/null
check "and gone" "$?" 1
finish
