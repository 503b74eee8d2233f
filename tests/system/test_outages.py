"""A neighbour is away: what is accepted meanwhile waits, uses itself up for nothing, and is sent
once when the neighbour is back.  Away means that connections are refused."""

import json

import pytest

from harness import fcgi
from harness.api import SEND, new_message
from harness.outage import GRAPH_MS, Outage
from harness.relay import Relay
from harness.wait import wait_until

MANY = 20


@pytest.fixture
def relay():
    made = []

    def make(port):
        made.append(Relay(port))
        made[-1].down()
        return made[-1]

    yield make
    for each in made:
        each.down()


def accept_many(service, **fields):
    ids = []
    for _ in range(MANY):
        reply = service.ask("POST", SEND, json.dumps(new_message(**fields)).encode(), {
            "Content-Type": "application/json", "Prefer": "respond-async"})
        assert reply.status == 202, reply.body
        ids.append(json.loads(reply.body)["message_id"])
    return ids


def count(service, condition):
    return service.database.query(
        f"SELECT count(*) FROM message_sender.message m LEFT JOIN message_sender.work w"
        f" USING (message_id) WHERE {condition}")[0]["count"]


def lane_of(tenant_id):
    """FNV-1a, as in src/domain/message.c."""
    value = 0xcbf29ce484222325
    for byte in tenant_id.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return value % 64


def messages_held(service):
    reply = fcgi.ask(service.settings["MANAGEMENT_SOCKET"], "GET", "/metrics", seconds=5)
    return next(float(line.split()[-1]) for line in reply.body.decode().splitlines()
                if line.startswith("message_sender_messages_held "))


def assert_all_sent_once(service, simulator, ids):
    wait_until(lambda: count(service, "m.state = 'sent' AND w.message_id IS NULL") == MANY, 20,
               "all are sent, and stored")
    for message_id in ids:
        seen = simulator.message(message_id)
        assert (seen["accepted"], seen["stored"]) == (1, 1), seen


def test_graph_api_away(new_service, simulator, relay):
    """MAX_RETRIES does not count while it is."""
    graph = relay(simulator.tls)
    service = new_service(GRAPH_API_URL=f"https://localhost:{graph.port}", MAX_RETRIES=0,
                          MAX_BACKOFF_SECONDS=1)
    ids = accept_many(service)
    wait_until(lambda: service.database.query(
        "SELECT max(attempt) FROM message_sender.attempt WHERE outcome = 'not_sent'")[0]["max"],
        10, "it was tried in vain")
    wait_until(lambda: count(service, "w.state IN ('queued', 'retrying')") == MANY, 10,
               "all wait, whatever became of their attempts")
    graph.up()
    assert_all_sent_once(service, simulator, ids)


def test_tenant_service_away(new_service, simulator, relay):
    """Nothing is known of their outlets: quota is allowed, and they wait for credentials without
    any attempt."""
    tenant = relay(simulator.plain)
    service = new_service(TENANT_SERVICE_URL=f"http://127.0.0.1:{tenant.port}", MAX_RETRIES=0)
    ids = accept_many(service)
    wait_until(lambda: count(service, "w.state = 'retrying' AND w.attempt = 0") == MANY, 10,
               "all wait")
    tenant.up()
    assert_all_sent_once(service, simulator, ids)
    assert {row["attempts"] for each in ids
            for row in [service.database.message(each)]} == {1}


def test_conversation_service_away(new_service, simulator, relay):
    """They are sent; their copies are stored later."""
    conversation = relay(simulator.plain)
    service = new_service(CONVERSATION_SERVICE_URL=f"http://127.0.0.1:{conversation.port}",
                          MAX_RETRIES=0)
    ids = accept_many(service)
    wait_until(lambda: count(service, "m.state = 'sent' AND w.state = 'sent'") == MANY, 10,
               "all are sent, and their copies wait")
    conversation.up()
    assert_all_sent_once(service, simulator, ids)


def test_a_crowd_waits_in_the_database(new_service, simulator, relay, postgres, sockets):
    """A worker holds 25,000 at most of what waits, however much there is."""
    tenant = relay(simulator.plain)
    database = postgres.database()
    database.query("""
        WITH stored AS (
            INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, recipient,
                message_type, payload, sender_type, state, accepted_at)
            SELECT (substr(message_sender.id_floor(now())::text, 1, 14) || '7'
                    || substr(gen_random_uuid()::text, 16))::uuid, 'crowd', 'outlet',
                '+62812' || i, 'text', '{"body":"Hello"}', 'llm', 'queued', now()
            FROM generate_series(1, 30000) i
            RETURNING message_id)
        INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
            attempt, attempt_open, due_at, expires_at, queue)
        SELECT message_id, 'crowd', %s, nextval('message_sender.work_seq'), 'queued', false, 0, false,
            now(), now() + interval '1 day', 1
        FROM stored""", lane_of("crowd"))
    service = new_service(database=database, WORKERS=1,
                          MANAGEMENT_SOCKET=str(sockets / "crowd.sock"),
                          TENANT_SERVICE_URL=f"http://127.0.0.1:{tenant.port}")
    held = []

    def all_put_off():
        """Each was loaded, found no credentials, and was given back."""
        held.append(messages_held(service))
        return count(service, "w.state = 'retrying'") == 30000

    wait_until(all_put_off, 60, "all are put off")
    assert max(held) <= 25000, max(held)
    assert count(service, "m.state = 'queued'") == 30000, "none failed"


def test_an_outage_outlasts_every_wait(new_service, new_simulator):
    """All neighbours away for several times as long as anything is waited for or kept; then the
    drain, at no more than the allowed rate (tests/fault/outage: for longer)."""
    outage = Outage(new_simulator(latency_ms=GRAPH_MS), lambda settings: new_service(**settings))
    try:
        outage.warm_up()
        outage.last(3, per_second=30)
        outage.drain(20)
        outage.check()
    finally:
        outage.close()
