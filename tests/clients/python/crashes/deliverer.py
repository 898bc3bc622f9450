"""The deliverer is killed, with its sweeper, or what it asks fails it."""

import time

from checks import check
from crashes.story import NEVER, ONCE, ONCE_OR_TWICE, TWICE, Story, check_all, eventually, tag_of
from crashes.wire import has_gone
from crashes.world import ATTEMPTS, Receiver

GONE = "the receiver is gone for good: 410"
SILENT_CALLS = 6
# Half of what one attempt may take.
SOON_SECONDS = 7


def deliverer_dies(world):
    deliverer = world.deliverer
    rows = [
        # what the receiver answers; step; how often it is posted; dead letters
        ("204", "receive", "after", ONCE, 0),
        ("204", "promise: look", "before", ONCE, 0),
        ("204", "promise: look", "after", ONCE, 0),
        ("204", "post", "after", TWICE, 0),
        ("204", "promise: delivered", "before", TWICE, 0),
        ("204", "promise: delivered", "after", ONCE, 0),
        ("204", "remove", "before", ONCE, 0),
        ("204", "remove", "after", ONCE, 0),
        ("503,204", "promise: delivering", "before", TWICE, 0),
        ("503,204", "promise: delivering", "after", TWICE, 0),
        ("503,204", "hide", "before", TWICE, 0),
        ("503,204", "hide", "after", TWICE, 0),
        ("410,410,410", "bury", "before", TWICE, 1),
        ("410,410,410", "bury", "after", TWICE, 2),
        ("410,410,410", "promise: dead", "before", TWICE, 2),
        ("410,410,410", "promise: dead", "after", ONCE, 1),
        ("410,410,410", "remove", "before", ONCE, 1),
        ("410,410,410", "remove", "after", ONCE, 1),
    ]
    for statuses, step, when, posts, letters in rows:
        name = f"the receiver says {statuses[:3]}, and the deliverer dies {when} {step!r}"
        tag = tag_of("deliverer", statuses[:3], step, when)
        if step == "post":
            fault = None
            world.receiver.instead[tag] = lambda _: deliverer.die()
        else:
            fault = deliverer.wire.strike(step, f"die {when}")
        status, call = world.call(tag, statuses=statuses)
        check(f"{name}: accepted", status, 202)
        if fault:
            fault.wait()
        eventually(lambda: deliverer.process.poll() is None, False)
        world.deliver_again()
        end = "dead" if letters else "delivered"
        # The next death must not meet this one.
        check_all(world, [Story(world, name, tag, call, posts, end, [GONE] * letters)])


def services_fail_the_deliverer(world):
    deliverer = world.deliverer
    rows = [
        # what the receiver answers; step; how often it is posted; dead letters
        ("204", "ask", "throttle", ONCE, 0),
        ("204", "promise: look", "refuse", ONCE, 0),
        ("204", "promise: delivered", "refuse", TWICE, 0),
        ("204", "remove", "refuse", ONCE, 0),
        ("410,410", "bury", "refuse", TWICE, 1),
        ("410,410", "promise: dead", "refuse", TWICE, 2),
    ]
    for statuses, step, what, posts, letters in rows:
        name, tag = f"{what!r} at {step!r}", tag_of("deliverer", step, what)
        fault = deliverer.wire.strike(step, what, ATTEMPTS)
        status, call = world.call(tag, statuses=statuses)
        check(f"{name}: accepted", status, 202)
        eventually(lambda: fault.left, 0)
        world.give_back()
        end = "dead" if letters else "delivered"
        check_all(world, [Story(world, name, tag, call, posts, end, [GONE] * letters)])


def sweeper_dies(world):
    """Of calls whose outcome never came: the function's answer is too large for a record, or Lambda has lost the event."""
    gateway, deliverer = world.gateway, world.deliverer
    rows = [
        ("overdue", "before", ONCE),
        ("overdue", "after", ONCE),
        ("report", "before", ONCE),
        ("report", "after", ONCE_OR_TWICE),
        ("promise: delivering", "before", ONCE_OR_TWICE),
        # The record may be delivered, and all of it die, before the sweeper has noted that it has sent one: then it sends another.
        ("promise: delivering", "after", ONCE_OR_TWICE),
    ]
    for step, when, posts in rows:
        name, tag = f"the sweeper dies {when} {step!r}", tag_of("sweeper", step, when)
        status, call = world.call(tag, how="large")
        check(f"{name}: accepted", status, 202)
        world.make_overdue(call)
        fault = deliverer.wire.strike(step, f"die {when}")
        fault.calls.discard(call)
        fault.wait()
        world.deliver_again()
        check_all(world, [Story(world, name, tag, call, posts, "delivered")])
    for when in ("before", "after"):
        name, tag = f"the sweeper dies {when} 'promise: forgotten'", tag_of("sweeper-forgets", when)
        with gateway.wire.striking("invoke", "hang before"):
            status, call = world.call(tag)
        fault = deliverer.wire.strike("promise: forgotten", f"die {when}")
        world.make_overdue(call)
        fault.wait()
        world.deliver_again()
        check_all(world, [Story(world, name, tag, call, NEVER, "forgotten")])
    check("what never came is told as such", {headers["x-function-status"] for tag, posts in world.receiver.posts.items()
                                             if tag.startswith("sweeper-") for headers in posts}, {"502"})


def key_is_rotated(world):
    old, new = world.key, "ab" * 32
    world.deliverer.die()
    status, call = world.call("rotated")
    check("the key is rotated: accepted before", status, 202)
    world.deliver_again(STAYPUT_GATEWAY_KEY=f"{new} {old}")
    check_all(world, [Story(world, "the key is rotated", "rotated", call, ONCE, "delivered")])
    world.deliverer.die()
    _, call = world.call("key-gone")
    world.deliver_again(STAYPUT_GATEWAY_KEY=new)
    reason = "the ticket was not sealed with any of this gateway's keys"
    check_all(world, [Story(world, "the key is gone", "key-gone", call, NEVER, "invoked", [reason])])
    world.deliver_again(STAYPUT_GATEWAY_KEY=old)


def receiver_is_silent(world, meanwhile):
    """One that takes connections and says nothing, until it is mended; with others it goes on."""
    good = world.receiver
    silent, calls = Receiver(good.secret), []
    world.receiver = silent
    for number in range(SILENT_CALLS):
        silent.instead[f"silent-{number}"] = say_nothing
        calls.append(world.call(f"silent-{number}")[1])
    check("a silent receiver: all are waited for", eventually(lambda: silent.instead, {}), {})
    world.receiver = good
    began = time.monotonic()
    _, call = world.call("beside-a-silent-one")
    eventually(lambda: world.standing(call), "delivered")
    check("a silent receiver: another has its callback soon", time.monotonic() - began < SOON_SECONDS, True)
    meanwhile(world)
    world.receiver = silent
    check_all(world, [Story(world, f"a silent receiver, call {number}", f"silent-{number}", call, TWICE, "delivered")
                      for number, call in enumerate(calls)])
    world.receiver = good


def say_nothing(post):
    while not has_gone(post.connection):
        time.sleep(0.1)
