#!/usr/bin/env bash
# The AWS command line deploys into the embedded Lambda: a function from its creation to its removal, with the official waiters.
set -u
. "$(dirname "$0")/checks.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AWS_PAGER=
lambda() { aws --endpoint-url "$STAYPUT_LAMBDA_URL" --output text lambda "$@" 2>&1; }
invoke() { lambda invoke --function-name "$1" --payload '{}' "$work/answer" >/dev/null; cat "$work/answer"; }
archive() { # WHAT IT SAYS, FILE
  printf 'def handler(event, context):\n    return ["%s", context.function_version]\n' "$1" >"$work/app.py"
  python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[2], "w").write(sys.argv[1], "app.py")' "$work/app.py" "$2"
}
archive one "$work/one.zip"
archive two "$work/two.zip"
lambda delete-function --function-name by-cli >/dev/null

created=$(lambda create-function --function-name by-cli --runtime python3.13 --handler app.handler \
  --role arn:aws:iam::000000000000:role/x --zip-file "fileb://$work/one.zip" --query '[FunctionName,PackageType]' | tr '\t' ' ')
check "create" "$created" "by-cli Zip"
check "wait until it is active" "$(lambda wait function-active-v2 --function-name by-cli)" ""
check "wait until it exists" "$(lambda wait function-exists --function-name by-cli)" ""
check "it runs" "$(invoke by-cli)" '["one", "$LATEST"]'
check "publish" "$(lambda publish-version --function-name by-cli --query Version)" 1
check "wait until the version is active" "$(lambda wait published-version-active --function-name by-cli --qualifier 1)" ""
check "an alias" "$(lambda create-alias --function-name by-cli --name live --function-version 1 --query Name)" live
updated=$(lambda update-function-code --function-name by-cli --zip-file "fileb://$work/two.zip" --publish --query Version)
check "update and publish" "$updated" 2
check "wait until it is updated" "$(lambda wait function-updated-v2 --function-name by-cli)" ""
for pair in 'by-cli ["two", "$LATEST"]' 'by-cli:1 ["one", "1"]' 'by-cli:2 ["two", "2"]' 'by-cli:live ["one", "1"]'; do
  check "invoke ${pair%% *}" "$(invoke "${pair%% *}")" "${pair#* }"
done
lambda update-alias --function-name by-cli --name live --function-version 2 >/dev/null
check "the alias moved" "$(invoke by-cli:live)" '["two", "2"]'
check "all versions" "$(lambda list-versions-by-function --function-name by-cli --query 'Versions[].Version' | tr '\t' ' ')" '$LATEST 1 2'
check "two at a time" "$(lambda list-versions-by-function --function-name by-cli --page-size 1 --query 'Versions[].Version' | tr '\n\t' '  ' | sed 's/ $//')" '$LATEST 1 2'
check "settings of the account" "$(lambda get-account-settings --query AccountLimit.CodeSizeUnzipped)" 262144000
check "no code signing" "$(lambda get-function-code-signing-config --function-name by-cli --query FunctionName)" by-cli
case "$(lambda create-function --function-name by-cli --runtime python3.13 --handler app.handler \
  --role arn:aws:iam::000000000000:role/x --zip-file "fileb://$work/one.zip")" in
*"(ResourceConflictException)"*"Function already exist: by-cli"*) check "twice" yes yes ;;
*) check "twice" no "a conflict" ;;
esac
lambda delete-function --function-name by-cli >/dev/null
case "$(lambda get-function --function-name by-cli)" in
*"(ResourceNotFoundException)"*) check "removed" yes yes ;;
*) check "removed" no yes ;;
esac
finish
