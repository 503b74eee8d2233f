"""The kinds of request that calls of the system fail under.  Each is made anew for every trial;
what it needs beforehand is made while nothing fails."""

import datetime
import json
import uuid

from harness.api import BULK, SEND, batch_path, bulk_of, new_message, status_path
from harness.fcgi import request

ASYNC = {"Prefer": "respond-async"}


# Every text that was to be sent: nothing else may be stored.
TEXTS = {"again", "to all"}


def new_text(**fields):
    """One that no memory is large enough for at first."""
    text = f"{uuid.uuid4()} " * 20
    TEXTS.add(text)
    return new_message(**{"message": text, **fields})


def post(path, body, headers=None):
    return request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(),
                   headers)


def get(path):
    return request("GET", path)


def in_an_hour():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


def later(**fields):
    return new_text(send_at=in_an_hour(), **fields)


def sent_later(house):
    """The id of a message that waits."""
    return house.taken(post(SEND, later()))["message_id"]


def batch_later(house):
    return house.taken(post(BULK, bulk_of([later(tenant_id=None) for _ in range(3)])))["batch_id"]


def replayed(house):
    data = post(SEND, new_text(), {**ASYNC, "Idempotency-Key": str(uuid.uuid4())})
    house.taken(data)
    return data


# What the caller is told when nothing of the sort is wrong, besides 5xx and no answer at all.
GOOD = (200, 202)
ALLOWED = {"wrong": (400,), "too large": (413,)}

# name: what makes the bytes of the request
KINDS = {
    "health": lambda house: get("/health"),
    "send": lambda house: post(SEND, new_text()),
    "send, known outlet": lambda house: post(SEND, {**house.message, "message": "again"}),
    "send, not waiting": lambda house: post(SEND, new_text(), ASYNC),
    "send with a key": lambda house: post(SEND, new_text(), {"Idempotency-Key": str(uuid.uuid4())}),
    "send with a used key": replayed,
    "send later, at certain hours": lambda house: post(SEND, later(
        deliver_between={"from": "08:00", "to": "20:00", "time_zone": "Asia/Jakarta"})),
    "bulk": lambda house: post(BULK, bulk_of([new_text(tenant_id=None, **more) for more in
                                              ({}, {"message": None}) * 2],
                                             defaults={"message": "to all"})),
    "bulk with a key": lambda house: post(BULK, bulk_of([new_text(tenant_id=None)] * 2),
                                          {"Idempotency-Key": str(uuid.uuid4())}),
    "status": lambda house: get(status_path(house.known)),
    "message": lambda house: get(f"/api/v1/messages/{house.known}"),
    "events": lambda house: get(f"/api/v1/messages/{house.known}/events"),
    "explain": lambda house: get(f"/api/v1/messages/{house.waiting}/explain"),
    "list": lambda house: get(f"/api/v1/messages?tenant_id={house.message['tenant_id']}"),
    "batch": lambda house: get(batch_path(house.batch)),
    "cancel": lambda house: request("DELETE", f"/api/v1/messages/{sent_later(house)}"),
    "cancel a batch": lambda house: request("DELETE", batch_path(batch_later(house))),
    "wrong": lambda house: post(SEND, {**new_message(), "mesage": "typo"}),
    "too large": lambda house: post(SEND, b" " * 300_000),
}
