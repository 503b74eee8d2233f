"""Holds: pause and resume by tenant, outlet, number and all, on two nodes of one database."""

import itertools
import json
import os
import pwd
import signal
import threading
import time

import pytest

from harness.api import new_message
from harness.service import command
from harness.wait import wait_until
from test_lanes import post, post_async, two_nodes
from test_metrics import metrics, new_managed

EFFECTIVE_SECONDS = 1
NUMBER = itertools.count(700000000000000)


def cli(database, *words, status=0):
    done = command(*words, env={"DATABASE_URL": database.url})
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def held(database, **where):
    condition = "".join(f" AND w.{name} = '{value}'" for name, value in where.items())
    return database.query("SELECT count(*) AS n FROM message_sender.work w"
                          f" WHERE w.state = 'held'{condition}")[0]["n"]


def begun_after(database, tenant, moment):
    """Attempts of a tenant that began after that moment, in order."""
    return database.query(
        "SELECT a.begun_at FROM message_sender.attempt a JOIN message_sender.message m"
        " USING (message_id) WHERE m.tenant_id = %s AND a.begun_at > %s ORDER BY a.begun_at",
        tenant, moment)


def clock(database):
    return database.query("SELECT clock_timestamp() AS now")[0]["now"]


class Flow:
    """Asynchronous messages of one tenant to four recipients, through all nodes in turn."""

    def __init__(self, services, message):
        self.services = services
        self.templates = [{**message, "to": new_message()["to"]} for _ in range(4)]
        self.ids = {template["to"]: [] for template in self.templates}
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        for turn in itertools.count():
            if self.stopped.is_set():
                return
            template = self.templates[turn % 4]
            service = self.services[turn % len(self.services)]
            self.ids[template["to"]].append(post_async(service, template))

    def stop(self):
        self.stopped.set()
        self.thread.join()

    def count(self):
        return sum(len(ids) for ids in self.ids.values())

    def wait_for_more(self, more=20):
        target = self.count() + more
        wait_until(lambda: self.count() >= target, 10, "more messages")

    def check_sent_once(self, simulator):
        for to, ids in self.ids.items():
            seen = simulator.recipient(to)
            assert (seen["calls"], seen["accepted"]) == (len(ids), len(ids))


def held_in_order(database, tenant):
    """What is held of a tenant, by recipient, in order of acceptance."""
    waiting = {}
    for row in database.query(
            "SELECT m.recipient, m.message_id::text AS id FROM message_sender.work w"
            " JOIN message_sender.message m USING (message_id)"
            " WHERE w.state = 'held' AND w.tenant_id = %s ORDER BY w.seq", tenant):
        waiting.setdefault(row["recipient"], []).append(row["id"])
    return waiting


@pytest.fixture
def nodes(new_service):
    return two_nodes(new_service)


def outlet_of(message):
    return f"outlet {message['tenant_id']}/{message['outlet_id']}"


def subject_of(scope, message, number):
    return {"all": ["--all"], "tenant": ["--tenant", message["tenant_id"]],
            "outlet": ["--outlet", f"{message['tenant_id']}/{message['outlet_id']}"],
            "number": ["--number", number]}[scope]


