"""The load: callers that each ask, wait, write down what they were told, and ask again.

A program of its own, so that nothing of the faults disturbs it:

    callers.py PORT[,PORT...] DIRECTORY RATE SYNC ASYNC KEYED     until SIGTERM, then until all
                                                                  are answered

Each caller has a journal, DIRECTORY/<kind>-<number>.jsonl: a line `ask` before each message, and
a line `answer` after each request for it, on the disk (fdatasync) before the caller goes on.  A
message has a name nobody else uses, which is its text.  `sync` and `async` callers ask once;
`keyed` ones name their request with an Idempotency-Key and repeat it, at whichever node, until it
is acknowledged, and some once more after that.  Some read what they were told of: a line `look`."""

import asyncio
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


def is_acknowledged(answer):
    return answer.status in (200, 202) or (answer.status == 500 and b"SEND_FAILED" in answer.body)


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
        preferences = {"sync": None, "async": "respond-async",
                       "keyed": self.rng.choice((None, None, "respond-async"))}
        prefer = preferences[self.kind]
        if prefer is None and self.rng.random() < SHORT_WAIT:
            prefer = "wait=1"
        return {**({"Prefer": prefer} if prefer else {}),
                **({"Idempotency-Key": key} if self.kind == "keyed" else {})}

    async def post(self, key, body, headers):
        answer = await request(self.rng.choice(self.ports), "POST", "/api/v1/messages/send", body,
                               headers, SECONDS)
        self.write("answer", key=key, status=answer.status, seconds=round(answer.seconds, 3),
                   body=answer.body.decode("utf-8", "replace")[:2000],
                   replayed=answer.headers.get("idempotency-replayed") == "true")
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

    async def ask(self, key, stop):
        rng = self.rng
        tenant = rng.randrange(TENANTS)
        message = {
            "tenant_id": f"tenant-{tenant}", "outlet_id": outlet(rng, tenant, key),
            "conversation_id": f"conversation-{key}", "to": recipient(rng), "message": key,
        }
        body = json.dumps(message).encode()
        headers = self.headers(key)
        self.write("ask", key=key, to=message["to"], tenant=message["tenant_id"],
                   outlet=message["outlet_id"])
        answer = await self.post(key, body, headers)
        if self.kind == "keyed":
            answer = await self.repeat(key, body, headers, answer, stop)
        if is_acknowledged(answer) and rng.random() < LOOK:
            await self.look(key, answer.json()["message_id"])
        return answer

    async def run(self, stop):
        await asyncio.sleep(self.rng.random() * self.gap)
        for number in itertools.count():
            if stop.is_set():
                return
            began = time.monotonic()
            answer = await self.ask(f"{self.name}-{number}", stop)
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
                    dict(zip(("sync", "async", "keyed"), map(int, sys.argv[4:7])))))
