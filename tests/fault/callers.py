"""The load: callers that each ask, wait, write down what they were told, and ask again.

A program of its own, so that nothing of the faults disturbs it:

    callers.py PORT DIRECTORY RATE SYNC ASYNC        until SIGTERM, then until all are answered

Each caller has a journal, DIRECTORY/<kind>-<number>.jsonl: a line `ask` before each request,
and a line `answer` after it, on the disk (fdatasync) before the caller goes on.  A request has
a key nobody else uses, which is in the message's text; it is never repeated."""

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
RECIPIENTS = 200
SECONDS = 70          # a caller is patient

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


class Caller:
    def __init__(self, port, directory, kind, number, gap):
        self.port = port
        self.name = f"{kind}-{number}"
        self.headers = {"Prefer": "respond-async"} if kind == "async" else {}
        self.file = os.open(directory / f"{self.name}.jsonl",
                            os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.rng = random.Random(self.name)
        self.gap = gap

    def write(self, event, **fields):
        line = json.dumps({"event": event, "time": time.time(), **fields})
        os.write(self.file, line.encode() + b"\n")

    async def ask(self, key):
        rng = self.rng
        tenant = rng.randrange(TENANTS)
        to = recipient(rng)
        message = {
            "tenant_id": f"tenant-{tenant}", "outlet_id": f"outlet-{tenant}",
            "conversation_id": f"conversation-{key}", "to": to, "message": key,
        }
        self.write("ask", key=key, to=to, tenant=message["tenant_id"])
        answer = await request(self.port, "POST", "/api/v1/messages/send",
                               json.dumps(message).encode(), self.headers, SECONDS)
        self.write("answer", key=key, status=answer.status, seconds=round(answer.seconds, 3),
                   body=answer.body.decode("utf-8", "replace")[:2000])
        await asyncio.get_running_loop().run_in_executor(None, os.fdatasync, self.file)
        return answer

    async def run(self, stop):
        await asyncio.sleep(self.rng.random() * self.gap)
        for number in itertools.count():
            if stop.is_set():
                return
            began = time.monotonic()
            answer = await self.ask(f"{self.name}-{number}")
            gap = self.gap if 200 <= answer.status < 300 else max(self.gap, 0.2)
            await asyncio.sleep(max(0, began + gap * self.rng.uniform(0.5, 1.5)
                                    - time.monotonic()))


async def run(port, directory, rate, counts):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gap = sum(counts.values()) / rate
    callers = [Caller(port, directory, kind, number, gap)
               for kind, count in counts.items() for number in range(count)]
    await asyncio.gather(*(caller.run(stop) for caller in callers))


if __name__ == "__main__":
    raise_file_limit()
    asyncio.run(run(int(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3]),
                    {"sync": int(sys.argv[4]), "async": int(sys.argv[5])}))
