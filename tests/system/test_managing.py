"""Pause, resume, resolve and replay by key (scope manage): as the command line does it, and within
what the key is of."""

import json
import uuid

import pytest

from harness.api import SEND, new_message
from harness.keys import KeyApi, new_key
from harness.service import command
from harness.wait import wait_until

PAUSE, RESUME, REPLAY = "/api/v1/pause", "/api/v1/resume", "/api/v1/replay"
MESSAGES = "/api/v1/messages"
NOBODY = "01900000-0000-7000-8000-000000000000"
SCOPES = "send,read,manage"
PAUSE_SECONDS = 1


@pytest.fixture(scope="module")
def house(new_module_service):
    return new_module_service(AUTH="keys", MAX_RETRIES=0, UNKNOWN_POLICY="hold")


class Caller:
    """A tenant with a key; or a key of no tenant."""

    def __init__(self, house, tenant=True, **more):
        self.id = f"t-{uuid.uuid4()}" if tenant is True else tenant
        self.key = new_key(house.database, SCOPES, self.id, **more)
        self.api = KeyApi(house, self.key)
        self.who = f"key:{self.key['id']}"

    def ask(self, method, path, body=None, headers=None):
        reply = self.api.ask(method, path, body, headers)
        return reply.status, json.loads(reply.body)

    def post(self, path, **body):
        return self.ask("POST", path, body)

    def send(self, **fields):
        """A message that nobody waits for."""
        status, body = self.ask("POST", SEND, new_message(tenant_id=self.id, **fields),
                                {"Prefer": "respond-async"})
        assert status == 202, body
        return body["message_id"]

    def fail(self, simulator, count=1, **fields):
        """So many failed messages."""
        ids = []
        for _ in range(count):
            message = new_message(tenant_id=self.id, **fields)
            simulator.script("graph", message["to"], "error", code=131026, status=400, times=1)
            status, body = self.ask("POST", SEND, message)
            assert status == 500, body
            ids.append(body["message_id"])
        return ids

    def lose(self, house, simulator):
        """A message whose reply is lost."""
        message = new_message(tenant_id=self.id)
        simulator.script("graph", message["to"], "drop_reply", times=1)
        status, body = self.ask("POST", SEND, message)
        assert status == 202, body
        house.database.wait_state(body["message_id"], "unknown")
        return body["message_id"]


@pytest.fixture
def caller(house):
    return Caller(house)


def code(answer):
    return answer[0], answer[1]["code"], answer[1]["message"].split(":")[0]


# -- pause and resume ------------------------------------------------------------------------


def test_a_tenant_pauses_and_resumes_itself(house, caller):
    status, held = caller.post(PAUSE, why="stock is being counted")
    assert (status, held["scope"], held["tenant_id"], held["new"]) == (200, "tenant", caller.id, True)
    assert caller.who in held["hold"] and held["hold"].endswith(": stock is being counted")
    assert caller.post(PAUSE)[1]["new"] is False
    message_id = caller.send()
    house.database.wait_state(message_id, "held")
    why = caller.ask("GET", f"{MESSAGES}/{message_id}/explain")[1]
    assert why["state_detail"] == "held" and caller.who in why["summary"]
    status, body = caller.post(RESUME)
    assert status == 200 and [r["messages"] for r in body["released"]] == [1]
    house.database.wait_state(message_id, "sent")
    assert caller.post(RESUME) == (200, {"released": []})
    rows = house.database.query("SELECT set_by, released_by, note FROM message_sender.hold"
                                " WHERE tenant_id = %s", caller.id)
    assert [tuple(row.values()) for row in rows] == [
        (caller.who, caller.who, "stock is being counted")]


