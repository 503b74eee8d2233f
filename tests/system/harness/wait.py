"""Waiting for something to become true, with a deadline: the tests' only way to wait."""

import time


def wait_until(check, seconds, what):
    """Calls check() until it returns something true, which is returned; fails after seconds."""
    end = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() >= end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.01)
