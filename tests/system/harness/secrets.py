"""Every secret of the tests has a shape that nothing else has: nobody may write one anywhere, not in
a log, a table, WAL, an answer or a metric."""

from harness.process import run

CANARY = "EAAG-"                 # access tokens
# App secrets, of outlets and of webhooks (the fixtures are signed with that one).
APP_SECRETS = "canary-app-|test-app-secret-not-real"
SHAPES = (CANARY, APP_SECRETS, "msk_[a-z2-7]{48}")   # API keys


def find(*places):
    """The files in which one stands."""
    words = [word for shape in SHAPES for word in ("-e", shape)]
    done = run(["grep", "-rlaE", *words, *map(str, places)], seconds=300)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()