def test_pause_and_resume_by_each_scope(nodes, simulator):
    database = nodes[0].database
    for scope in ("tenant", "outlet", "number", "all"):
        message, number = new_message(), str(next(NUMBER))
        simulator.script("outlet", message["outlet_id"], "ok", number=number)
        words = subject_of(scope, message, number)
        flow = Flow(nodes, message)
        try:
            flow.wait_for_more()
            text = cli(database, "pause", *words, "--why", "a test", "--by", "rani")
            paused = clock(database)
            assert " paused by rani since " in text and text.endswith(": a test\n")
            flow.wait_for_more()
            # Others are not held, and those that are are not begun.
            other = new_message()
            status, body = post(nodes[0], other, {"Prefer": "wait=1"})
            assert status == (202 if scope == "all" else 200), (scope, body)
            flow.wait_for_more()
            late = [(row["begun_at"] - paused).total_seconds()
                    for row in begun_after(database, message["tenant_id"], paused)]
            print(scope, "last attempt begun after the command's end:", late[-1:])
            assert not late or late[-1] <= EFFECTIVE_SECONDS
        finally:
            flow.stop()
        wait_until(lambda: held(database, tenant_id=message["tenant_id"]) and not database.query(
            "SELECT 1 FROM message_sender.work WHERE tenant_id = %s AND state <> 'held'"
            " AND state <> 'sent'", message["tenant_id"]), 10, "all that is left is held")
        order = held_in_order(database, message["tenant_id"])
        waiting = sum(map(len, order.values()))
        since = clock(database)
        text = cli(database, "resume", *words, "--by", "budi")
        assert "released: " in text and f"({waiting + (scope == 'all')} messages waited)" in text
        first = wait_until(lambda: begun_after(database, message["tenant_id"], since), 5, "begun")
        print(scope, waiting, "messages; first attempt begun after the resume began:",
              (first[0]["begun_at"] - since).total_seconds())
        wait_until(lambda: not database.query(
            "SELECT 1 FROM message_sender.message WHERE state <> 'sent'"), 20, "all are sent")
        flow.check_sent_once(simulator)
        for ids in order.values():
            assert accepted_in_order(database, ids) == ids
        assert (first[0]["begun_at"] - since).total_seconds() <= EFFECTIVE_SECONDS


def kill(service):
    """The whole node, at once."""
    for pid in [*service.workers(), service.pid]:
        os.kill(pid, signal.SIGKILL)
    service.kill()


def get(service, path):
    return json.loads(service.ask("GET", f"/api/v1/messages/{path}").body)


def test_a_hold_survives_crashes_and_is_told(new_service, simulator):
    """Who and why: pause, explain, events, queue status, the list; nothing is lost or sent."""
    service = new_service(WORKERS=2)
    database, message = service.database, new_message()
    cli(database, "pause", "--tenant", message["tenant_id"], "--why", "wrong prices")
    ids = [post_async(service, message) for _ in range(5)]
    status, body = post(service, message, {"Prefer": "wait=1"})
    assert (status, body["status"], body["state_detail"]) == (202, "queued", "held")
    ids.append(body["message_id"])
    kill(service)
    service.start()
    ids.append(post_async(service, message))
    wait_until(lambda: held(database, tenant_id=message["tenant_id"]) == 7, 20, "all are held")
    user = pwd.getpwuid(os.getuid()).pw_name
    text = f"tenant {message['tenant_id']} paused by {user} since "
    assert text in get(service, f"{ids[0]}/explain")["summary"]
    assert text in cli(database, "message", "explain", ids[0])
    assert "wrong prices" in cli(database, "message", "show", ids[0])
    events = get(service, f"{ids[0]}/events")["events"]
    waiting, = [e for e in events if e["event"] == "waiting"]
    assert waiting["for"] == "the end of a hold" and waiting["until"] is None
    assert text in waiting["reason"] and "wrong prices" in waiting["reason"]
    assert "wrong prices" in cli(database, "queue", "status")
    listed = json.loads(cli(database, "pause", "--list", "--json"))["holds"]
    assert [(h["scope"], h["tenant_id"], h["reason"], h["messages"]) for h in listed] == \
        [("tenant", message["tenant_id"], "paused", 7)]
    assert simulator.recipient(message["to"])["calls"] == 0
    assert "held already: " in cli(database, "pause", "--tenant", message["tenant_id"])
    cli(database, "resume", "--tenant", message["tenant_id"], "--by", "budi", "--why", "mended")
    for message_id in ids:
        database.wait_state(message_id, "sent", 10)
    seen = simulator.recipient(message["to"])
    assert seen["accepted"] == 7 and [a.split(":")[0] for a in seen["attempts"]] == ids
    events = get(service, f"{ids[0]}/events")["events"]
    waited, = [e for e in events if e["event"] == "waited"]
    assert waited["for"] == "the end of a hold" and waited["until"] and text in waited["reason"]
    assert "nothing is held there" in cli(database, "resume", "--tenant", message["tenant_id"])
    assert "nothing is held" in cli(database, "pause", "--list")
    assert command("check", env={"DATABASE_URL": database.url}).returncode == 0
    # Its record stays.
    row = database.query("SELECT * FROM message_sender.hold")
    assert [(r["set_by"], r["note"], r["released_by"], r["release_note"]) for r in row] == \
        [(user, "wrong prices", "budi", "mended")]


