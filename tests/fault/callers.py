"""The load: callers that each ask, wait, write down what they were told, and ask again.

A program of its own, so that nothing of the faults disturbs it:

    callers.py PORT[,PORT...] DIRECTORY RATE SYNC ASYNC KEYED BULK     until SIGTERM, then until
                                                                       all are answered

Each caller has a journal, DIRECTORY/<kind>-<number>.jsonl: a line `ask` before each message, and
a line `answer` after each request for it, on the disk (fdatasync) before the caller goes on.  A
message has a name nobody else uses, which is its text.  `sync` and `async` callers ask once;
`keyed` ones name their request with an Idempotency-Key and repeat it, at whichever node, until it
is acknowledged, and some once more after that.  `bulk` ones do so with several messages a call,
each of which has its lines.  Some read what they were told of: a line `look`; some cancel it: a
line `cancel`; some ask for a later time: `later` in the line `ask`."""

import asyncio
import datetime
import itertools
import json
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness.burst import raise_file_limit, request  # noqa: E402

TENANTS = 40          # enough for the lanes of every worker
RECIPIENTS = 8        # of a tenant: few, so that messages to one meet
SECONDS = 70          # a caller is patient
REPEAT_SECONDS = 25   # so long a request with a key is repeated
LAST_SECONDS = 12     # so long, when all are to end
AGAIN = 0.5           # of those with a key that were acknowledged
LOOK = 0.05           # of all that were acknowledged
SHORT_WAIT = 0.1      # of those that wait: for a second only
LATER = 0.04          # of those that do not wait
LATER_SECONDS = 3
CANCEL = 0.05         # of those that did not wait
CANCEL_BATCH = 0.2    # of the bulk calls
BULK_ITEMS = 5        # of a call
NEW_OUTLET = 0.03     # whose credentials nobody has
MISSING_OUTLET = 0.01
MISSING = "outlet-missing"   # the Tenant Service knows none of that name

# Of a hundred messages: replies lost in each way a reply can be, and refusals.
MISCHIEF = (
    ("99930", 0.4), ("99970", 0.2), ("99980", 0.2), ("99960", 0.1), ("99940", 0.1),
    ("99920100", 1.0), ("9991131026", 1.0),
)


def recipient(rng):
    share = rng.random() * 100
    for prefix, percent in MISCHIEF:
        if share < percent:
            return "+" + prefix + f"{rng.randrange(10**4):04d}"
        share -= percent
    return f"+62811{rng.randrange(RECIPIENTS):07d}"


def outlet(rng, tenant, key):
    share = rng.random()
    if share < MISSING_OUTLET:
        return MISSING
    return f"outlet-{tenant}-{key}" if share < MISSING_OUTLET + NEW_OUTLET else f"outlet-{tenant}"


def later():
    """An instant soon, as send_at."""
    when = datetime.datetime.now(datetime.timezone.utc)
    return (when + datetime.timedelta(seconds=LATER_SECONDS)).isoformat()


def results(answer, keys):
    """[(key, status, text)] of the messages of a bulk call: each as it was told by itself."""
    text = answer.body.decode("utf-8", "replace")[:2000]
    if answer.status != 202:
        return [(key, answer.status, text) for key in keys]
    told = answer.json()["results"]
    return [(key, 202 if "message_id" in one else 400, json.dumps(one))
            for key, one in zip(keys, told, strict=True)]


def is_acknowledged(answer):
    return answer.status in (200, 202) or (answer.status == 500 and b"SEND_FAILED" in answer.body)


def item_keys(key):
    return [f"{key}.{number}" for number in range(BULK_ITEMS)]


