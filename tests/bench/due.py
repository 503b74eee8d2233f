"""Messages with send_at: how long after it their attempts begin."""

import json
import time
from datetime import datetime, timezone

import measure
from bench import Outcome, at_least, at_most
from report import table
from stack import Failure, http
from steps import wait_for

TENANTS = 50
LIMIT_SECONDS = 1.0

# Of attempt 1, in seconds, by PostgreSQL's clock for the one and the caller's for the other: both are
# this machine's.
LATE = """
SELECT count(*), min(late), percentile_cont(0.5) WITHIN GROUP (ORDER BY late),
	percentile_cont(0.99) WITHIN GROUP (ORDER BY late), max(late)
FROM (SELECT extract(epoch FROM a.begun_at - m.send_at)::float AS late
	FROM message_sender.attempt a JOIN message_sender.message m USING (message_id)
	WHERE a.attempt = 1 AND m.send_at IS NOT NULL) AS l"""


def call_of(tenant, first_due, every, count):
    """A bulk call of one tenant, a message due every so many seconds."""
    return json.dumps({
        "tenant_id": f"due-{tenant}",
        "defaults": {"outlet_id": f"outlet-{tenant}", "message": "It is time."},
        "messages": [{
            "to": f"+628{tenant:05d}{n:05d}",
            "send_at": datetime.fromtimestamp(first_due + n * every, timezone.utc).isoformat(),
        } for n in range(count)]}).encode()


def run_due(bench):
    outcome = Outcome("sent when they are due")
    count = bench.options.messages or (100 if bench.short else 10_000)
    ahead, span = (3, 1) if bench.short else (15, 20)  # seconds
    each = max(1, count // TENANTS)
    with bench.stack("due") as stack:
        first = time.time() + ahead
        bench.say(f"{each * TENANTS:,} messages, due over {span} s")
        for tenant in range(TENANTS):
            status, body = http(f"http://127.0.0.1:{stack.port}/api/v1/messages/bulk", "POST",
                                call_of(tenant, first + tenant * span / each / TENANTS,
                                        span / each, each))
            if status != 202 or json.loads(body)["accepted"] != each:
                raise Failure(f"a bulk call was answered {status}: {body[:300]}")
        early = first - time.time()  # so all were accepted before the first was due
        before = measure.cpu_seconds(stack.pids())
        wait_for(lambda: stack.connection.execute(LATE).fetchone()[0] >= each * TENANTS,
                 ahead + span + 60, 1)
        after = measure.cpu_seconds(stack.pids())
        begun, least, middle, p99, most = stack.connection.execute(LATE).fetchone()
    ours = 1e6 * sum(after[n] - before[n] for n in ("service", "postgres")) / max(1, begun)
    outcome.sections.append(("Attempt 1 after send_at, s", table(
        ("messages", "due a second", "begun", "first", "p50", "p99", "max",
         "service + postgres, CPU µs a message"),
        [(f"{each * TENANTS:,}", f"{each * TENANTS / span:.0f}", f"{begun:,}",
          *(f"{s:.3f}" for s in (least, middle, p99, most)), f"{ours:.0f}")])))
    if least < 0:
        outcome.failures.append(f"due: a message was begun {-least:.3f} s before it was due")
    if early < 0:
        outcome.failures.append(f"due: accepting took {-early:.1f} s too long to tell")
    outcome.limits = [
        at_least("scheduled messages begun", begun, each * TENANTS),
        at_most("after send_at, p99, s", p99, LIMIT_SECONDS)]
    return outcome
