"""`message-sender queue replay`: failed messages once more, each as a new message."""

import json
import os
import signal
import subprocess

import pytest

from harness.api import SEND, new_message
from harness.process import SANITIZERS
from harness.service import PROGRAM, command
from harness.wait import wait_until

WHO = ("--yes", "--by", "rani", "--why", "the template was wrong")


@pytest.fixture(scope="module")
def house(new_module_service):
    return new_module_service(MAX_RETRIES=0)


def fail(house, simulator, count, tenant, **fields):
    """So many failed messages of a tenant; their ids, in order."""
    messages = [new_message(tenant_id=tenant, **fields) for _ in range(count)]
    ids = []
    for message in messages:
        simulator.script("graph", message["to"], "error", code=131026, status=400, times=1)
        reply = house.ask("POST", SEND, json.dumps(message).encode(),
                          {"Content-Type": "application/json"})
        assert reply.status == 500, reply.body
        ids.append(json.loads(reply.body)["message_id"])
    return ids


def replay(house, *words):
    return command("queue", "replay", *words, env={"DATABASE_URL": house.database.url})


def replayed(house, *words):
    """The pairs (old, new) of a replay."""
    done = replay(house, "--json", *WHO, *words)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    pairs = [(row["replay_of"], row["message_id"])
             for line in lines[:-1] for row in line["replayed"]]
    assert lines[-1] == {"dry_run": False, "messages": len(pairs)}
    return pairs


def read(house, message_id, what=""):
    reply = house.ask("GET", f"/api/v1/messages/{message_id}{what}")
    assert reply.status == 200
    return json.loads(reply.body)


def test_a_dry_run_tells_and_does_nothing(house, simulator):
    ids = fail(house, simulator, 3, "dry")
    done = replay(house, "--tenant", "dry")
    assert done.returncode == 0, done.stderr
    assert "3 would be replayed. Nothing was done" in done.stdout and ids[0] in done.stdout
    body = json.loads(replay(house, "--tenant", "dry", "--json").stdout)
    assert (body["dry_run"], body["messages"]) == (True, 3)
    assert [(g["tenant_id"], g["code"], g["messages"]) for g in body["groups"]] == [
        ("dry", 131026, 3)]
    assert body["groups"][0]["first"].split() == ids
    assert house.database.query("SELECT FROM message_sender.replay JOIN message_sender.message m"
                                " ON m.message_id = replay_of WHERE m.tenant_id = 'dry'") == []


def test_each_is_sent_as_a_new_message_once(house, simulator):
    """The old one stays failed; both say so; a second run finds nothing left."""
    ids = fail(house, simulator, 2, "once")
    pairs = replayed(house, "--tenant", "once")
    assert [old for old, _ in pairs] == ids
    for old, new in pairs:
        house.database.wait_state(new, "sent")
        assert simulator.message(new)["accepted"] == 1
        whole = read(house, old)
        assert (whole["status"], whole["replay_of"], whole["replayed_by"]) == ("failed", None, new)
        last = read(house, old, "/events")["events"][-1]
        assert (last["event"], last["as"], last["by"], last["why"]) == (
            "replayed", new, "rani", "the template was wrong")
        whole = read(house, new)
        assert (whole["status"], whole["replay_of"], whole["replayed_by"]) == ("sent", old, None)
        body = read(house, new, "/events")
        assert body["replay_of"] == old
        assert [e["event"] for e in body["events"][:2]] == ["accepted", "replay"]
        assert body["events"][1]["of"] == old
    assert replayed(house, "--tenant", "once") == []
    again = replayed(house, "--tenant", "once", "--again")
    assert [old for old, _ in again] == ids
    assert not {new for _, new in again} & {new for _, new in pairs}
    assert read(house, ids[0])["replayed_by"] == again[0][1]
    for _, new in again:
        house.database.wait_state(new, "sent")


