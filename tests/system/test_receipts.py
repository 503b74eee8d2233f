"""Receipts: what Meta tells back by webhook, in whatever order and however often, and what the
service makes of it.  The simulator reports as it is told; the service is asked as a caller would."""

import uuid

import pytest

from harness.api import BULK, bulk_of, new_message
from harness.disorder import jumble
from harness.hooked import HOOK, QUICK, SECONDS, SECRET, Hooked
from harness.wait import wait_until

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module", name="stack")
def hooked_stack(work, sockets, postgres, web_kind):
    stack = Hooked(work, sockets, postgres, web_kind, "receipts")
    yield stack
    stack.end()


@pytest.fixture
def hooked(stack):
    stack.again()
    yield stack
    stack.wait_healthy()


def test_a_message_is_delivered_and_read(hooked):
    message_id = hooked.send(new_message())
    told = hooked.wait_status(message_id, "read")
    assert told["delivered_at"] <= told["read_at"]
    assert told["failure_reason"] == ""
    hooked.simulator.wait_reported()
    rows = hooked.receipts(message_id)
    assert [row["status"] for row in rows] == ["delivered", "read", "sent"]
    assert all(row["attempt"] == 1 and row["received_at"] >= row["at"] for row in rows)
    assert {row["category"] for row in rows} == {"utility", None}
    events = hooked.timeline(message_id)
    assert sorted(event["status"] for event in events) == ["delivered", "read", "sent"]
    assert {(event["source"], event["attempt"], event["contradicts"]) for event in events} == {
        ("meta", 1, False)}
    assert hooked.is_over(message_id)


@pytest.mark.parametrize("plan, final, kept", [
    ({"drop": 100}, "sent", []),
    ({"reorder": 100}, "read", ["delivered", "read", "sent"]),
    ({"duplicate": 100, "duplicate_ms": 80}, "read", ["delivered", "read", "sent"]),
    ({"statuses": [{"status": "read", "after_ms": 0}]}, "read", ["read"]),
    ({"statuses": [*QUICK, {"status": "played", "after_ms": 90}]}, "read",
     ["delivered", "played", "read", "sent"]),
    ({"legacy": True}, "read", ["delivered", "read", "sent"]),
    ({"identity": "user"}, "read", ["delivered", "read", "sent"]),
    ({"callback": "never"}, "read", ["delivered", "read", "sent"]),
    ({"statuses": ["sent", {"status": "teleported", "after_ms": 10}]}, "sent",
     ["sent", "teleported"]),
], ids=["drop", "reorder", "duplicate", "read-only", "played", "legacy", "user", "wamid", "unknown"])
def test_however_they_come(hooked, plan, final, kept):
    message = new_message()
    hooked.plan(message, **plan)
    message_id = hooked.send(message)
    hooked.simulator.wait_reported()
    told = hooked.wait_status(message_id, final)
    wait_until(lambda: hooked.kept(message_id) == kept, SECONDS, f"{kept} are kept")
    if final == "read":
        assert told["delivered_at"] and told["read_at"]
    assert hooked.is_over(message_id)


def test_before_its_own_answer(hooked):
    """The receipt is faster than the answer to the call: the state goes on, and the outcome that
    comes after it undoes nothing and fills in what it knows."""
    for callback in "always", "never":
        message = new_message()
        hooked.plan(message, early=100, statuses=[{"status": "delivered", "after_ms": 0}],
                    callback=callback)
        hooked.simulator.script("graph", message["to"], "ok", latency_ms=600, times=1)
        answer = hooked.api.send(message).json()
        told = hooked.wait_status(answer["message_id"], "delivered")
        assert answer["whatsapp_message_id"] == told["whatsapp_message_id"]
        assert hooked.kept(answer["message_id"]) == ["delivered"]
        row = hooked.database.message(answer["message_id"])
        assert row["sent_at"] and row["wamid"]
        wait_until(lambda: hooked.is_over(answer["message_id"]), SECONDS, "its work is over")


