"""A stream of InvokeWithResponseStream, read event by event: what is compared of it, and never the whole of it kept."""

import json
import pathlib
import time

EVENT = json.loads((pathlib.Path(__file__).resolve().parent.parent / "http_event.json").read_text())
HEAD_END = b"\0" * 8
MIB = 1024 * 1024

PERIOD = 251
# Long enough that a piece of any length is found in it, from any offset.
PATTERN = memoryview(bytes(range(PERIOD)) * (MIB // PERIOD + 2))


def get(query):
    """The event of `GET /?query`, as function URLs send it."""
    return {**EVENT, "rawQueryString": query}


class Pattern:
    """Counts bytes, and looks whether the one at offset `n` is `n` modulo 251."""

    def __init__(self):
        self.bytes = 0
        self.in_order = True

    def take(self, piece):
        for start in range(0, len(piece), MIB):
            part = memoryview(piece)[start:start + MIB]
            first = self.bytes % PERIOD
            self.in_order &= PATTERN[first:first + len(part)] == part
            self.bytes += len(part)


class Text:
    """Keeps it all, and when each piece came: for short ones."""

    def __init__(self):
        self.pieces = []
        self.times = []

    def take(self, piece):
        self.pieces.append(piece)
        self.times.append(time.monotonic())

    @property
    def text(self):
        return b"".join(self.pieces).decode()


def read(events, into, has_head=False):
    """Hands payload to `into`; `has_head`: what is behind the eight NULs. Returns all the ends, and what came behind one."""
    ends, behind, head = [], 0, b""
    for event in events:
        behind += len(ends)
        if "InvokeComplete" in event:
            ends.append(event["InvokeComplete"])
            continue
        piece = event["PayloadChunk"]["Payload"]
        if has_head:
            head += piece
            _, nuls, piece = head.partition(HEAD_END)
            has_head = not nuls
        if piece:
            into.take(piece)
    return ends, behind