def test_filters(house, simulator):
    ids = fail(house, simulator, 3, "filters", outlet_id="here")
    other = fail(house, simulator, 1, "filters", outlet_id="there")
    rows = {row["message_id"]: row for row in house.database.messages("filters")}
    number = next(str(row["number"]) for row in rows.values() if row["outlet_id"] == "here")

    def count(*words):
        return json.loads(replay(house, "--json", "--tenant", "filters", *words).stdout)["messages"]

    assert count() == 4
    assert count("--outlet", "there") == 1 and count("--outlet", "filters/there") == 0
    assert count("--number", number) >= 3
    assert count("--code", "131026") == 4 and count("--code", "131047") == 0
    assert count("--since", "2099-01-01T00:00:00Z") == 0
    assert count("--until", "2020-01-01T00:00:00Z", "--since", "2019-01-01T00:00:00Z") == 0
    assert [old for old, _ in replayed(house, "--outlet", "filters/there")] == other
    assert replayed(house, "--tenant", "filters", "--outlet", "there") == []
    # --limit at one less, exactly, one more.
    assert [old for old, _ in replayed(house, "--tenant", "filters", "--limit", "2")] == ids[:2]
    assert [old for old, _ in replayed(house, "--tenant", "filters", "--limit", "1")] == ids[2:]
    assert replayed(house, "--tenant", "filters", "--limit", "1") == []


def test_what_the_customer_may_have_is_left_out(house, simulator):
    message = new_message(tenant_id="lost")
    simulator.script("graph", message["to"], "drop_reply", times=1)
    reply = house.ask("POST", SEND, json.dumps(message).encode(),
                      {"Content-Type": "application/json"})
    assert reply.status == 202
    message_id = json.loads(reply.body)["message_id"]
    house.database.wait_state(message_id, "unknown")
    # It waits: no more, when one is as many as may.
    for limit, told in (("1", "1 messages of tenant lost wait already"), ("2", "")):
        done = command("queue", "replay", "--tenant", "lost", *WHO, env={
            "DATABASE_URL": house.database.url, "MAX_BACKLOG_PER_TENANT": limit})
        assert (done.returncode, told in done.stderr) == (1 if told else 0, True), done.stderr
    done = command("queue", "resolve", message_id, "--as", "failed", "--by", "rani", "--why", "x",
                   env={"DATABASE_URL": house.database.url})
    assert done.returncode == 0, done.stderr
    assert replayed(house, "--tenant", "lost") == []
    dry = replay(house, "--tenant", "lost")
    assert "1 are left out, as a reply was lost" in dry.stdout
    done = replay(house, "--tenant", "lost", "--include-unknown", *WHO)
    assert done.returncode == 0 and "may be sent a second time" in done.stderr
    assert "1 in all" in done.stdout
    # Its outcome comes after all: nothing overrides that.
    house.database.query("UPDATE message_sender.attempt SET outcome = 'accepted',"
                         f" wamid = 'wamid.late' WHERE message_id = '{message_id}'")
    assert replayed(house, "--tenant", "lost", "--include-unknown", "--again") == []
    dry = replay(house, "--tenant", "lost", "--include-unknown", "--again")
    assert "1 are left out, as WhatsApp accepted them after all" in dry.stdout
    whole = read(house, message_id)
    assert (whole["status"], whole["whatsapp_message_id"]) == ("failed", "wamid.late")
    assert "accepted it after all, as wamid.late" in read(house, message_id, "/explain")["summary"]


def test_it_is_interrupted_and_repeated(house, simulator):
    """Each is replayed once, whenever it stopped."""
    ids = fail(house, simulator, 6, "stopped")
    words = [PROGRAM, "queue", "replay", "--tenant", "stopped", *WHO, "--rate", "1"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={
        "PATH": os.environ["PATH"], **SANITIZERS, "DATABASE_URL": house.database.url})
    try:
        assert running.stdout.readline().startswith("1 replayed")
        assert running.stdout.readline().startswith("2 replayed")
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=10)
    assert running.returncode == -signal.SIGTERM
    rest = [old for old, _ in replayed(house, "--tenant", "stopped")]
    assert rest == ids[2:], "one a second, and those that were done are left out"

    def all_sent():
        rows = house.database.query(
            "SELECT m.state, r.replay_of::text FROM message_sender.replay r"
            " JOIN message_sender.message m USING (message_id) WHERE m.tenant_id = 'stopped'")
        return sorted(row["replay_of"] for row in rows) == sorted(ids) and all(
            row["state"] == "sent" for row in rows)

    wait_until(all_sent, 10, "each was sent")


@pytest.mark.parametrize("words, says", [
    (["--yes"], "--by"), (["--limit", "0"], "--limit"), (["--limit", "1000001"], "--limit"),
    (["--rate", "0"], "--rate"), (["--rate", "1001"], "--rate"), (["--since", "today"], "--since"),
    (["--code", "x"], "--code"), (["--outlet", "there"], "TENANT/OUTLET"),
    (["--tenant", "a b", "--outlet", "c"], "--tenant TENANT"),
])
def test_wrong_words(house, words, says):
    done = replay(house, *words)
    assert done.returncode == 2 and says in done.stderr, done.stderr