def test_a_caller_waits_for_the_release(new_service, simulator):
    service = new_service(WORKERS=2)
    message = new_message()
    cli(service.database, "pause", "--all")
    answer = []
    thread = threading.Thread(target=lambda: answer.append(post(service, message)))
    thread.start()
    wait_until(lambda: held(service.database), 5, "it is held")
    cli(service.database, "resume", "--all")
    thread.join(5)
    assert answer and answer[0][0] == 200


def test_validity_ends_what_is_held(new_service):
    service = new_service(WORKERS=2)
    database = service.database
    cli(database, "pause", "--all")
    message_id = post_async(service, new_message())
    wait_until(lambda: held(database), 5, "it is held")
    database.query("UPDATE message_sender.work SET expires_at = now()")
    assert database.wait_state(message_id, "failed", 10)["failure_code"] == -12
    assert [e["for"] for e in get(service, f"{message_id}/events")["events"]
            if e["event"] == "waited"] == ["the end of a hold"]


@pytest.mark.parametrize("words", [(), ("--tenant", "a", "--all"), ("--outlet", "no-slash"),
                                   ("--outlet", "/o"), ("--outlet", "t/"),
                                   ("--tenant", "t", "--outlet", ""),
                                   ("--tenant", "t", "--outlet", "o", "--all"),
                                   ("--number", "12a"), ("--number", "1" * 32),
                                   ("--tenant", "x" * 129), ("--all", "--why", "x" * 501),
                                   ("--all", "--by", "x" * 101), ("--list", "--all")])
def test_what_cannot_be_paused(database, words):
    done = command("pause", *words, env={"DATABASE_URL": database.url})
    assert done.returncode == 2 and "pause: " in done.stderr and done.stdout == ""
    assert not database.query("SELECT 1 FROM message_sender.hold WHERE released_at IS NULL")


def test_an_outlet_of_a_tenant_with_a_slash(database):
    words = ("--tenant", "a/b", "--outlet", "c/d")
    assert cli(database, "pause", *words).startswith("outlet a/b/c/d paused by ")
    row, = database.query("SELECT tenant_id, outlet_id FROM message_sender.hold"
                          " WHERE released_at IS NULL")
    assert (row["tenant_id"], row["outlet_id"]) == ("a/b", "c/d")
    assert "nothing is held there" in cli(database, "resume", "--outlet", "a/b/c/d")
    assert "released: outlet a/b/c/d" in cli(database, "resume", *words)


def accepted_in_order(database, ids):
    """The accepted attempts of these messages, in the order in which they began."""
    rows = database.query("SELECT message_id::text AS id FROM message_sender.attempt"
                          " WHERE outcome = 'accepted' AND message_id = ANY (%s::uuid[])"
                          " ORDER BY begun_at", ids)
    return [row["id"] for row in rows]


