"""A queue that is longer than what a worker holds of it: its messages go out in order, what comes
new goes last, and nobody else waits for it."""

import json
import time

from harness.api import SEND, new_message
from harness.wait import wait_until
from test_lanes import lane_of

ROWS = 1500
RECIPIENTS = 150


def recipient(n):
    return f"+6281700{n:05}"


def fill(database, tenant):
    """So much waits, ten messages to each recipient; the ids by recipient, in order."""
    rows = database.query("""
        WITH stored AS (
            INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, recipient,
                message_type, payload, sender_type, state, accepted_at)
            SELECT (substr(message_sender.id_floor(now())::text, 1, 14) || '7'
                    || substr(gen_random_uuid()::text, 16))::uuid, %s, 'outlet',
                '+6281700' || lpad((i %% %s)::text, 5, '0'), 'text', '{"body":"Hello"}', 'llm',
                'queued', now()
            FROM generate_series(0, %s) i
            RETURNING message_id, recipient)
        INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
            attempt, attempt_open, due_at, expires_at, queue)
        SELECT message_id, %s, %s, nextval('message_sender.work_seq'), 'queued', false, 0, false,
            now(), now() + interval '1 day', message_sender.work_queue(%s, 'outlet', 1::smallint)
        FROM stored RETURNING message_id, seq,
            (SELECT s.recipient FROM stored s WHERE s.message_id = work.message_id)""",
        tenant, RECIPIENTS, ROWS - 1, tenant, lane_of(tenant), tenant)
    ids = {}
    for row in sorted(rows, key=lambda row: row["seq"]):
        ids.setdefault(row["recipient"], []).append(str(row["message_id"]))
    return ids


def test_a_long_queue_goes_out_in_order_and_holds_up_nobody(new_service, new_simulator, postgres):
    simulator = new_simulator()
    database = postgres.database()
    tenant = "long-queue"
    ids = fill(database, tenant)
    simulator.latency(graph_ms=1000)
    service = new_service(simulator=simulator, database=database, WORKERS=1)

    def send(message, prefer=None):
        headers = {"Content-Type": "application/json", **({"Prefer": prefer} if prefer else {})}
        return service.ask("POST", SEND, json.dumps(message).encode(), headers)

    wait_until(lambda: simulator.calls()["graph_calls"] > 0, 10, "it is being sent")
    for n in range(10):
        reply = send(new_message(tenant_id=tenant, outlet_id="outlet", to=recipient(n)),
                     "respond-async")
        assert reply.status == 202
        ids[recipient(n)].append(json.loads(reply.body)["message_id"])
    simulator.latency(graph_ms=0)
    begun = time.monotonic()
    assert send(new_message(tenant_id="beside-it")).status == 200
    assert time.monotonic() - begun < 3
    wait_until(lambda: database.query("SELECT count(*) FROM message_sender.work")[0]["count"] == 0,
               60, "all is sent")
    for to, expected in ids.items():
        attempts = simulator.recipient(to)["attempts"]
        assert [attempt.split(":")[0] for attempt in attempts] == expected, to