@pytest.mark.parametrize("callback", ["always", "not_failed"])
def test_accepted_and_then_failed(hooked, callback):
    message = new_message()
    hooked.plan(message, fail=100, code=131026, callback=callback)
    message_id = hooked.send(message)
    told = hooked.wait_status(message_id, "failed")
    assert "Message undeliverable" in told["failure_reason"]
    assert told["delivered_at"] is None
    failed, sent = sorted(hooked.receipts(message_id), key=lambda row: row["status"])
    assert (sent["status"], failed["status"], failed["code"]) == ("sent", "failed", 131026)


def test_contradictions_are_kept_and_shown(hooked):
    """Delivered after failed stays failed; failed after delivered stays delivered."""
    early, late = new_message(), new_message()
    hooked.plan(early, statuses=[{"status": "failed", "after_ms": 0},
                                 {"status": "delivered", "after_ms": 200}])
    hooked.plan(late, statuses=[{"status": "delivered", "after_ms": 0},
                                {"status": "failed", "after_ms": 200}])
    ids = [hooked.send(early), hooked.send(late)]
    hooked.simulator.wait_reported()
    for message_id, state, other in zip(ids, ("failed", "delivered"), ("delivered", "failed")):
        assert hooked.status(message_id)["status"] == state
        assert hooked.kept(message_id) == ["delivered", "failed"]
        assert [event["status"] for event in hooked.timeline(message_id)
                if event["contradicts"]] == [other]


def test_a_lost_reply_is_settled(hooked):
    """With the policy `hold` nothing but the receipt can settle it."""
    message = new_message()
    hooked.plan(message, delay=100, delay_ms=300)
    hooked.simulator.script("graph", message["to"], "drop_reply", times=1)
    answer = hooked.api.send(message)
    assert (answer.status_code, answer.json()["state_detail"]) == (202, "outcome_unknown")
    message_id = answer.json()["message_id"]
    told = hooked.wait_status(message_id, "read")
    assert told["whatsapp_message_id"].startswith("wamid.")
    assert hooked.simulator.message(message_id)["calls"] == 1
    wait_until(lambda: hooked.is_over(message_id), SECONDS, "its work is over")
    wait_until(lambda: hooked.simulator.message(message_id)["stored"] == 1, SECONDS,
               "its conversation is stored")


def test_a_failure_settles_a_lost_reply(hooked):
    message = new_message()
    hooked.plan(message, statuses=[], fail=100, code=131026)
    hooked.simulator.script("graph", message["to"], "drop_reply", times=1)
    message_id = hooked.send(message)
    hooked.wait_status(message_id, "failed")
    assert hooked.simulator.message(message_id)["calls"] == 1


def test_what_cannot_be_matched_yet(hooked):
    """Known by its wamid only, and that only once the answer is there: kept until then."""
    message = new_message()
    hooked.plan(message, early=100, callback="never",
                statuses=[{"status": "read", "after_ms": 0}])
    hooked.simulator.script("graph", message["to"], "ok", latency_ms=1500, times=1)
    message_id = hooked.send(message, ASYNC)
    wait_until(lambda: hooked.database.query("SELECT 1 AS n FROM message_sender.receipt_orphan"), SECONDS,
               "it is kept")
    hooked.wait_status(message_id, "read")
    wait_until(lambda: not hooked.database.query("SELECT 1 AS n FROM message_sender.receipt_orphan"),
               SECONDS, "it is kept there no longer")


def test_what_matches_nothing_is_kept(hooked):
    """And spoils nothing that came with it."""
    message_id = hooked.send(new_message())
    hooked.wait_status(message_id, "read")
    wamid = f"wamid.{uuid.uuid4().hex}"
    status = {"id": wamid, "status": "delivered", "timestamp": "1795392013",
              "recipient_id": "628123456789"}
    stranger = {**status, "id": wamid + "x",
                "biz_opaque_callback_data": "018f4e5a-1111-7222-8333-123456789abc:1"}
    played = {**status, "id": hooked.status(message_id)["whatsapp_message_id"],
              "status": "played"}
    body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [
        {"field": "messages", "value": {
            "messaging_product": "whatsapp", "metadata": {"phone_number_id": "12345"},
            "statuses": [status, {"id": 7}, stranger, played]}},
        {"field": "brand_new_field_2027", "value": {"nested": [1, {"b": None}]}}]}]}
    assert hooked.simulator.webhook(body)["status"] == 200
    assert "played" in hooked.kept(message_id)
    kept = hooked.database.query("SELECT wamid, message_id::text AS id FROM"
                                 " message_sender.receipt_orphan ORDER BY wamid")
    assert [tuple(row.values()) for row in kept] == [
        (wamid, None), (wamid + "x", "018f4e5a-1111-7222-8333-123456789abc")]


