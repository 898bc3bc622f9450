"""boto3 against `stayput lambda --require-signatures`: who signs rightly is answered, and nobody else."""

import json
import os

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import check, finish

ARN = "arn:aws:lambda:us-east-1:000000000000:function:echo"


def client(signature_version="v4", **credentials):
    """With the right access key, which is in the environment, where `credentials` do not say otherwise."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60, signature_version=signature_version)
    return boto3.client("lambda", endpoint_url=os.environ["STAYPUT_STRICT_LAMBDA_URL"], config=config, **credentials)


def error_of(lambda_client, name="echo"):
    try:
        lambda_client.invoke(FunctionName=name, Payload=b"{}")
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "no error", 0


right = client()
for name in ("echo", ARN, f"{ARN}:$LATEST"):
    answer = right.invoke(FunctionName=name, Payload=b'{"a":1}')
    check(f"right key, named {name}", json.loads(answer["Payload"].read()), {"a": 1})
check("right key with a qualifier", right.invoke(FunctionName="echo", Qualifier="$LATEST", Payload=b"7")["Payload"].read(),
      b"7")
check("right key, no payload", right.invoke(FunctionName="echo")["Payload"].read(), b"{}")
big = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
check("right key, six mebibytes", right.invoke(FunctionName="echo", Payload=big)["Payload"].read() == big, True)
check("right key, unknown function", error_of(right, "nobody"), ("ResourceNotFoundException", 404))

key_id = os.environ["AWS_ACCESS_KEY_ID"]
secret = os.environ["AWS_SECRET_ACCESS_KEY"]
wrong_secret = client(aws_access_key_id=key_id, aws_secret_access_key=secret + "x")
check("wrong secret", error_of(wrong_secret), ("InvalidSignatureException", 403))
check("wrong secret, unknown function", error_of(wrong_secret, "nobody"), ("InvalidSignatureException", 403))
check("unknown key", error_of(client(aws_access_key_id="AKIDOTHER", aws_secret_access_key=secret)),
      ("UnrecognizedClientException", 403))
check("a token that was not given", error_of(client(aws_access_key_id=key_id, aws_secret_access_key=secret,
                                                    aws_session_token="token")),
      ("UnrecognizedClientException", 403))
check("wrong region", error_of(client(region_name="eu-west-1")), ("InvalidSignatureException", 403))
check("no signature", error_of(client(signature_version=UNSIGNED)), ("MissingAuthenticationTokenException", 403))
finish()
