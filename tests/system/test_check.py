"""`message-sender check`: it says nothing of a healthy database, and each of its checks finds
what it is for."""

import json
import uuid

import pytest

from harness.api import new_message
from harness.process import TOP
from harness.service import command

ID = "01a208b4-b6ad-72ff-a487-d2eeb6ba0ff7"
OTHER = "01a208b4-b6ad-72ff-a487-d2eeb6ba0ff8"


def message(state="queued", attempts=0, message_id=ID, **columns):
    columns = {"message_id": message_id, "tenant_id": "t", "outlet_id": "o", "recipient": "+1",
               "message_type": "text", "payload": "{}", "sender_type": "llm", "state": state,
               "attempts": attempts, "accepted_at": "now", **columns}
    return insert("message", columns)


def sent(attempts=1, **columns):
    return message("sent", attempts, **{"wamid": "w", "sent_at": "now", **columns})


def work(state="queued", attempt=0, message_id=ID, **columns):
    columns = {"message_id": message_id, "tenant_id": "t", "lane": 1, "seq": 1, "state": state,
               "caller_waits": False, "attempt": attempt, "attempt_open": False,
               "due_at": "now", "expires_at": "tomorrow", **columns}
    return insert("work", columns)


def attempt(number, outcome, **columns):
    columns = {"message_id": ID, "attempt": number, "incarnation": str(uuid.uuid4()),
               "outcome": outcome, "begun_at": "now", "ended_at": "now", **columns}
    return insert("attempt", columns)


def key(status=None, message_id=ID, **body):
    columns = {"tenant_id": "t", "key": "k", "fingerprint": b"f", "message_id": message_id,
               "created_at": "now", "runs_until": "now", "expires_at": "tomorrow",
               "answer_status": status,
               "answer_body": json.dumps({"message_id": ID, **body}) if status else None}
    return insert("idempotency_key", columns)


def other_id(statement):
    """The same with another id in the answer."""
    text, *values = statement
    return (text, *values[:-1], values[-1].replace(ID, OTHER))


def insert(table, columns):
    return (f"INSERT INTO message_sender.{table} ({', '.join(columns)})"
            f" VALUES ({', '.join(['%s'] * len(columns))})", *columns.values())


ACCEPTED = attempt(1, "accepted", wamid="w")

# What each check is for.  Some faults are seen by a second check as well.
FAULTS = {
    "accepted_not_sent": [message(attempts=1), work("unknown", 1), ACCEPTED],
    "accepted_twice": [sent(attempts=2), ACCEPTED, attempt(2, "accepted", wamid="v")],
    "attempt_after_lost": [message("unknown", 2), work("unknown", 2), attempt(1, "lost"),
                           attempt(2, "lost")],
    "attempt_overdue": [message(), work("sending", 1, attempt_open=True,
                                        incarnation=str(uuid.uuid4()),
                                        deadline_at="yesterday")],
    "attempt_unrecorded": [message(), work("retrying", 1)],
    "attempt_without_message": [ACCEPTED],
    "attempts_missing": [message("failed", 2, failed_at="now", failure_reason="no"),
                         attempt(2, "refused")],
    "attempts_uncounted": [message("failed", 0, failed_at="now", failure_reason="no"),
                           attempt(1, "refused")],
    "failed_without_reason": [message("failed", failed_at="now")],
    "key_answer_wrong": [sent(), ACCEPTED, key(200, whatsapp_message_id="v")],
    "key_without_message": [key()],
    "message_without_work": [message()],
    "order_shared": [message(), work(), message(message_id=OTHER), work(message_id=OTHER)],
    "sent_without_attempt": [sent(wamid="v"), ACCEPTED],
    "unknown_without_loss": [message("unknown", 1), work("unknown", 1), attempt(1, "refused")],
    "work_after_end": [message("failed", failed_at="now", failure_reason="no"), work()],
    "work_held_by_none": [message(), work("held", wait=3, hold=1)],
    "work_of_unsent": [message(conversation_id="c"), work("sent")],
    "work_overdue": [message(), work("retrying", due_at="yesterday", expires_at="yesterday")],
    "work_without_message": [work()],
}


def check(database, *words):
    return command("check", *words, env={"DATABASE_URL": database.url})


def found(database):
    """{check: (count, samples)} of those that found something."""
    done = check(database, "--json")
    answer = json.loads(done.stdout)
    wrong = {row["name"]: (row["count"], row["samples"]) for row in answer["checks"]
             if row["count"]}
    assert answer["complete"] is True
    assert answer["violated"] == len(wrong)
    assert done.returncode == (1 if wrong else 0), done.stderr
    return wrong


def test_every_check_is_tested():
    names = {path.stem for path in (TOP / "sql" / "checks").glob("*.sql")}
    assert names == set(FAULTS)


def test_healthy(new_service):
    service = new_service()
    for _ in range(3):
        body = json.dumps(new_message()).encode()
        assert service.ask("POST", "/api/v1/messages/send", body).status == 200
    done = check(service.database)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == [f"ok    {name}" for name in sorted(FAULTS)]
    assert not found(service.database)


# What may be kept with a key, and what may not.
KEPT = [
    (True, [message(), work(), key()]),
    (True, [message(), work(), key(202)]),
    (True, [sent(), ACCEPTED, key(200, whatsapp_message_id="w")]),
    (True, [message("failed", failed_at="now", failure_reason="no"), key(500)]),
    (False, [message(), work(), key(200, whatsapp_message_id=None)]),
    (False, [sent(), ACCEPTED, key(500)]),
    (False, [sent(), ACCEPTED, key(503)]),
    (False, [message(), work(), other_id(key(202))]),
    (False, [message("cancelled", failed_at="now", failure_reason="no"), key(202)]),
]


@pytest.mark.parametrize("good, statements", KEPT)
def test_what_is_kept_with_a_key(postgres, good, statements):
    database = postgres.database()
    for statement in statements:
        database.query(*statement)
    assert set(found(database)) == (set() if good else {"key_answer_wrong"})


@pytest.mark.parametrize("name", FAULTS)
def test_fault(postgres, name):
    database = postgres.database()
    for statement in FAULTS[name]:
        database.query(*statement)
    wrong = found(database)
    assert name in wrong
    count, samples = wrong[name]
    assert count == len(samples) and ID in samples
    lines = check(database).stdout.splitlines()
    assert [line for line in lines if line.startswith(f"WRONG {name}: {count} (") and ID in line]


def test_many(postgres):
    """A long list is counted in full and shown in part."""
    database = postgres.database()
    ids = sorted(str(uuid.uuid4()) for _ in range(7))
    for message_id in ids:
        database.query(*message(message_id=message_id))
    assert found(database) == {"message_without_work": (7, ids[:5])}


def test_cannot_be_made(postgres):
    done = command("check", env={"DATABASE_URL": "host=127.0.0.1 port=1 dbname=nobody"})
    assert done.returncode == 1 and "database" in done.stderr
    done = command("check", "--json", env={"DATABASE_URL": postgres.url(postgres.empty_database())})
    assert done.returncode == 1 and "check accepted_not_sent" in done.stderr
    assert json.loads(done.stdout) == {"checks": [], "violated": 0, "complete": False}