def test_a_pause_is_in_force_within_a_second(house, caller):
    """Who sends without a break has nothing begun behind that second, whichever worker it was."""
    caller.post(PAUSE)
    held_at = house.database.query("SELECT set_at FROM message_sender.hold WHERE set_by = %s",
                                   caller.who)[0]["set_at"]
    wait_until(lambda: house.database.query(
        "SELECT clock_timestamp() > %s + make_interval(secs => %s) AS over",
        held_at, PAUSE_SECONDS)[0]["over"] or not caller.send(), 10, "a second is over")
    ids = [caller.send() for _ in range(10)]
    for message_id in ids:
        house.database.wait_state(message_id, "held")
    begun = house.database.query(
        "SELECT a.message_id FROM message_sender.attempt a JOIN message_sender.message m"
        " USING (message_id) WHERE m.tenant_id = %s AND a.begun_at > %s + make_interval(secs => %s)",
        caller.id, held_at, PAUSE_SECONDS)
    assert begun == []


def test_one_outlet(house, caller):
    status, held = caller.post(PAUSE, tenant_id=caller.id, outlet_id="closed")
    assert (status, held["scope"], held["outlet_id"]) == (200, "outlet", "closed")
    waits, goes = caller.send(outlet_id="closed"), caller.send(outlet_id="open")
    house.database.wait_state(goes, "sent")
    house.database.wait_state(waits, "held")
    assert caller.post(RESUME)[1] == {"released": []}, "the tenant is not held, its outlet is"
    assert len(caller.post(RESUME, outlet_id="closed")[1]["released"]) == 1
    house.database.wait_state(waits, "sent")


def test_what_a_person_paused_stays(house, caller):
    env = {"DATABASE_URL": house.database.url}
    done = command("pause", "--tenant", caller.id, "--by", "rani", "--why", "unpaid", env=env)
    assert done.returncode == 0, done.stderr
    assert caller.post(PAUSE)[1]["new"] is True
    message_id = caller.send()
    house.database.wait_state(message_id, "held")
    status, body = caller.post(RESUME)
    assert status == 200 and len(body["released"]) == 1 and caller.who in body["released"][0]["hold"]
    house.database.wait_state(message_id, "held")
    assert caller.post(PAUSE)[1]["new"] is True
    done = command("resume", "--tenant", caller.id, env=env)
    assert "rani" in done.stdout and caller.who in done.stdout, "a person ends both"
    house.database.wait_state(message_id, "sent")


def test_a_key_holds_only_what_it_is_of(house, caller):
    some = Caller(house, caller.id, outlet="mine")
    for path in (PAUSE, RESUME):
        for asked, body, field in (
                (caller, {"all": True}, "all"), (caller, {"number": "155501"}, "number"),
                (caller, {"tenant_id": "another"}, "tenant_id"),
                (caller, {"tenant_id": "another", "outlet_id": "mine"}, "tenant_id"),
                (some, {}, "outlet_id"), (some, {"outlet_id": "other"}, "outlet_id")):
            assert code(asked.post(path, **body)) == (403, "FORBIDDEN", field), body
    assert some.post(PAUSE, outlet_id="mine")[0] == 200
    assert len(some.post(RESUME, outlet_id="mine")[1]["released"]) == 1


def test_a_key_of_no_tenant_is_the_operators(house):
    operator, tenant = Caller(house, None), f"t-{uuid.uuid4()}"
    assert code(operator.post(PAUSE)) == (400, "INVALID_REQUEST", "tenant_id")
    for body in ({"tenant_id": tenant}, {"tenant_id": tenant, "outlet_id": "o"},
                 {"number": "999155"}):
        assert operator.post(PAUSE, **body)[1]["new"] is True
        assert len(operator.post(RESUME, **body)[1]["released"]) == 1
    rows = house.database.query("SELECT DISTINCT reason FROM message_sender.hold WHERE set_by = %s",
                                operator.who)
    assert [row["reason"] for row in rows] == ["paused"]


def test_a_tenant_has_so_many_pauses(house, caller):
    house.database.query(
        "INSERT INTO message_sender.hold (scope, tenant_id, outlet_id, reason, set_by)"
        f" SELECT 'outlet', '{caller.id}', 'o-' || n, 'caller', 'x' FROM generate_series(1, 199) n")
    assert caller.post(PAUSE, outlet_id="last")[0] == 200
    assert code(caller.post(PAUSE, outlet_id="one-more"))[:2] == (409, "TOO_MANY_HOLDS")
    assert Caller(house).post(PAUSE)[0] == 200, "another tenant's are its own"


