"""Every access token of the tests begins with these words, which nobody else may write anywhere:
not in a log, a table, WAL, an answer or a metric."""

from harness.process import run

CANARY = "EAAG-"


def find(*places):
    """The files in which one stands."""
    done = run(["grep", "-rlaF", "-e", CANARY, *map(str, places)], seconds=300)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()
