"""What waits has a bound: MAX_BACKLOG and MAX_BACKLOG_PER_TENANT, and what an outage leaves waiting
is sent when it is over."""

import concurrent.futures
import itertools
import json
import math
import time

import pytest

from harness.api import SEND, new_message
from harness.wait import wait_until

ASYNC = {"Content-Type": "application/json", "Prefer": "respond-async"}
STUCK_SECONDS = 60
numbers = itertools.count(1)


def post(service, message, headers=None):
    reply = service.ask("POST", SEND, json.dumps(message).encode(), {**ASYNC, **(headers or {})})
    return reply, json.loads(reply.body)


def value(service, statement, *values):
    """The one value of a row."""
    return next(iter(service.database.query(statement, *values)[0].values()))


def fresh(tenant):
    """One more message of a tenant."""
    return new_message(tenant_id=tenant, outlet_id=f"outlet-{tenant}")


def accepted(service, tenant, most):
    """How many of `most` messages are taken before the first one is not; what it was told."""
    for n in range(most):
        reply, body = post(service, fresh(tenant))
        if reply.status != 202:
            return n, reply, body
    return most, None, None


def assert_full(reply, body, limit, allowed, waiting):
    assert reply.status == 429, body
    assert body["error"] == "queue_full" and body["code"] == "QUEUE_FULL" and body["message"]
    assert body["details"] == {"limit": limit, "allowed": allowed, "waiting": waiting}
    assert int(reply.headers["retry-after"]) == STUCK_SECONDS, "nothing leaves"


@pytest.fixture
def closed(new_simulator):
    """A simulator whose Graph API is down."""
    own = new_simulator()
    own.script_all("graph", "http", status=503)
    return own


def test_a_tenant_is_full_at_its_limit(new_service, closed):
    """At limit - 1 one more, at the limit none, whatever the service is asked for; then it drains
    and opens again."""
    service = new_service(simulator=closed, WORKERS=1, MAX_BACKLOG_PER_TENANT=10,
                          MAX_BACKOFF_SECONDS=1)
    tenant = f"full-{next(numbers)}"
    assert accepted(service, tenant, 9)[0] == 9
    key = {"Idempotency-Key": "the-tenth"}
    tenth = fresh(tenant)
    reply, first = post(service, tenth, key)
    assert reply.status == 202
    for headers in ({}, {"Prefer": "wait=5"}, {"Idempotency-Key": "the-eleventh"}):
        reply, body = post(service, fresh(tenant), headers)
        assert_full(reply, body, "MAX_BACKLOG_PER_TENANT", 10, 10)
    reply, again = post(service, tenth, key)
    assert reply.status == 202 and again == first, "a repeated request has its answer"
    before = closed.calls()["quota"]
    assert accepted(service, "another", 1)[0] == 1
    assert closed.calls()["quota"] == before + 1, "who is refused costs no look at the quota"
    # The counts of the next seconds change nothing.
    counts = value(service, "SELECT counted_at FROM message_sender.backlog")
    wait_until(lambda: value(
        service, "SELECT counted_at > %s::timestamptz + interval '2 s' FROM message_sender.backlog",
        counts), 10, "counted again")
    assert_full(*post(service, fresh(tenant)), "MAX_BACKLOG_PER_TENANT", 10, 10)

    closed.forgive_all("graph")
    wait_until(lambda: post(service, fresh(tenant), {"Idempotency-Key": "the-eleventh"})[0].status
               == 202, 10, "there is room again, also under a key that was refused")
    wait_until(lambda: value(service, "SELECT count(*) = 0 FROM message_sender.work"), 10,
               "all is sent")
    assert value(
        service, "SELECT count(*) FROM message_sender.message WHERE state = 'sent'") == 12


def test_retry_after_is_when_a_tenth_has_left(new_service, new_simulator):
    """All to one recipient leave one by one, five a second at most: as long as that takes."""
    service = new_service(simulator=new_simulator(latency_ms=200), WORKERS=1,
                          MAX_BACKLOG_PER_TENANT=200)
    message = new_message(tenant_id="steady")
    seen = []

    def each_takes():
        """Seconds between the last ones, as they left."""
        return value(service, "SELECT (extract(epoch FROM max(sent_at) - min(sent_at))"
                     " / (count(*) - 1))::float FROM (SELECT sent_at FROM message_sender.message"
                     " WHERE sent_at IS NOT NULL ORDER BY sent_at DESC LIMIT 10) AS m")

    def told_what_it_takes():
        reply, body = post(service, message)
        if reply.status == 202:
            return False
        assert reply.status == 429 and body["details"]["allowed"] == 200, body
        surplus = body["details"]["waiting"] - 180
        seen.append((int(reply.headers["retry-after"]), math.ceil(surplus * each_takes())))
        told, right = seen[-1]
        return right >= 4 and abs(told - right) <= 1

    for _ in range(200):
        assert post(service, message)[0].status == 202
    wait_until(told_what_it_takes, 15, f"the right Retry-After of {seen}")


def test_all_together_are_full_at_theirs(new_service, closed):
    service = new_service(simulator=closed, WORKERS=1, MAX_BACKLOG=12, MAX_BACKLOG_PER_TENANT=10)
    assert accepted(service, "first", 10)[0] == 10
    assert_full(*post(service, fresh("first")), "MAX_BACKLOG_PER_TENANT", 10, 10)
    assert accepted(service, "second", 1)[0] == 1
    assert accepted(service, "third", 1)[0] == 1
    assert_full(*post(service, fresh("second")), "MAX_BACKLOG", 12, 12)
    assert_full(*post(service, fresh("fourth")), "MAX_BACKLOG", 12, 12)


def test_a_restart_opens_no_gate(new_service, closed):
    """The work is counted before anything is accepted: requests of the first moment wait for it."""
    service = new_service(simulator=closed, WORKERS=1, MAX_BACKLOG_PER_TENANT=10)
    assert accepted(service, "restarted", 9)[0] == 9
    service.kill()
    wait_until(lambda: not service.process.running(), 5, "the master is gone")
    service.start()
    n, reply, body = accepted(service, "restarted", 20)
    assert n == 1
    assert_full(reply, body, "MAX_BACKLOG_PER_TENANT", 10, 10)


def test_two_nodes_know_of_each_other(new_service, closed):
    """Beyond the limit no more than what comes between two counts; then both refuse."""
    first = new_service(simulator=closed, WORKERS=2, MAX_BACKLOG_PER_TENANT=100)
    second = new_service(simulator=closed, WORKERS=2, MAX_BACKLOG_PER_TENANT=100,
                         database=first.database)
    for n in range(45):
        assert post(first, fresh("shared"))[0].status == 202
        assert post(second, fresh("shared"))[0].status == 202

    def both_know():
        return value(first, "SELECT counts = '{90}' FROM message_sender.backlog")

    wait_until(both_know, 10, "counted")
    taken = sum(accepted(service, "shared", 100)[0] for service in (first, second) * 4)

    def refused():
        nonlocal taken
        replies = [post(service, fresh("shared"))[0].status
                   for service in (first, second) for _ in range(8)]
        taken += replies.count(202)
        return set(replies) == {429}

    wait_until(refused, 10, "all of them refuse")
    assert 10 <= taken < 200, "what each of four workers takes before it has seen a count"
    assert value(first, "SELECT count(*) FROM message_sender.work") == 90 + taken