# -- resolve ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what, becomes", [("sent", "sent"), ("failed", "failed"),
                                           ("resend", "sent")])
def test_a_lost_reply_is_decided_once(house, simulator, caller, what, becomes):
    message_id = caller.lose(house, simulator)
    path = f"{MESSAGES}/{message_id}/resolve"
    known = {"whatsapp_message_id": "wamid.known"} if what == "sent" else {}
    status, body = caller.post(path, **{"as": what, "why": "asked the customer"}, **known)
    assert status == 200 and body["message_id"] == message_id, body
    house.database.wait_state(message_id, becomes)
    event = next(e for e in caller.ask("GET", f"{MESSAGES}/{message_id}/events")[1]["events"]
                 if e.get("by") == caller.who)
    assert event["why"] == "asked the customer"
    answer = caller.post(path, **{"as": what, "why": "again"})
    assert code(answer)[:2] == (409, "NOT_RESOLVABLE") and "not unknown" in answer[1]["message"]
    assert answer[1]["details"]["message_id"] == message_id
    assert simulator.message(message_id)["accepted"] == (2 if what == "resend" else 1)


def test_nobody_else_decides(house, simulator, caller):
    message_id = caller.lose(house, simulator)
    body = {"as": "failed", "why": "x"}
    theirs = Caller(house).post(f"{MESSAGES}/{message_id}/resolve", **body)
    missing = Caller(house).post(f"{MESSAGES}/{NOBODY}/resolve", **body)
    assert theirs == missing and theirs[0] == 404
    other_outlet = Caller(house, caller.id, outlet="other")
    assert other_outlet.post(f"{MESSAGES}/{message_id}/resolve", **body) == missing
    assert Caller(house, None).post(f"{MESSAGES}/{NOBODY}/resolve", **body)[0] == 404
    assert house.database.message(message_id)["state"] == "unknown"


# -- replay ----------------------------------------------------------------------------------


def test_a_replay_is_told_and_then_done_once(house, simulator, caller):
    ids = caller.fail(simulator, 3)
    status, told = caller.post(REPLAY)
    assert (status, told["dry_run"], told["messages"], told["limit"]) == (200, True, 3, 1000)
    assert told["groups"] == [{"code": 131026, "messages": 3}]
    assert code(caller.post(REPLAY, dry_run=False)) == (400, "INVALID_REQUEST", "why")
    status, done = caller.post(REPLAY, dry_run=False, why="template corrected", limit=2)
    assert (status, done["messages"], done["left_out"], done["more"]) == (200, 2, 0, True)
    assert [pair["replay_of"] for pair in done["replayed"]] == ids[:2]
    for pair in done["replayed"]:
        house.database.wait_state(pair["message_id"], "sent")
        assert simulator.message(pair["message_id"])["accepted"] == 1
    event = caller.ask("GET", f"{MESSAGES}/{ids[0]}/events")[1]["events"][-1]
    assert (event["event"], event["by"], event["why"]) == (
        "replayed", caller.who, "template corrected")
    status, done = caller.post(REPLAY, dry_run=False, why="the rest")
    assert [pair["replay_of"] for pair in done["replayed"]] == ids[2:] and not done["more"]
    assert caller.post(REPLAY, dry_run=False, why="nothing left")[1]["messages"] == 0
    assert caller.post(REPLAY)[1]["left_out_replayed"] == 3


def test_a_replay_keeps_to_its_rate(house, simulator, caller):
    caller.fail(simulator, 3)
    done = caller.post(REPLAY, dry_run=False, why="slowly", rate=1)[1]
    assert done["messages"] == 3
    rows = house.database.query(
        "SELECT extract(epoch FROM max(replayed_at) - min(replayed_at))::float8 AS s"
        " FROM message_sender.replay WHERE replayed_by = %s", caller.who)
    assert rows[0]["s"] >= 1.9


