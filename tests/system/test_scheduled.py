"""send_at, deliver_between, expires_at and ttl_seconds: sent when they say, or not at all."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from harness.api import Api, new_message
from harness.shape import assert_invalid
from harness.wait import wait_until
from test_cancel import cancel, cli, path


def ahead(seconds, hours=0):
    """So far ahead, as clocks show it where they are so many hours ahead."""
    return (datetime.now(timezone(timedelta(hours=hours))) + timedelta(seconds=seconds)).isoformat()


def accepted(api, **fields):
    message = new_message(**fields)
    answer = api.send(message)
    assert answer.status_code == 202, answer.text
    return message, answer.json()["message_id"], answer.json()


def begun_late(database, message_id):
    """Seconds from when it was due to when its attempt began."""
    rows = database.query(
        "SELECT extract(epoch FROM a.begun_at - m.send_at)::float AS late"
        " FROM message_sender.attempt a JOIN message_sender.message m USING (message_id)"
        " WHERE message_id = %s AND a.attempt = 1", message_id)
    return rows[0]["late"] if rows else None


@pytest.mark.parametrize("seconds", [1.5, 6.5])
def test_sent_when_it_is_due(api, database, simulator, seconds):
    """Sooner than a poll takes it, and so that one takes it."""
    message, message_id, answer = accepted(api, send_at=ahead(seconds, hours=7))
    assert (answer["status"], answer["state_detail"]) == ("scheduled", "scheduled")
    assert answer["whatsapp_message_id"] is None
    assert simulator.recipient(message["to"])["calls"] == 0
    wait_until(lambda: api.status(message_id).json()["status"] == "sent", 15, "sent")
    assert begun_late(database, message_id) >= 0
    events = api.get(path(message_id, "events")).json()["events"]
    assert ("waited", "its time") in [(e["event"], e.get("for")) for e in events], events
    whole = api.get(path(message_id)).json()
    assert whole["send_at"] and whole["status"] == "sent"


def test_scheduled_messages_are_told_and_cancelled(api, simulator):
    message, message_id, _ = accepted(api, send_at=ahead(600))
    for what in ("status", "", "events", "explain"):
        body = api.get(path(message_id, what)).json()
        assert (body["status"], body["state_detail"]) == ("scheduled", "scheduled"), body
    assert api.get(path(message_id, "explain")).json()["summary"].startswith("It is scheduled for")
    page = f"/api/v1/messages?tenant_id={message['tenant_id']}&status="
    assert len(api.get(page + "scheduled").json()["messages"]) == 1
    assert len(api.get(page + "queued").json()["messages"]) == 0
    assert cancel(api, message_id).status_code == 200
    assert api.status(message_id).json()["status"] == "cancelled"
    assert simulator.recipient(message["to"])["calls"] == 0


def test_its_validity_ends_unsent(api, database, simulator):
    """It is held until then; who did not give a validity sees failed."""
    message = new_message(ttl_seconds=2)
    cli(database, "pause", "--tenant", message["tenant_id"], "--by", "tester")
    message_id = api.send(message, {"Prefer": "respond-async"}).json()["message_id"]
    wait_until(lambda: api.status(message_id).json()["status"] == "expired", 15, "expired")
    status = api.status(message_id).json()
    assert status["state_detail"] == "expired" and status["failure_reason"]
    cli(database, "resume", "--tenant", message["tenant_id"], "--by", "tester")
    assert simulator.recipient(message["to"])["calls"] == 0
    assert api.get(path(message_id, "events")).json()["events"][-1]["event"] == "expired"
    assert api.get(path(message_id)).json()["expires_at"]


def hours(start, end):
    """From so many minutes from now to so many, by clocks in Jakarta."""
    there = datetime.now(timezone(timedelta(hours=7)))
    return {"from": (there + timedelta(minutes=start)).strftime("%H:%M"),
            "to": (there + timedelta(minutes=end)).strftime("%H:%M"),
            "time_zone": "Asia/Jakarta"}


def test_outside_its_hours_it_waits(api, database):
    window = hours(60, 120)
    _, message_id, answer = accepted(api, deliver_between=window)
    assert answer["status"] == "scheduled"
    assert api.get(path(message_id)).json()["deliver_between"] == window
    due, = database.query("SELECT extract(epoch FROM due_at - now())::int AS s, wait"
                          " FROM message_sender.work WHERE message_id = %s", message_id)
    assert 59 * 60 - 5 <= due["s"] <= 3600 and due["wait"] == 5
    assert cancel(api, message_id).status_code == 200


def test_inside_its_hours_it_is_sent_at_once(api):
    answer = api.send(new_message(deliver_between=hours(-60, 60)))
    assert answer.status_code == 200, answer.text


def test_what_was_late_waits_for_the_next_hours(api, database, simulator):
    """Held while its hours were; then they are over, as the database is told."""
    message = new_message(deliver_between=hours(-60, 60))
    cli(database, "pause", "--tenant", message["tenant_id"], "--by", "tester")
    message_id = api.send(message, {"Prefer": "respond-async"}).json()["message_id"]
    wait_until(lambda: api.status(message_id).json()["state_detail"] == "held", 10, "held")
    database.query("UPDATE message_sender.message SET deliver_between = %s WHERE message_id = %s",
                   json.dumps(hours(60, 120), separators=(",", ":")), message_id)
    cli(database, "resume", "--tenant", message["tenant_id"], "--by", "tester")
    wait_until(lambda: database.work(message_id)[0]["wait"] == 5, 10, "put off")
    waiting = api.get(path(message_id, "events")).json()["events"][-1]
    assert waiting["event"] == "waiting" and "outside its hours" in waiting["reason"], waiting
    assert simulator.recipient(message["to"])["calls"] == 0
    assert cancel(api, message_id).status_code == 200


@pytest.mark.parametrize("field, value", [
    ("send_at", "tomorrow"), ("send_at", "2020-01-01T00:00:00Z"), ("ttl_seconds", 0),
    ("expires_at", "2020-01-01T00:00:00Z"), ("deliver_between", "08:00"),
    ("deliver_between.to", {"from": "08:00"})])
def test_what_cannot_be_is_refused(api, field, value):
    assert_invalid(api.send(new_message(**{field.split(".")[0]: value})), field)


def test_a_scheduled_message_outlives_its_service(new_service, new_web, postgres, simulator):
    database = postgres.database()
    service = new_service(database=database)
    message, message_id, _ = accepted(Api(new_web(service).url), send_at=ahead(7))
    service.stop()
    again = new_service(database=database)
    api = Api(new_web(again).url)
    wait_until(lambda: api.status(message_id).json()["status"] == "sent", 20, "sent")
    assert simulator.recipient(message["to"])["calls"] == 1
    assert begun_late(database, message_id) >= 0
