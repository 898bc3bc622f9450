"""The gateway is killed, or what it asks fails it."""

from checks import check
from crashes.story import NEVER, ONCE, ONCE_OR_TWICE, TWICE, Story, check_all, eventually, tag_of
from crashes.world import ATTEMPTS, Program

FOREVER = 10 ** 6


def gateway_dies(world):
    gateway, stories = world.gateway, []
    rows = [
        ("promise: accepted", "before", "forgotten"),
        ("promise: accepted", "after", "forgotten"),
        ("invoke", "before", "forgotten"),
        ("invoke", "after", "delivered"),
        ("promise: invoked", "before", "delivered"),
        ("promise: invoked", "after", "delivered"),
    ]
    for step, when, end in rows:
        name, tag = f"the gateway dies {when} {step!r}", tag_of("gateway", step, when)
        fault = gateway.wire.strike(step, f"die {when}")
        status, _ = world.call(tag)
        fault.wait()
        gateway.again()
        call = gateway.wire.calls[-1]
        check(f"{name}: no 202, and Lambda was asked", (status, gateway.wire.count("invoke", call)),
              (None, 0 if "accepted" in step else 1))
        if end == "forgotten" and world.standing(call) == "accepted":
            world.make_overdue(call)
        stories.append(Story(world, name, tag, call, ONCE if end == "delivered" else NEVER, end))
    status, call = world.call("after-202")
    gateway.again()
    check("the gateway dies after its 202: accepted", status, 202)
    stories.append(Story(world, "the gateway dies after its 202", "after-202", call, ONCE, "delivered"))
    check_all(world, stories)


def gateway_dies_and_is_asked_again(world):
    """With an `Idempotency-Key`: whoever saw no answer asks again, and has one call."""
    gateway, stories = world.gateway, []
    rows = [
        ("request: reserved", "before"),
        ("request: reserved", "after"),
        ("promise: accepted", "after"),
        ("invoke", "after"),
        ("promise: invoked", "after"),
        ("request: made", "before"),
        ("request: made", "after"),
    ]
    for step, when in rows:
        name, tag = f"the gateway dies {when} {step!r}, and is asked again", tag_of("again", step, when)
        fault = gateway.wire.strike(step, f"die {when}")
        status, _ = world.call(tag, once=tag)
        fault.wait()
        gateway.again()
        first = gateway.wire.calls[-1] if step.startswith(("promise", "invoke")) else None
        if (step, when) == ("request: reserved", "after"):
            check(f"{name}: not while another may be at it", world.call(tag, once=tag)[0], 409)
        world.end_reservations()
        again, call = world.call(tag, once=tag)
        check(f"{name}: then accepted, as the same call", (status, again, first in (None, call)), (None, 202, True))
        # Lambda may have it twice, and runs it twice then.
        stories.append(Story(world, name, tag, call, ONCE_OR_TWICE, "delivered"))
    # The word that Lambda has it is not written: an error. Lambda loses it besides; whoever asks again is not told 202 for nothing.
    name, tag = "the ledger refuses 'promise: invoked', and the gateway is asked again", "again-refused"
    lost = gateway.wire.strike("invoke", "lose", times=2)
    with gateway.wire.striking("promise: invoked", "refuse", times=ATTEMPTS):
        status, _ = world.call(tag, once=tag)
    world.end_reservations()
    # The second time it is the same call.
    lost.calls.clear()
    again, call = world.call(tag, once=tag)
    check(f"{name}: then accepted", (status, again), (500, 202))
    lost.left = 0
    world.make_overdue(call)
    stories.append(Story(world, name, tag, call, ONCE, "delivered"))
    check_all(world, stories)


