"""Three tenants with a key each: every route, asked with every kind of id of another tenant, tells
and does nothing.  A route without a row here fails."""

import datetime
import itertools
import json
import re
import uuid

import pytest

from harness.api import BULK, SEND, new_message
from harness.keys import KeyApi, new_key
from harness.process import TOP

MESSAGES = "/api/v1/messages"
BATCHES = "/api/v1/batches"
PAUSE, RESUME, REPLAY = "/api/v1/pause", "/api/v1/resume", "/api/v1/replay"
REPORTS = "/api/v1/reports/daily"
ROUTER = TOP / "src" / "http" / "router.c"
# In a while, so that all of it is there to be cancelled.
LATER = f"{datetime.datetime.utcnow() + datetime.timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"
NOBODY = "01900000-0000-7000-8000-000000000000"


def content(reply):
    return json.loads(reply.body)


def later(**fields):
    return new_message(tenant_id=None, send_at=LATER, **fields)


class Tenant:
    """What one tenant has: one of each kind of id, and a text that must not be seen elsewhere."""

    def __init__(self, service, database):
        self.id = f"t-{uuid.uuid4()}"
        self.text = f"secret of {self.id}"
        self.idempotency_key = f"key-{uuid.uuid4()}"
        self.api = KeyApi(service, new_key(database, "send,read,manage,report", self.id))
        self.body = later(message=self.text)
        keyed = {"Idempotency-Key": self.idempotency_key}
        self.message = content(self.api.ask("POST", SEND, self.body, keyed))["message_id"]
        reply = self.api.ask("POST", BULK, {"messages": [self.body]})
        self.batch = content(reply)["batch_id"]
        self.of_batch = content(reply)["results"][0]["message_id"]

    def secrets(self):
        return (self.id, self.text, self.message, self.batch, self.of_batch, self.body["to"],
                self.body["outlet_id"])


# Name of the route -> kind of id -> what is asked with that id of another tenant, and the status.
def by_id(method, path, kinds):
    return {kind: lambda t, kind=kind: (method, path % getattr(t, kind), None, {}, 404)
            for kind in kinds}


def by_message(method, suffix):
    return by_id(method, f"{MESSAGES}/%s{suffix}",
                 ("message", "of_batch", "batch", "id", "idempotency_key"))


def by_batch(method):
    return by_id(method, f"{BATCHES}/%s", ("batch", "message", "id"))


def by_query(path):
    return {"id": lambda t: ("GET", f"{path}?tenant_id={t.id}", None, {}, 403),
            "message": lambda t: ("GET", f"{path}?tenant_id={t.message}", None, {}, 403)}


def by_hold(path):
    """Nothing of another tenant is held, or goes on; nor a number, which others may send from."""
    return {"id": lambda t: ("POST", path, {"tenant_id": t.id}, {}, 403),
            "outlet": lambda t: ("POST", path, {"tenant_id": t.id,
                                                "outlet_id": t.body["outlet_id"]}, {}, 403),
            "message": lambda t: ("POST", path, {"tenant_id": t.message}, {}, 403),
            "number": lambda t: ("POST", path, {"number": "155501"}, {}, 403),
            "all": lambda t: ("POST", path, {"all": True}, {}, 403)}


RESOLVED = {"as": "failed", "why": "x"}

MATRIX = {
    "health": {},
    "openapi": {},
    # Meta's: they carry no tenant.
    "webhook": {},
    "webhook_setup": {},
    "send": {
        "id": lambda t: ("POST", SEND, {**t.body, "tenant_id": t.id}, {}, 403),
        # Another's key is free: the request is the first one with it.
        "idempotency_key": lambda t: ("POST", SEND, later(),
                                      {"Idempotency-Key": t.idempotency_key}, 202),
    },
    "bulk": {
        "id": lambda t: ("POST", BULK, {"tenant_id": t.id, "messages": [later()]}, {}, 403),
        "id_behind": lambda t: ("POST", BULK, {"messages": [later()], "tenant_id": t.id}, {}, 403),
    },
    "list": {**by_query(MESSAGES),
             "cursor": lambda t: ("GET", f"{MESSAGES}?cursor={t.of_batch}", None, {}, 200)},
    "report": by_query(REPORTS),
    "status": by_message("GET", "/status"),
    "events": by_message("GET", "/events"),
    "explain": by_message("GET", "/explain"),
    "message": by_message("GET", ""),
    "cancel": by_message("DELETE", ""),
    "batch": by_batch("GET"),
    "batch_cancel": by_batch("DELETE"),
    "pause": by_hold(PAUSE),
    "resume": by_hold(RESUME),
    "resolve": {kind: lambda t, kind=kind: ("POST", f"{MESSAGES}/{getattr(t, kind)}/resolve",
                                            RESOLVED, {}, 404)
                for kind in ("message", "of_batch", "batch", "id", "idempotency_key")},
    "replay": {
        "id": lambda t: ("POST", REPLAY, {"tenant_id": t.id}, {}, 403),
        "id, not dry": lambda t: ("POST", REPLAY, {"tenant_id": t.id, "dry_run": False,
                                                   "why": "x"}, {}, 403),
        # With another's outlet: there is nothing of one's own in it.
        "outlet": lambda t: ("POST", REPLAY, {"outlet_id": t.body["outlet_id"]}, {}, 200),
    },
}


