"""One call, and how it must end."""

import time

from checks import check

EVENTUALLY_SECONDS = 60

# How often a callback may be posted.
NEVER, ONCE, TWICE, ONCE_OR_TWICE = (0,), (1,), (2,), (1, 2)


class Story:
    """`standing`: how its promise stands then; `None`, where that is not to be seen. `letters`: reasons of its dead letters."""

    told = []

    def __init__(self, world, name, tag, call, posts, standing, letters=()):
        self.world, self.name, self.tag, self.call = world, name, tag, call
        self.posts, self.standing, self.letters = posts, standing, list(letters)
        self.receiver, self.posted = world.receiver, 0

    def ids(self):
        """The `webhook-id`s of its posts."""
        return [headers["webhook-id"] for headers in self.receiver.posts[self.tag]]

    def check(self):
        """A callback came as often as it may, each time under the call's own id, and the promise stands as it should."""
        world = self.world
        expected = (True, {self.call} if max(self.posts) else set(), self.standing, self.letters)

        def seen():
            ids = self.ids()
            standing = self.standing and world.standing(self.call)
            return len(ids) in self.posts, set(ids), standing, world.buried(self.call)

        check(f"{self.name}: the end of it", eventually(seen, expected), expected)
        self.posted = len(self.ids())
        Story.told.append(self)


def check_all(world, stories):
    """They end as they must, and nothing is left of them: what the deliverer still has could change how they stand."""
    eventually(world.depth, 0)
    for story in stories:
        story.check()
    check(f"{stories[-1].name}: the queue is empty", eventually(world.depth, 0), 0)


def check_that_all_is_told(world):
    """What ended has stayed so."""
    again = [story.name for story in Story.told if len(story.ids()) != story.posted]
    check(f"nothing came of {len(Story.told)} calls once they were over", again, [])
    check("every post was signed", world.receiver.unsigned, [])


def eventually(look, expected):
    """What `look` finds in the end."""
    deadline = time.monotonic() + EVENTUALLY_SECONDS
    while (found := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def tag_of(*words):
    """A part of a path."""
    return "-".join(words).replace(": ", "-").replace(" ", "-").replace(",", "-")