def services_fail_the_gateway(world):
    gateway, stories = world.gateway, []
    gateway.again()
    rows = [
        # step, what, how often; the caller's answer, in OpenFaaS' words; how often Lambda was asked; posts; end
        ("destinations", "refuse", 1, 202, 1, ONCE, "delivered"),
        ("promise: accepted", "refuse", FOREVER, 500, 0, NEVER, "forgotten"),
        ("promise: accepted", "throttle", FOREVER, 500, 0, NEVER, "forgotten"),
        ("promise: accepted", "throttle", 1, 202, 1, ONCE, "delivered"),
        ("promise: accepted", "hang before", 1, 202, 1, ONCE, "delivered"),
        ("promise: accepted", "cut after", 1, 202, 1, ONCE, "delivered"),
        ("invoke", "refuse", FOREVER, 500, 1, NEVER, "forgotten"),
        ("invoke", "throttle", FOREVER, 429, 1, NEVER, "forgotten"),
        ("invoke", "hang after", FOREVER, 504, 1, ONCE, "delivered"),
        ("invoke", "hang before", FOREVER, 504, 1, NEVER, "forgotten"),
        ("invoke", "cut after", FOREVER, 502, 1, ONCE, "delivered"),
        ("invoke", "twice", 1, 202, 1, ONCE_OR_TWICE, "delivered"),
        ("promise: invoked", "refuse", FOREVER, 500, 1, ONCE, "delivered"),
        ("promise: invoked", "cut after", 1, 202, 1, ONCE, "delivered"),
    ]
    for step, what, times, expected, asked, posts, end in rows:
        often = "always" if times == FOREVER else "once"
        name, tag = f"{what!r} at {step!r}, {often}", tag_of(step, what, often)
        with gateway.wire.striking(step, what, times):
            status, call = world.call(tag)
        check(f"{name}: what the caller sees, and Lambda was asked", (status, gateway.wire.count("invoke", call)),
              (expected, asked))
        if end == "forgotten" and world.standing(call) == "accepted":
            world.make_overdue(call)
        stories.append(Story(world, name, tag, call, posts, end))
    before = gateway.wire.count("invoke")
    with gateway.wire.striking("promise: accepted", "refuse"):
        status, _ = world.call("altair", dialect="altair")
    check("the ledger refuses, in Altair's words", (status, gateway.wire.count("invoke") - before), (503, 0))
    check_all(world, stories)


def secret_cannot_be_read(world):
    """The gateway as a function, which has its key from Secrets Manager."""
    with world.function.striking("GetSecretValue", "refuse"):
        status, _ = world.call("no-key", at=world.functions)
    check("the key cannot be read: no 202, and Lambda was not asked",
          (status, world.function.count("GetSecretValue") > 0, world.function.count("invoke")), (502, True, 0))
    status, call = world.call("key-again", at=world.functions)
    check("the key can be read again: accepted", status, 202)
    check_all(world, [Story(world, "the key can be read again", "key-again", call, ONCE, "delivered")])


def gateway_without_a_table_dies(world):
    """It remembers on its own machine, and delivers itself; what it asks of its own disk is no step here."""
    world.deliverer.die()
    gateway = Program(["serve", "--config", "serve.toml", "--data-dir", "alone"], world.endpoint)
    world.start(gateway, STAYPUT_AWS_LEDGER="")
    rows = [("invoke", "after", ONCE), ("receive", "after", ONCE), ("post", "after", TWICE),
            ("remove", "before", ONCE), ("remove", "after", ONCE)]
    for step, when, posts in rows:
        name, tag = f"without a table, and the gateway dies {when} {step!r}", tag_of("alone", step, when)
        if step == "post":
            world.receiver.instead[tag] = lambda _: gateway.die()
        else:
            gateway.wire.strike(step, f"die {when}")
        world.call(tag, gateway=gateway)
        check(f"{name}: it did", eventually(lambda: gateway.process.poll() is None, False), False)
        gateway.again()
        world.give_back(gateway)
        check_all(world, [Story(world, name, tag, gateway.wire.calls[-1], posts, None)])
    gateway.die()
    world.deliver_again()