class Caller:
    def __init__(self, ports, directory, kind, number, gap):
        self.ports = ports
        self.kind = kind
        self.name = f"{kind}-{number}"
        self.file = os.open(directory / f"{self.name}.jsonl",
                            os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.rng = random.Random(self.name)
        self.gap = gap

    def write(self, event, **fields):
        line = json.dumps({"event": event, "time": time.time(), **fields})
        os.write(self.file, line.encode() + b"\n")

    def headers(self, key):
        """How a caller of this kind asks; the same for every repetition."""
        if self.kind == "bulk":
            return {"Idempotency-Key": key}
        preferences = {"sync": None, "async": "respond-async",
                       "keyed": self.rng.choice((None, None, "respond-async"))}
        prefer = preferences[self.kind]
        if prefer is None and self.rng.random() < SHORT_WAIT:
            prefer = "wait=1"
        return {**({"Prefer": prefer} if prefer else {}),
                **({"Idempotency-Key": key} if self.kind == "keyed" else {})}

    async def post(self, key, body, headers):
        if self.kind == "bulk":
            path, keys = "/api/v1/messages/bulk", item_keys(key)
        else:
            path, keys = "/api/v1/messages/send", None
        answer = await request(self.rng.choice(self.ports), "POST", path, body, headers, SECONDS)
        text = answer.body.decode("utf-8", "replace")[:2000]
        for one, status, told in results(answer, keys) if keys else [(key, answer.status, text)]:
            self.write("answer", key=one, status=status, seconds=round(answer.seconds, 3),
                       body=told, replayed=answer.headers.get("idempotency-replayed") == "true")
        await asyncio.get_running_loop().run_in_executor(None, os.fdatasync, self.file)
        return answer

    async def repeat(self, key, body, headers, answer, stop):
        """Until it is acknowledged; then perhaps once more."""
        began = time.monotonic()
        while not is_acknowledged(answer):
            await asyncio.sleep(self.rng.uniform(0.2, 1))
            if time.monotonic() - began > (LAST_SECONDS if stop.is_set() else REPEAT_SECONDS):
                return answer
            answer = await self.post(key, body, headers)
        if self.rng.random() < AGAIN:
            await self.post(key, body, headers)
        return answer

    async def look(self, key, message_id):
        """Reads the message, or its status, at whichever node."""
        path = f"/api/v1/messages/{message_id}" + self.rng.choice(("", "/status"))
        answer = await request(self.rng.choice(self.ports), "GET", path, b"", None, SECONDS)
        self.write("look", key=key, status=answer.status,
                   body=answer.body.decode("utf-8", "replace")[:2000])

    async def cancel(self, keys, path):
        answer = await request(self.rng.choice(self.ports), "DELETE", path, b"", None, SECONDS)
        for key in keys:
            self.write("cancel", key=key, status=answer.status,
                       body=answer.body.decode("utf-8", "replace")[:2000])

    def message(self, tenant, key):
        rng = self.rng
        return {"outlet_id": outlet(rng, tenant, key), "conversation_id": f"conversation-{key}",
                "to": recipient(rng), "message": key}

    def write_ask(self, tenant, message, priority="normal"):
        self.write("ask", key=message["message"], to=message["to"], tenant=tenant,
                   outlet=message["outlet_id"], priority=priority, later="send_at" in message)

    async def ask(self, key, stop):
        rng = self.rng
        tenant = rng.randrange(TENANTS)
        message = {"tenant_id": f"tenant-{tenant}", **self.message(tenant, key)}
        if self.kind == "async" and rng.random() < LATER:
            message["send_at"] = later()
        body = json.dumps(message).encode()
        headers = self.headers(key)
        self.write_ask(message["tenant_id"], message)
        answer = await self.post(key, body, headers)
        if self.kind == "keyed":
            answer = await self.repeat(key, body, headers, answer, stop)
        if not is_acknowledged(answer):
            return answer
        message_id = answer.json()["message_id"]
        if self.kind == "async" and rng.random() < CANCEL:
            await self.cancel([key], f"/api/v1/messages/{message_id}")
        elif rng.random() < LOOK:
            await self.look(key, message_id)
        return answer

    async def ask_bulk(self, key, stop):
        tenant = self.rng.randrange(TENANTS)
        messages = [self.message(tenant, one) for one in item_keys(key)]
        body = json.dumps({"tenant_id": f"tenant-{tenant}", "messages": messages}).encode()
        headers = self.headers(key)
        for message in messages:
            self.write_ask(f"tenant-{tenant}", message, "bulk")
        answer = await self.post(key, body, headers)
        answer = await self.repeat(key, body, headers, answer, stop)
        if is_acknowledged(answer) and self.rng.random() < CANCEL_BATCH:
            await self.cancel(item_keys(key), f"/api/v1/batches/{answer.json()['batch_id']}")
        return answer

    async def run(self, stop):
        await asyncio.sleep(self.rng.random() * self.gap)
        for number in itertools.count():
            if stop.is_set():
                return
            began = time.monotonic()
            ask = self.ask_bulk if self.kind == "bulk" else self.ask
            answer = await ask(f"{self.name}-{number}", stop)
            gap = self.gap if 200 <= answer.status < 300 else max(self.gap, 0.2)
            await asyncio.sleep(max(0, began + gap * self.rng.uniform(0.5, 1.5)
                                    - time.monotonic()))


async def run(ports, directory, rate, counts):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gap = sum(counts.values()) / rate
    callers = [Caller(ports, directory, kind, number, gap)
               for kind, count in counts.items() for number in range(count)]
    await asyncio.gather(*(caller.run(stop) for caller in callers))


if __name__ == "__main__":
    raise_file_limit()
    asyncio.run(run([int(port) for port in sys.argv[1].split(",")], pathlib.Path(sys.argv[2]),
                    float(sys.argv[3]),
                    dict(zip(("sync", "async", "keyed", "bulk"), map(int, sys.argv[4:8])))))
