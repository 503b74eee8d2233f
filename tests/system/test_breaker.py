"""Circuit breakers: a number, or the Graph API as a whole, that fails for a while."""

import json
import time

import pytest

from harness import fcgi
from harness.wait import wait_until

ASYNC = {"Prefer": "respond-async"}
# What nobody waits for is tried again so soon that only the breaker holds it up.
SETTINGS = {"BREAKER_FAILURES": "3", "BREAKER_OPEN_SECONDS": "1", "BREAKER_MAX_SECONDS": "2",
            "INITIAL_BACKOFF_SECONDS": "1", "MAX_BACKOFF_SECONDS": "1", "WORKERS": "1"}


def outlet(number):
    return f"outlet@{number}"


@pytest.fixture
def house(new_service, new_simulator, sockets):
    simulator = new_simulator()
    service = new_service(simulator=simulator, **SETTINGS,
                          MANAGEMENT_SOCKET=str(sockets / "breaker.sock"))
    yield service, simulator
    assert simulator.duplicates() == []


def send(service, number, to, headers=None):
    body = {"tenant_id": "t-breaker", "outlet_id": outlet(number), "to": to, "message": "Halo"}
    reply = service.ask("POST", "/api/v1/messages/send", json.dumps(body).encode(), headers)
    return reply.status, json.loads(reply.body)


def send_async(service, number, first, count):
    """Message ids; recipients are first, first + 1, ..."""
    sent = []
    for i in range(count):
        status, body = send(service, number, f"+62812{first + i:07}", ASYNC)
        assert status == 202
        sent.append(body["message_id"])
    return sent


def calls(simulator, first, count):
    return [simulator.recipient(f"+62812{first + i:07}")["calls"] for i in range(count)]


def metric(service, name):
    text = fcgi.ask(service.settings["MANAGEMENT_SOCKET"], "GET", "/metrics", seconds=5).body
    lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines()
                 if not line.startswith("#"))
    return float(lines[f"message_sender_{name}"])


def all_sent(service, ids, seconds):
    wait_until(lambda: all(service.database.message(i)["state"] == "sent" for i in ids), seconds,
               "all are sent")


def fail_number(simulator, number, **behaviour):
    simulator._control("POST", "script", {"service": "graph", "number": number,
                                          "behaviour": behaviour or None})


def test_a_number_that_fails_is_probed_and_the_other_goes_on(house):
    service, simulator = house
    bad, good = "100000000000001", "100000000000002"

    fail_number(simulator, bad, kind="error", code=131016, status=503)
    ids = send_async(service, bad, 1000, 20)
    service.wait_event("breaker", scope="number", state="open", number=bad)
    before = simulator.calls()["graph_calls"]
    begun = time.monotonic()
    assert send(service, good, "+628120009999")[0] == 200
    all_sent(service, send_async(service, good, 2000, 5), 3)
    service.wait_event("breaker", count=3, scope="number", state="open")  # two probes more
    elapsed = time.monotonic() - begun
    # Those begun before it opened apart, at most a probe a second, of 20 that wait.
    assert simulator.calls()["graph_calls"] - before - 6 <= elapsed + 2
    assert service.events("breaker", scope="host") == []
    assert metric(service, 'breakers_open{scope="number"}') == 1
    assert metric(service, 'breaker_waits_total{scope="number"}') >= 20

    fail_number(simulator, bad)
    all_sent(service, ids, 5)  # the probe, and what is let go behind it
    assert metric(service, 'breakers_open{scope="number"}') == 0
    assert metric(service, 'breaker_changes_total{scope="number",to="closed"}') == 1
    assert all(message["attempts"] <= 8 for message in map(service.database.message, ids))


def test_a_host_that_is_away_gets_few_calls(house):
    service, simulator = house
    numbers = ["100000000000001", "100000000000002"]

    settings = dict(service.settings)
    service.stop()
    service.settings["GRAPH_API_URL"] = "https://localhost:1"
    service.start()
    ids = [i for at, number in enumerate(numbers)
           for i in send_async(service, number, 3000 + 100 * at, 10)]
    service.wait_event("breaker", scope="host", state="open")
    service.wait_event("breaker", count=2, scope="host", state="open")
    attempts = sum(len(service.database.attempts(i)) for i in ids)
    assert attempts <= 20 + 3
    assert service.events("breaker", scope="number") == []
    service.stop()
    service.settings["GRAPH_API_URL"] = settings["GRAPH_API_URL"]
    service.start()
    all_sent(service, ids, 6)
    assert calls(simulator, 3000, 10) + calls(simulator, 3100, 10) == [1] * 20


def test_refusals_for_good_never_open_it(house):
    service, _ = house
    number = "100000000000003"

    for i in range(6):
        assert send(service, number, f"+999113102600{i}")[0] == 500
    all_sent(service, send_async(service, number, 4000, 1), 3)
    assert service.events("breaker") == []


def test_a_waiting_caller_keeps_its_schedule(house):
    service, simulator = house
    number = "100000000000004"

    fail_number(simulator, number, kind="error", code=131016, status=503)
    send_async(service, number, 5000, 4)
    service.wait_event("breaker", scope="number", state="open")
    status, body = send(service, number, "+628120007777")
    assert status == 500
    times = simulator.recipient("+628120007777")["times_ms"]
    waits = [(after - before) / 1000 for before, after in zip(times, times[1:])]
    assert len(waits) == 3  # MAX_RETRIES
    assert all(0.99 <= wait <= 1.5 for wait in waits), waits  # 1 s each: MAX_BACKOFF_SECONDS
    assert service.database.message(body["message_id"])["attempts"] == 4


def read(service, message_id, what):
    return json.loads(service.ask("GET", f"/api/v1/messages/{message_id}/{what}").body)


def test_what_waits_says_why(house):
    service, simulator = house
    number = "100000000000005"

    fail_number(simulator, number, kind="error", code=131016, status=503)
    send_async(service, number, 6000, 4)
    service.wait_event("breaker", scope="number", state="open")
    late, = send_async(service, number, 6100, 1)
    wait_until(lambda: service.database.message(late)["attempts"] == 0
               and read(service, late, "explain").get("state_detail") == "retrying", 3, "put off")
    assert "circuit breaker" in read(service, late, "explain")["summary"]
    waiting = read(service, late, "events")["events"][-1]
    assert waiting["event"] == "waiting" and "circuit breaker" in waiting["reason"]
    fail_number(simulator, number)
    all_sent(service, [late], 5)