def test_a_replay_takes_only_the_tenants_own(house, simulator, caller):
    caller.fail(simulator, 1, outlet_id="mine")
    Caller(house).fail(simulator, 1)
    assert caller.post(REPLAY)[1]["messages"] == 1
    assert caller.post(REPLAY, outlet_id="another")[1]["messages"] == 0
    assert caller.post(REPLAY, code=131047)[1]["messages"] == 0
    some = Caller(house, caller.id, outlet="mine")
    assert code(some.post(REPLAY)) == (403, "FORBIDDEN", "outlet_id")
    assert some.post(REPLAY, outlet_id="mine")[1]["messages"] == 1
    assert code(caller.post(REPLAY, tenant_id="another")) == (403, "FORBIDDEN", "tenant_id")
    assert code(Caller(house, None).post(REPLAY)) == (400, "INVALID_REQUEST", "tenant_id")


def test_what_may_have_been_sent_is_left_out(house, simulator, caller):
    message_id = caller.lose(house, simulator)
    assert caller.post(f"{MESSAGES}/{message_id}/resolve", **{"as": "failed", "why": "x"})[0] == 200
    told = caller.post(REPLAY)[1]
    assert (told["messages"], told["left_out_unknown"]) == (0, 1)
    assert caller.post(REPLAY, dry_run=False, why="x")[1]["messages"] == 0
    assert caller.post(REPLAY, dry_run=False, why="x", include_unknown=True)[1]["messages"] == 1


def test_a_replay_asks_for_the_quota(simulator, house, caller):
    caller.fail(simulator, 1)
    simulator.script("quota", caller.id, "deny")
    assert caller.post(REPLAY)[0] == 200, "a dry run takes nothing"
    assert code(caller.post(REPLAY, dry_run=False, why="x"))[:2] == (429, "QUOTA_EXCEEDED")


# -- all of them -----------------------------------------------------------------------------


@pytest.mark.parametrize("path, body, field", [
    (PAUSE, {"tenant": "x"}, "tenant"), (PAUSE, {"all": 1}, "all"),
    (PAUSE, {"outlet_id": "a b"}, "outlet_id"), (PAUSE, {"number": "12x"}, "number"),
    (PAUSE, {"why": "x" * 501}, "why"), (RESUME, {"tenant_id": 5}, "tenant_id"),
    (RESUME, {"number": "1" * 32}, "number"),
    (f"{MESSAGES}/{NOBODY}/resolve", {"as": "delivered", "why": "x"}, "as"),
    (f"{MESSAGES}/{NOBODY}/resolve", {"as": "sent"}, "why"),
    (f"{MESSAGES}/{NOBODY}/resolve",
     {"as": "failed", "why": "x", "whatsapp_message_id": "wamid.1"}, "whatsapp_message_id"),
    (f"{MESSAGES}/{NOBODY}/resolve",
     {"as": "sent", "why": "x", "whatsapp_message_id": "w" * 151}, "whatsapp_message_id"),
    (REPLAY, {"limit": 0}, "limit"), (REPLAY, {"limit": 1001}, "limit"),
    (REPLAY, {"rate": 0}, "rate"), (REPLAY, {"rate": 1001}, "rate"), (REPLAY, {"code": 0}, "code"),
    (REPLAY, {"code": "131026"}, "code"), (REPLAY, {"since": "today"}, "since"),
    (REPLAY, {"until": ""}, "until"), (REPLAY, {"dry_run": "no"}, "dry_run"),
    (REPLAY, {"again": True}, "again"),
])
def test_what_is_wrong_is_named(caller, path, body, field):
    assert code(caller.post(path, **body)) == (400, "INVALID_REQUEST", field)


@pytest.mark.parametrize("path", [PAUSE, RESUME, REPLAY, f"{MESSAGES}/{NOBODY}/resolve"])
def test_the_scope_is_manage_and_there_have_to_be_keys(house, service, path):
    reader = KeyApi(house, new_key(house.database, "send,read,report", "t"))
    assert reader.ask("POST", path, {}).status == 403
    assert KeyApi(house).ask("POST", path, {}).status == 401
    refused = service.ask("POST", path, b"{}")
    assert refused.status == 403 and b"AUTH=none" in refused.body
