"""Crashes and outages at each step between a call and its callback in front of AWS: what the callers see, and what they get.

A step is a request of the program's to Lambda, SQS or DynamoDB (`crashes/wire.py` names them), or a callback. At it the program is
killed, before the request has gone on or after it was done and before its answer is back; or the service refuses, is silent, or does
it twice. Whoever saw 202 has a callback in the end, or a dead letter lies there; a callback comes twice only where it says so, and
then under the same id; nothing is left in the queue.

With words on the command line, only the parts of those names.
"""

import contextlib
import sys
import time

from checks import finish
from crashes.deliverer import deliverer_dies, key_is_rotated, receiver_is_silent, services_fail_the_deliverer, sweeper_dies
from crashes.gateway import (gateway_dies, gateway_dies_and_is_asked_again, gateway_without_a_table_dies, secret_cannot_be_read,
                             services_fail_the_gateway)
from crashes.records import lambda_repeats_and_forgets, records_are_forged
from crashes.story import check_that_all_is_told
from crashes.world import World


def nothing_dies(world):
    """What goes on while a receiver is waited for, which takes as long as all the rest of it."""
    receiver_is_silent(world, meanwhile)


def meanwhile(world):
    lambda_repeats_and_forgets(world)
    records_are_forged(world)


PARTS = [gateway_dies, gateway_dies_and_is_asked_again, services_fail_the_gateway, secret_cannot_be_read, deliverer_dies,
         services_fail_the_deliverer, sweeper_dies, key_is_rotated, gateway_without_a_table_dies, nothing_dies]


def main():
    with contextlib.ExitStack() as stack:
        world = World(stack)
        for part in PARTS:
            if sys.argv[1:] and part.__name__ not in sys.argv[1:]:
                continue
            began = time.monotonic()
            part(world)
            print(f"{part.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        check_that_all_is_told(world)
    finish()


if __name__ == "__main__":
    main()
