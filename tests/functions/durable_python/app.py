"""What durable functions are written for, each in a few lines with AWS's SDK: the event's `shape` says which one runs.

`handler` is durable; `plain` is a function as any other, for `handler` to invoke. ../durable_node/app.mjs has the same ones.
"""

import os
import pathlib
import signal
import time

from aws_durable_execution_sdk_python import (
    CallbackExternalError,
    CallbackTimeoutError,
    ChildContextError,
    InvokeError,
    StepError,
    durable_execution,
)
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    CompletionConfig,
    Duration,
    JitterStrategy,
    MapConfig,
    ParallelConfig,
    StepConfig,
    StepSemantics,
)
from aws_durable_execution_sdk_python.retries import RetryDecision, RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

SECOND = Duration.from_seconds(1)
ONCE = StepConfig(retry_strategy=lambda error, attempt: RetryDecision.no_retry())


class OutOfStock(Exception):
    pass


def fail(_):
    raise OutOfStock("none left")


def step(event, context):
    return context.step(lambda _: event["number"] * 2, name="double")


def steps(event, context):
    """Values of every sort, and a result that is built from what was recorded."""
    values = [context.step(lambda _, value=value: value, name=f"value-{at}") for at, value in enumerate(event["values"])]
    context.wait(SECOND, name="pause")
    return values


def wait(_, context):
    context.wait(SECOND, name="pause")
    return "awake"


def retry(_, context):
    def flaky(step):
        if step.attempt < 3:
            raise OutOfStock(f"attempt {step.attempt}")
        return step.attempt

    delays = RetryStrategyConfig(initial_delay=SECOND, backoff_rate=1, jitter_strategy=JitterStrategy.NONE)
    return context.step(flaky, name="flaky", config=StepConfig(retry_strategy=create_retry_strategy(delays)))


def exhausted(_, context):
    def twice(error, attempt):
        return RetryDecision.retry(SECOND) if attempt < 2 else RetryDecision.no_retry()

    try:
        context.step(fail, name="in-vain", config=StepConfig(retry_strategy=twice))
    except StepError as error:
        return {"type": error.error_type, "message": error.message}


def callback(event, context):
    seconds = {key: Duration.from_seconds(event[key]) for key in ("timeout", "heartbeat_timeout") if key in event}
    pending = context.create_callback(name="approval", config=CallbackConfig(**seconds))
    try:
        return {"got": pending.result()}
    except CallbackExternalError as error:
        return {"failed": error.message}
    except CallbackTimeoutError:
        return {"late": True}


def wait_for_callback(event, context):
    """Whoever is to call back is told by a file."""
    told = context.wait_for_callback(lambda id, _: pathlib.Path(event["file"]).write_text(id) and None, name="approval")
    return {"got": told}


def child(event, context):
    def order(inner):
        price = inner.step(lambda _: 20, name="price")
        inner.wait(SECOND, name="pause")
        return inner.step(lambda _: price * event["count"], name="total")

    return context.run_in_child_context(order, name="order")


def child_fails(_, context):
    try:
        context.run_in_child_context(lambda inner: inner.step(fail, name="take", config=ONCE), name="order")
    except ChildContextError as error:
        return {"message": error.message}


def parallel(_, context):
    def branch(seconds):
        def run(inner):
            inner.wait(Duration.from_seconds(seconds), name=f"pause-{seconds}")
            return inner.step(lambda _: seconds, name=f"done-{seconds}")

        return run

    return context.parallel([branch(2), branch(1), lambda inner: 0], name="together").get_results()


def first(_, context):
    """Whoever is first ends it; what the other waits for stays behind."""
    def branch(seconds):
        def run(inner):
            inner.wait(Duration.from_seconds(seconds), name=f"pause-{seconds}")
            return seconds

        return run

    any_one = ParallelConfig(completion_config=CompletionConfig(min_successful=1))
    results = context.parallel([branch(100), branch(1)], name="race", config=any_one).get_results()
    context.wait(SECOND, name="pause")
    return results


def map_each(event, context):
    def square(inner, number, index, _):
        return inner.step(lambda _: number * number, name=f"square-{index}")

    return context.map(event["numbers"], square, name="squares", config=MapConfig(max_concurrency=2)).get_results()


def map_fails(event, context):
    def odd_only(inner, number, *_):
        return inner.step(fail if number % 2 == 0 else (lambda _: number), name="odd", config=ONCE)

    done = context.map(event["numbers"], odd_only, name="odds",
                       config=MapConfig(completion_config=CompletionConfig.all_completed()))
    return {"results": done.get_results(), "failed": done.failure_count}


def invoke(event, context):
    try:
        return {"got": context.invoke(event["target"], event["payload"], name="other")}
    except InvokeError as error:
        return {"type": error.error_type, "message": error.message}


def fan_out(event, context):
    def other(inner, number, *_):
        return inner.invoke(event["target"], {"shape": "step", "number": number}, name="other")

    return context.map(event["numbers"], other, name="others").get_results()


def condition(event, context):
    def reached(state, _):
        return WaitForConditionDecision.stop_polling() if state >= event["until"] \
            else WaitForConditionDecision.continue_waiting(SECOND)

    config = WaitForConditionConfig(wait_strategy=reached, initial_state=0)
    return context.wait_for_condition(lambda state, _: state + 1, config, name="counted")


def killed(event, context):
    """The first process that comes to the second step kills itself within it."""
    first = context.step(lambda _: os.getpid(), name="first")
    second = context.step(lambda _: die_once(event["file"]), name="second")
    return {"another": first != second}


def killed_at_most_once(event, context):
    """Likewise, in a step that must not run twice for one attempt."""
    again = StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
                       retry_strategy=lambda error, attempt: RetryDecision.no_retry())
    try:
        context.step(lambda _: die_once(event["file"]), name="once", config=again)
    except StepError:
        return {"interrupted": True}


def slow(event, context):
    """A step that takes a while the first time."""
    return {"done": context.step(lambda _: slow_once(event["file"]), name="slow")}


def die_once(file):
    path = pathlib.Path(file)
    if not path.exists():
        path.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def slow_once(file):
    path = pathlib.Path(file)
    if not path.exists():
        path.write_text("")
        time.sleep(30)
    return True


def large(event, context):
    """Many operations, each with a result, so that the state does not come in one piece."""
    lengths = [len(context.step(lambda _, at=at: "x" * event["bytes"], name=f"part-{at}")) for at in range(event["parts"])]
    context.wait(SECOND, name="pause")
    return sum(lengths)


def large_child(event, context):
    """A child context whose result is too large to be recorded: what it did is looked at again."""
    def parts(inner):
        return [inner.step(lambda _: "x" * event["bytes"], name=f"part-{at}") for at in range(event["parts"])]

    done = context.run_in_child_context(parts, name="parts")
    context.wait(SECOND, name="pause")
    return sum(map(len, done))


def large_result(event, _):
    return "x" * event["bytes"]


def unhandled(_, context):
    context.step(lambda _: 1, name="before")
    raise OutOfStock("nobody catches this")


SHAPES = {shape.__name__: shape for shape in (
    step, steps, wait, retry, exhausted, callback, wait_for_callback, child, child_fails, parallel, first, map_each, map_fails, invoke,
    fan_out, condition, killed, killed_at_most_once, slow, large, large_child, large_result, unhandled)}


@durable_execution
def handler(event, context):
    return SHAPES[event["shape"]](event, context)


def plain(event, _):
    if event.get("fail"):
        raise OutOfStock("plainly")
    if "file" in event:
        slow_once(event["file"])
    return {"plain": event["number"]}
