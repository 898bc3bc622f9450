"""A line for each thing that is checked; the exit status at the end."""

import sys

_failed = False


def check(name, got, expected):
    if got == expected:
        print(f"ok {name}")
    else:
        global _failed
        _failed = True
        print(f"FAIL {name}: expected {expected!r}, got {got!r}")


def finish():
    sys.exit(1 if _failed else 0)
