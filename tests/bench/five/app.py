"""A durable function of five steps that only return, with AWS's SDK."""

from aws_durable_execution_sdk_python import durable_execution


@durable_execution
def handler(event, context):
    return [context.step(lambda _, n=n: n, name=f"step-{n}") for n in range(5)]
