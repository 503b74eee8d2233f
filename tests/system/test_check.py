"""`message-sender check`: it says nothing of a healthy database, and each of its checks finds
what it is for."""

import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from harness.api import new_message
from harness.process import TOP
from harness.service import command

ID = "01a208b4-b6ad-72ff-a487-d2eeb6ba0ff7"
OTHER = "01a208b4-b6ad-72ff-a487-d2eeb6ba0ff8"
OWNER = str(uuid.uuid4())


def message(state="queued", attempts=0, message_id=ID, **columns):
    columns = {"message_id": message_id, "tenant_id": "t", "outlet_id": "o", "recipient": "+1",
               "message_type": "text", "payload": "{}", "sender_type": "llm", "state": state,
               "attempts": attempts, "accepted_at": "now", **columns}
    return insert("message", columns)


def sent(attempts=1, **columns):
    return message("sent", attempts, **{"wamid": "w", "sent_at": "now", **columns})


def work(state="queued", attempt=0, message_id=ID, **columns):
    columns = {"message_id": message_id, "tenant_id": "t", "lane": 1, "seq": 1, "state": state,
               "caller_waits": False, "attempt": attempt, "attempt_open": False, "queue": 1,
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


def owned(since="yesterday", **columns):
    """Lane 1 has an owner whose lease holds."""
    return [insert("incarnation", {"id": OWNER, "node": "n", "worker": "0",
                                   "lease_until": "tomorrow", **columns}),
            ("UPDATE message_sender.lane SET incarnation = %s, since = %s WHERE lane = 1",
             OWNER, since)]


def insert(table, columns):
    return (f"INSERT INTO message_sender.{table} ({', '.join(columns)})"
            f" VALUES ({', '.join(['%s'] * len(columns))})", *columns.values())


ACCEPTED = attempt(1, "accepted", wamid="w")

LOST = [message("unknown", 1), attempt(1, "lost"),
        work("unknown", 1, wait=2, due_at="yesterday")]
TO_COPY = [sent(conversation_id="c"), ACCEPTED, work("sent", 1, wait=1, due_at="yesterday")]
FROZEN = [message(accepted_at="yesterday"), work(due_at="yesterday")]

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
    "copy_overdue": [*TO_COPY, *owned()],
    "failed_without_reason": [message("failed", failed_at="now")],
    "key_answer_wrong": [sent(), ACCEPTED, key(200, whatsapp_message_id="v")],
    "key_without_message": [key()],
    "message_without_work": [message()],
    "order_shared": [message(), work(), message(message_id=OTHER), work(message_id=OTHER)],
    "orphan_overdue": [sent(), ACCEPTED, insert("receipt_orphan", {
        "received_at": "yesterday", "due_at": "yesterday", "at": "yesterday", "status": "sent",
        "wamid": "w"})],
    "receipt_unapplied": [sent(), ACCEPTED, insert("receipt", {
        "message_id": ID, "attempt": 1, "status": "delivered", "at": "now", "number": "1",
        "wamid": "w"})],
    "sent_without_attempt": [sent(wamid="v"), ACCEPTED],
    "unknown_overdue": [*LOST, *owned()],
    "unknown_without_loss": [message("unknown", 1), work("unknown", 1), attempt(1, "refused")],
    "work_after_end": [message("failed", failed_at="now", failure_reason="no"), work()],
    "work_frozen": [*FROZEN, *owned()],
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


def ago(seconds):
    """A moment, for after()."""
    return timedelta(seconds=-seconds)


def began(accepted_at, begun_at, incarnation=OWNER):
    """Another message, and its attempt."""
    columns = {"message_id": OTHER, "recipient": "+2", "accepted_at": accepted_at}
    return [sent(**columns), insert("attempt", {
        "message_id": OTHER, "attempt": 1, "incarnation": incarnation, "outcome": "accepted",
        "begun_at": begun_at, "ended_at": begun_at, "wamid": "w"})]


def released(released_at):
    return insert("hold", {"scope": "all", "reason": "paused", "set_by": "b", "released_by": "b",
                           "set_at": "yesterday", "released_at": released_at})


def another(message_id=OTHER, recipient="+1", seq=0, **columns):
    return [message(message_id=message_id, recipient=recipient),
            work(message_id=message_id, seq=seq, **columns)]


# What is in the way of work that is due, and what is not; the times are near the limits.
NEARLY, OVER = 285, 315
IN_THE_WAY = [
    (True, [message(), work(due_at=ago(OVER)), *owned(ago(OVER))]),
    (True, [message("retrying", 1), attempt(1, "refused"),
            work("retrying", 1, due_at=ago(OVER)), *owned()]),
    (False, [message(), work(due_at=ago(NEARLY)), *owned()]),
    (False, FROZEN),
    (False, [*FROZEN, *owned(ago(NEARLY))]),
    (False, [*FROZEN, *owned(fenced=True)]),
    (False, [*FROZEN, *owned(lease_until="yesterday")]),
    # It began what is new, or what was a backlog then, or somebody else did.
    (True, [*FROZEN, *owned(), *began(ago(NEARLY), ago(0))]),
    (False, [*FROZEN, *owned(), *began(ago(OVER), ago(0))]),
    (False, [*FROZEN, *owned(), *began("yesterday", ago(NEARLY))]),
    (True, [*FROZEN, *owned(), *began("yesterday", ago(OVER))]),
    (True, [*FROZEN, *owned(), *began("yesterday", ago(0), str(uuid.uuid4()))]),
    # A backlog of which the first is under way.
    (False, [*FROZEN, *owned(), message(message_id=OTHER, recipient="+2", accepted_at="yesterday"),
             work("sending", 1, message_id=OTHER, seq=2, attempt_open=True, begun_at="now",
                  incarnation=OWNER, deadline_at="tomorrow")]),
    (False, [*FROZEN, *owned(), released(ago(NEARLY))]),
    (True, [*FROZEN, *owned(), released(ago(OVER))]),
    # Somebody before it.
    (False, [*FROZEN, *owned(), *another(due_at="tomorrow")]),
    (True, [*FROZEN, *owned(), *another(seq=2)]),
    (True, [*FROZEN, *owned(), *another(recipient="+2", due_at="tomorrow")]),
]


def test_what_is_frozen(postgres):
    database = postgres.database()
    for number, (frozen, statements) in enumerate(IN_THE_WAY):
        wrong = set(after(database, statements))
        assert wrong == ({"work_frozen"} if frozen else set()), number


def after(database, statements):
    """What is found when there is nothing but these; their moments count from now."""
    for table in ("message", "work", "attempt", "incarnation", "hold"):
        database.query(f"DELETE FROM message_sender.{table}")
    database.query("UPDATE message_sender.lane SET incarnation = NULL")
    now = datetime.now(timezone.utc)
    for text, *values in statements:
        database.query(text, *(now + v if isinstance(v, timedelta) else v for v in values))
    return found(database)


DUE = "UPDATE message_sender.work SET due_at = %s"


@pytest.mark.parametrize("name, statements, nearly, over",
                         [("unknown_overdue", LOST, 45, 75), ("copy_overdue", TO_COPY, 285, 315)])
def test_what_is_overdue(postgres, name, statements, nearly, over):
    database = postgres.database()
    assert not after(database, statements)
    assert not after(database, [*statements, *owned(ago(nearly))])
    assert not after(database, [*statements, *owned(fenced=True)])
    assert not after(database, [*statements, *owned(lease_until="yesterday")])
    assert not after(database, [*statements, *owned(), (DUE, ago(nearly))])
    assert set(after(database, [*statements, *owned(), (DUE, ago(over))])) == {name}


def test_many_that_are_due_may_take_their_time(postgres):
    """2,000 of each, 10 ms each: 20 s more."""
    database = postgres.database()
    many = ("INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, wait,"
            " caller_waits, attempt, attempt_open, due_at, expires_at, queue) SELECT gen_random_uuid(),"
            " 't', 2, n, %s, %s, false, 1, false, %s, 'tomorrow', 1"
            " FROM generate_series(2, 2000) AS n")
    for name, state, wait, statements, limit in (("unknown_overdue", "unknown", 2, LOST, 60),
                                                 ("copy_overdue", "sent", 1, TO_COPY, 300)):
        for seconds, late in ((limit + 5, False), (limit + 35, True)):
            wrong = after(database, [*statements, *owned(), (DUE, ago(seconds)),
                                     (many, state, wait, ago(seconds))])
            assert (name in wrong) == late


def test_copies_wait_while_they_fail(postgres):
    database = postgres.database()
    failed = [sent(message_id=OTHER, conversation_id="c"),
              insert("attempt", {"message_id": OTHER, "attempt": 1, "outcome": "accepted",
                                 "incarnation": OWNER, "begun_at": "now", "ended_at": "now",
                                 "wamid": "w"}),
              work("sent", 1, message_id=OTHER, seq=2, wait=1, due_at="tomorrow",
                   conversation_tries=1)]
    assert not after(database, [*TO_COPY, *owned(), *failed])


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
