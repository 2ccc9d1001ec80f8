"""Waiting for conditions, always with a limit. No test sleeps and hopes."""
import time


def wait_until(what, condition, limit, every=0.005, ignoring=()):
    """The first true value of condition(). After `limit` seconds an AssertionError says what did not come.

    Exceptions of the types in `ignoring` count as "not yet".
    """
    end = time.monotonic() + limit
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except ignoring as problem:
            last = repr(problem)
        if time.monotonic() >= end:
            raise AssertionError(f"not within {limit} s: {what} (last seen: {last!r:.300})")
        time.sleep(every)