@pytest.fixture(scope="module")
def tenants(new_module_service):
    service = new_module_service(AUTH="keys")
    return [Tenant(service, service.database) for _ in range(3)]


def routes():
    return re.findall(r'ROW\("([a-z_]+)"', ROUTER.read_text())


def test_every_route_has_a_row():
    assert len(routes()) >= 11
    assert set(routes()) == set(MATRIX), "write here with which ids the route can be asked"


def asked(tenants, route):
    """Every reply to one tenant that asks with an id of another, as (whose, kind, reply, status)."""
    for asker, owner in itertools.permutations(tenants, 2):
        for kind, make in MATRIX[route].items():
            method, path, body, headers, status = make(owner)
            yield owner, kind, asker.api.ask(method, path, body, headers), status


@pytest.mark.parametrize("route", [name for name, row in MATRIX.items() if row])
def test_nothing_of_another_tenant(tenants, route):
    hits = 0
    for owner, kind, reply, status in asked(tenants, route):
        assert reply.status == status, (route, kind, reply.body)
        text = reply.body.decode()
        hits += any(secret in text for secret in owner.secrets())
        hits += reply.headers.get("idempotency-replayed") == "true"
    assert hits == 0


@pytest.mark.parametrize("path", (f"{MESSAGES}/%s", f"{MESSAGES}/%s/status", f"{MESSAGES}/%s/events",
                                  f"{MESSAGES}/%s/explain", f"{MESSAGES}/%s/resolve",
                                  f"{BATCHES}/%s"))
def test_anothers_is_as_if_it_was_not_there(tenants, path):
    """The same answer, byte by byte, as for an id that never was."""
    one, other = tenants[:2]
    theirs = other.batch if path.startswith(BATCHES) else other.message
    body = RESOLVED if path.endswith("resolve") else None
    for method in ("POST",) if body else ("GET", "DELETE") if path.endswith("s/%s") else ("GET",):
        found, missing = (one.api.ask(method, path % id, body) for id in (theirs, NOBODY))
        assert (found.status, found.body) == (missing.status, missing.body) == (404, missing.body)


def test_who_owns_it_sees_it_and_cancels_it_at_last(tenants):
    """So all of this was there to be seen, and nobody else has changed it."""
    for tenant in tenants:
        for path in ("", "/status", "/events", "/explain"):
            assert tenant.api.ask("GET", f"{MESSAGES}/{tenant.message}{path}").status == 200
        status = content(tenant.api.ask("GET", f"{MESSAGES}/{tenant.message}/status"))
        assert status["status"] == "scheduled", status
        batch = content(tenant.api.ask("GET", f"{BATCHES}/{tenant.batch}"))
        assert batch["statuses"]["scheduled"] == 1 and batch["cancelled_at"] is None
        listed = content(tenant.api.ask("GET", MESSAGES))["messages"]
        assert {m["tenant_id"] for m in listed} == {tenant.id}
        assert {tenant.message, tenant.of_batch} <= {m["message_id"] for m in listed}
        again = tenant.api.ask("POST", SEND, tenant.body,
                               {"Idempotency-Key": tenant.idempotency_key})
        assert content(again)["message_id"] == tenant.message
    for tenant in tenants:
        assert tenant.api.ask("DELETE", f"{MESSAGES}/{tenant.message}").status == 200
        assert tenant.api.ask("DELETE", f"{BATCHES}/{tenant.batch}").status == 200