def test_a_refused_token_holds_its_outlet(new_service, sockets, simulator):
    """Nothing fails but for who waits; after the token is mended all is sent, once, in order."""
    service = new_managed(new_service, sockets, "token", WORKERS=2, TOKEN_PROBE_SECONDS=1)
    database, message, number = service.database, new_message(), str(next(NUMBER))
    simulator.script("outlet", message["outlet_id"], "ok", number=number, token="t")
    recipients = [{**message, "to": new_message()["to"]} for _ in range(3)]
    ids = {m["to"]: [] for m in recipients}
    for _ in range(4):
        for m in recipients:
            ids[m["to"]].append(post_async(service, m))
    wait_until(lambda: held(database) == 12, 10, "all are held")
    status, body = post(service, {**message, "to": new_message()["to"]})
    assert (status, body["error"], body["details"]["code"]) == (500, "send_failed", 190)
    assert len(database.query("SELECT 1 FROM message_sender.message WHERE state = 'failed'")) == 1
    row, = database.query("SELECT * FROM message_sender.hold")
    assert (row["tenant_id"], row["outlet_id"], row["number"]) == \
        (message["tenant_id"], message["outlet_id"], number)
    assert (row["scope"], row["reason"], row["set_by"]) == ("outlet", "token", "message-sender")
    assert row["note"].startswith("Meta's code 190: ") and row["released_at"] is None
    first = ids[recipients[0]["to"]][0]
    wait_until(lambda: "token_refused" in service.log.read_text(), 10, "a probe is refused")
    wait_until(lambda: held(database) == 12, 5, "and back among the others")
    text = f"{outlet_of(message)} held for its token (number {number}) by message-sender since "
    assert text in get(service, f"{first}/explain")["summary"]
    waiting, = [e for e in get(service, f"{first}/events")["events"] if e["event"] == "waiting"]
    assert waiting["for"] == "the end of a hold" and text in waiting["reason"]
    assert len(service.events("outlet_held", number=number)) == 1
    wait_until(lambda: metrics(service)["token_holds"] == 1, 5, "the hold is counted")
    refused = len(database.query("SELECT 1 FROM message_sender.attempt WHERE code = 190"))
    wait_until(lambda: metrics(service)["token_errors_total"] >= refused, 5, "so is each refusal")
    assert refused > 1
    kill(service)
    service.start()
    simulator.script("outlet", message["outlet_id"], "ok", number=number)
    for to, expected in ids.items():
        for message_id in expected:
            database.wait_state(message_id, "sent", 20)
        assert accepted_in_order(database, expected) == expected
        assert simulator.recipient(to)["accepted"] == 4
    assert len(service.events("outlet_released", number=number)) == 1
    wait_until(lambda: metrics(service)["token_holds"] == 0, 5, "it is counted no more")
    row, = database.query("SELECT * FROM message_sender.hold")
    assert row["released_by"] == "message-sender" and row["release_note"]
    assert command("check", env={"DATABASE_URL": database.url}).returncode == 0


def test_a_refused_token_holds_no_other_outlet(new_service, simulator):
    """Outlets of this and another tenant that name the same number go on, all the time."""
    service = new_service(WORKERS=2, TOKEN_PROBE_SECONDS=1)
    database, bad, number = service.database, new_message(), str(next(NUMBER))
    good = [new_message(tenant_id=bad["tenant_id"]), new_message()]
    simulator.script("outlet", bad["outlet_id"], "ok", number=number, token="t")
    for message in good:
        simulator.script("outlet", message["outlet_id"], "ok", number=number)
    ids = [post_async(service, bad) for _ in range(3)]
    wait_until(lambda: held(database) == 3, 10, "all of the bad one are held")
    for message in good:
        for _ in range(2):
            database.wait_state(post_async(service, message), "sent", 5)
    wait_until(lambda: service.events("token_refused", number=number), 10, "a probe is refused")
    for message in good:
        database.wait_state(post_async(service, message), "sent", 5)
        status, _ = post(service, message)
        assert status == 200
    row, = database.query("SELECT * FROM message_sender.hold")
    assert (row["tenant_id"], row["outlet_id"]) == (bad["tenant_id"], bad["outlet_id"])
    assert row["released_at"] is None
    assert not database.query("SELECT 1 FROM message_sender.message WHERE state = 'sent'"
                              " AND outlet_id = %s", bad["outlet_id"])
    simulator.script("outlet", bad["outlet_id"], "ok", number=number)
    for message_id in ids:
        database.wait_state(message_id, "sent", 20)
    assert accepted_in_order(database, ids) == ids
    row, = database.query("SELECT * FROM message_sender.hold")
    assert row["released_by"] == "message-sender"
    assert command("check", env={"DATABASE_URL": database.url}).returncode == 0


@pytest.mark.parametrize("scope", ["outlet", "number"])
def test_a_refused_token_is_resumed_by_hand(new_service, simulator, scope):
    service = new_service(WORKERS=2, TOKEN_PROBE_SECONDS=3600, CREDENTIALS_CACHE_SECONDS=0)
    message, number = new_message(), str(next(NUMBER))
    simulator.script("outlet", message["outlet_id"], "ok", number=number, token="t")
    message_id = post_async(service, message)
    wait_until(lambda: held(service.database) == 1, 10, "it is held")
    simulator.script("outlet", message["outlet_id"], "ok", number=number)
    text = cli(service.database, "resume", *subject_of(scope, message, number))
    assert f"released: {outlet_of(message)} held for its token (number {number}) by" in text
    service.database.wait_state(message_id, "sent", 5)