def test_sent_again_until_it_is_taken(stack):
    """The service is away: Meta repeats, and nothing is lost."""
    stack.again()
    message = new_message()
    stack.plan(message, statuses=[{"status": "delivered", "after_ms": 0}], delay=100,
               delay_ms=500)
    message_id = stack.send(message)
    assert stack.service.stop() == 0
    wait_until(lambda: stack.simulator.webhook_counts()["refused"] >= 2, SECONDS, "it is refused")
    stack.service.start()
    stack.wait_status(message_id, "delivered")
    stack.simulator.wait_reported()


def test_repeated_although_it_was_taken(hooked):
    hooked.simulator.webhooks(deaf=60, retry_ms=20)
    ids = [hooked.send(new_message()) for _ in range(5)]
    counts = hooked.simulator.wait_reported()
    assert counts["unheard"] > 0
    for message_id in ids:
        hooked.wait_status(message_id, "read")
        assert hooked.kept(message_id) == ["delivered", "read", "sent"]


def test_a_thousand_at_once(hooked):
    """Through the web server, 1,000 statuses in one body."""
    hooked.simulator.webhooks(batch=1000, gather_ms=10000)
    before = hooked.simulator.webhook_counts()
    hooked.simulator.receipts({"statuses": [
        {"status": status, "after_ms": ms} for status, ms in (
            ("sent", 0), ("delivered", 1), ("read", 2), ("played", 3))]})
    items = [{"outlet_id": str(uuid.uuid4()), "to": f"+62855{n:07d}", "message": "Hello"}
             for n in range(250)]
    answer = hooked.api.request("POST", BULK, json=bulk_of(items))
    assert answer.status_code == 202, answer.text
    batch = answer.json()["batch_id"]

    def all_read():
        return hooked.database.query(
            "SELECT count(*) AS n FROM message_sender.message WHERE batch_id = %s"
            " AND state = 'read'", batch)[0]["n"] == 250

    wait_until(all_read, SECONDS, "all 250 are read")
    counts = hooked.simulator.wait_reported()
    assert counts["posts"] - before["posts"] == 1
    rows = hooked.database.query(
        "SELECT count(*) AS n FROM message_sender.receipt r JOIN message_sender.message m"
        " USING (message_id) WHERE m.batch_id = %s", batch)
    assert rows[0]["n"] == 1000


def test_what_customers_write_is_taken(hooked):
    for plan in {}, {"identity": "user"}, {"message": {"type": "reaction", "reaction": {
            "message_id": "wamid.x"}}}:
        before = hooked.database.query("SELECT count(*) AS n FROM message_sender.webhook")[0]["n"]
        answer = hooked.simulator.inbound("109876543210987", "+628123456789", **plan)
        assert answer["status"] == 200
        assert hooked.database.query(
            "SELECT count(*) AS n FROM message_sender.webhook")[0]["n"] == before + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_comes_to_the_same(hooked, seed):
    """tests/fault/disorder does it with 10,000 messages and 10 seeds."""
    hooked.simulator.receipts({"silent": 100})
    assert jumble(hooked.api, hooked.database, hooked.web.url + HOOK, SECRET, 200, seed) == []


def test_handshake(hooked):
    good = hooked.simulator.handshake("a/b%c&d", challenge="1158201444")
    assert (good["status"], good["body"]) == (200, "1158201444")
    assert good["type"].startswith("text/plain")
    for wrong in {"token": "a/b%c"}, {"token": ""}, {"token": "a/b%c&d", "mode": "unsubscribe"}:
        assert hooked.simulator.handshake(**wrong)["status"] == 403
