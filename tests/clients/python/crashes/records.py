"""Records that come twice, late, in the wrong order or never, and records that others wrote."""

import json

from checks import check
from crashes.story import ONCE, TWICE, Story, check_all, eventually


def lambda_repeats_and_forgets(world):
    """Records of one call, more than one, in any order, or none."""
    gateway, stories = world.gateway, []

    def say(record, **changed):
        world.sqs.send_message(QueueUrl=world.callbacks, MessageBody=json.dumps({**record, **changed}))
        eventually(world.depth, 0)

    def called(name, tag, **how):
        status, call = world.call(tag, **how)
        check(f"{name}: accepted", status, 202)
        return call

    def told(tag):
        return world.receiver.posts[tag][0]["x-function-status"]

    name, tag = "a second record, and one of a failure, after the first", "repeated"
    call = called(name, tag)
    eventually(lambda: world.standing(call), "delivered")
    record = json.loads(world.deliverer.wire.records[call])
    failure = {"responseContext": {**record["responseContext"], "functionError": "Unhandled"},
               "responsePayload": {"errorType": "Oh", "errorMessage": "no"},
               "requestContext": {**record["requestContext"], "condition": "RetriesExhausted"}}
    say(record)
    say(record, **failure)
    stories.append(Story(world, name, tag, call, ONCE, "delivered"))

    name, tag = "a record of a failure, and then one of success", "first-wins"
    with gateway.wire.striking("invoke", "lose"):
        call = called(name, tag)
    own = {"requestPayload": gateway.wire.events[call]}
    say(record, **failure, **own)
    say(record, **own)
    stories.append(Story(world, name, tag, call, ONCE, "delivered"))
    check(f"{name}: the first counts", told(tag), "500")

    name, tag = "Lambda loses the event, and finds it again too late", "lost"
    with gateway.wire.striking("invoke", "lose"):
        call = called(name, tag)
    world.make_overdue(call)
    eventually(lambda: world.standing(call), "delivered")
    say(record, requestPayload=gateway.wire.events[call])
    stories.append(Story(world, name, tag, call, ONCE, "delivered"))
    check(f"{name}: told that no outcome came", told(tag), "502")

    name, tag = "SQS hands one message to two", "handed-twice"

    def meanwhile(_):
        world.give_back()
        eventually(lambda: len(world.receiver.posts[tag]), 2)

    world.receiver.instead[tag] = meanwhile
    # The first is cut off without an answer: a failure, while the second was taken.
    call = called(name, tag)
    stories.append(Story(world, name, tag, call, TWICE, "delivered"))

    for function, status in (("slow", "504"), ("closed", "503")):
        call = called(function, function, function=function, how=function)
        eventually(lambda: world.standing(call), "delivered")
        check(f"{function}: its caller is told", told(function), status)
        stories.append(Story(world, function, function, call, ONCE, "delivered"))
    check_all(world, stories)


def records_are_forged(world):
    """A record that somebody else wrote: a dead letter, and nothing is dialled."""
    before = sum(map(len, world.receiver.posts.values()))
    _, call = world.call("forged")
    eventually(lambda: world.standing(call), "delivered")
    record = json.loads(world.deliverer.wire.records[call])
    event = record["requestPayload"]
    context = event["requestContext"]
    ticket = context["stayput"]["ticket"]
    arn = record["requestContext"]["functionArn"]
    turned = ticket[:40] + ("A" if ticket[40] != "A" else "B") + ticket[41:]
    cases = {
        "the ticket was not sealed with any of this gateway's keys":
            {"requestPayload": {**event, "requestContext": {**context, "requestId": "1", "stayput": {"ticket": turned}}}},
        "the ticket is for another call": {"requestPayload": {**event, "requestContext": {**context, "requestId": "2"}}},
        "the ticket is for another function":
            {"requestPayload": {**event, "requestContext": {**context, "requestId": "3"}},
             "requestContext": {**record["requestContext"], "functionArn": arn.replace("works", "slow")}},
    }
    for number, (reason, changed) in enumerate(cases.items(), 1):
        world.sqs.send_message(QueueUrl=world.callbacks, MessageBody=json.dumps({**record, **changed}))
        check(f"forged: {reason}", eventually(lambda: world.buried(str(number)), [reason]), [reason])
    posts = sum(map(len, world.receiver.posts.values()))
    check("forged: nothing was posted but the call's own callback", posts - before, 1)
