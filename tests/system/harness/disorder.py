"""Receipts in any order: messages, what Meta reports of them, and what must come of it whatever
the order, however often each comes, and in whichever webhook."""

import concurrent.futures
import datetime
import hashlib
import hmac
import json
import random
import time
import uuid

import requests

from harness.api import BULK
from harness.wait import wait_until

BULK_ITEMS = 1000
# Statuses and when each happened, s.  Of a message that is not delivered but read, or delivered
# twice, or only played, the rest follows.
FATES = (
    (), (("sent", 0),), (("sent", 0), ("delivered", 1)),
    (("sent", 0), ("delivered", 1), ("read", 2)), (("sent", 0), ("delivered", 1), ("read", 2)),
    (("sent", 0), ("delivered", 1), ("read", 2), ("played", 3)), (("delivered", 1),),
    (("read", 2),), (("played", 3),), (("delivered", 1), ("delivered", 4), ("sent", 0)),
    (("sent", 0), ("read", 2), ("read", 5)), (("failed", 1),), (("sent", 0), ("failed", 1)),
    (("sent", 0), ("warped", 1)),
)
# What contradicts itself ends as the first that came says: these states are possible.
CONTRADICTIONS = (
    ((("sent", 0), ("delivered", 1), ("failed", 2)), ("delivered", "failed")),
    ((("failed", 1), ("read", 2)), ("read", "failed")),
)
RANK = {"sent": 1, "delivered": 2, "read": 3, "played": 3}


def fates(count, rng):
    """[(events, states that are possible)] for so many messages."""
    drawn = []
    for _ in range(count):
        if rng.random() < 0.05:
            drawn.append(rng.choice(CONTRADICTIONS))
            continue
        events = rng.choice(FATES)
        words = {status for status, _ in events}
        best = max((RANK.get(word, 0) for word in words), default=0)
        drawn.append((events, ("failed",) if "failed" in words
                      else (("sent", "sent", "delivered", "read")[best],)))
    return drawn


def accept(api, database, count):
    """Sends so many messages; [(message_id, wamid)] in a fixed order, once all are sent."""
    tenant = str(uuid.uuid4())
    for first in range(0, count, BULK_ITEMS):
        items = [{"to": f"+6281{n:09d}"} for n in range(first, min(count, first + BULK_ITEMS))]
        answer = api.request("POST", BULK, json={
            "tenant_id": tenant, "messages": items,
            "defaults": {"outlet_id": str(uuid.uuid4()), "message": "Hello"}})
        assert answer.status_code == 202 and answer.json()["refused"] == 0, answer.text

    def sent():
        rows = database.query(
            "SELECT message_id::text, wamid FROM message_sender.message WHERE tenant_id = %s"
            " AND state = 'sent' ORDER BY recipient", tenant)
        return [tuple(row.values()) for row in rows] if len(rows) == count else None

    return wait_until(sent, 30 + count / 50, f"{count} messages are sent")


def _status(message, status, at, rng):
    message_id, wamid = message
    found = {"id": wamid, "status": status, "timestamp": str(at), "recipient_id": "628123456789"}
    if status == "failed":
        found["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
    if rng.random() < 0.7:
        found["biz_opaque_callback_data"] = f"{message_id}:1"
    return found


def webhooks(messages, drawn, began, rng):
    """All that is reported, some of it twice or thrice, in any order: bodies of 1 to 1,000."""
    statuses = []
    for message, (events, _) in zip(messages, drawn):
        for status, seconds in events:
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                statuses.append(_status(message, status, began + seconds, rng))
    rng.shuffle(statuses)
    while statuses:
        size = rng.choice((1, 10, 100, 1000))
        part, statuses = statuses[:size], statuses[size:]
        yield json.dumps({"object": "whatsapp_business_account", "entry": [{
            "id": "1", "changes": [{"field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": {"phone_number_id": str(rng.randrange(10**14))},
                "statuses": part}}]}]}, separators=(",", ":")).encode()


def post(url, secret, bodies, at_once=4):
    """All of them, several at a time."""
    session = requests.Session()

    def one(body):
        mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        answer = session.post(url, data=body, timeout=60, headers={
            "Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={mac}"})
        assert answer.status_code == 200, (answer.status_code, answer.text)

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, bodies))


def _expected(events, began):
    """(delivered_at, read_at) as they must be if it has not failed."""
    def first(*words):
        times = [began + seconds for status, seconds in events if status in words]
        return datetime.datetime.fromtimestamp(min(times), datetime.timezone.utc) if times else None

    return first("delivered", "read", "played"), first("read", "played")


def faults(database, messages, drawn, began):
    """What is not as it must be: [(message_id, what)]."""
    ids = [message_id for message_id, _ in messages]
    rows = {str(row["message_id"]): row for row in database.query(
        "SELECT * FROM message_sender.message WHERE message_id = ANY (%s::uuid[])", ids)}
    kept = {}
    for row in database.query(
            "SELECT message_id::text, status, extract(epoch FROM at)::bigint AS at"
            " FROM message_sender.receipt WHERE message_id = ANY (%s::uuid[])", ids):
        kept.setdefault(row["message_id"], []).append((row["status"], row["at"] - began))
    found = []
    for message_id, (events, states) in zip(ids, drawn):
        row = rows[message_id]
        if row["state"] not in states:
            found.append((message_id, f"{events}: {row['state']}"))
        if sorted(kept.get(message_id, [])) != sorted(events):
            found.append((message_id, f"{events}: kept {kept.get(message_id)}"))
        if len(states) == 1 and states != ("failed",) and (
                row["delivered_at"], row["read_at"]) != _expected(events, began):
            found.append((message_id, f"{events}: {row['delivered_at']}, {row['read_at']}"))
    return found


def jumble(api, database, url, secret, count, seed, fate_seed=1):
    """Everything for one order: what is wrong then."""
    drawn = fates(count, random.Random(fate_seed))
    messages = accept(api, database, count)
    began = int(time.time()) - 60
    rng = random.Random(seed)
    post(url, secret, webhooks(messages, drawn, began, rng))
    return faults(database, messages, drawn, began)
