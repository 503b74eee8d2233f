"""One step: a load of one rate on a running stack, what it cost, and the proof of its messages."""

import json
import subprocess
import threading
import time
from dataclasses import dataclass

import measure
from stack import GRAPH_LATENCY_MS, Failure

OUR_PARTS = ("service", "web", "postgres")
SETTLE_SECONDS = 5
QUIET_SECONDS = 1


@dataclass(frozen=True)
class Step:
    name: str
    rate: float
    seconds: float
    warmup: float = 5
    ramp: float = 3
    latency_ms: int = GRAPH_LATENCY_MS
    asynchronous: bool = False
    tenants: int = 200
    first_tenant: int = 0
    priority: str = ""
    connections: int = 4000

    def arguments(self):
        numbers = {"rate": self.rate, "seconds": self.seconds, "warmup": self.warmup,
                   "ramp": self.ramp, "tenants": self.tenants,
                   "first-tenant": self.first_tenant, "connections": self.connections}
        words = [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
        if self.priority:
            words += ["--priority", self.priority]
        return words + (["--async"] if self.asynchronous else [])

    def promised(self, load):
        """Answers that say that the message is, or will be, sent."""
        return load["all"]["status"].get("202" if self.asynchronous else "200", 0)


class Load:
    """A bench-load under way; calls on_mark("measuring") and on_mark("measured") then."""

    def __init__(self, program, step, port, on_mark=lambda name: None):
        self.on_mark = on_mark
        self.noise = []
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", program, "--json", "--port", str(port),
             *step.arguments()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            if line.strip() in ("measuring", "measured"):
                self.on_mark(line.strip())
            else:
                self.noise.append(line)

    def running(self):
        return self.process.poll() is None

    def result(self):
        """Waits for its end."""
        output = self.process.stdout.read()
        self.reader.join()
        with self.process:  # closes the pipes, waits
            pass
        if self.process.returncode != 0:
            raise Failure(f"bench-load failed ({self.process.returncode}): " + "".join(self.noise))
        return json.loads(output)


class Window:
    """Differences of counters between two marks, those of a load or our own."""

    def __init__(self, pids, database=None):
        self.pids = pids
        self.database = database
        self.at = {}

    def mark(self, name):
        self.at[name] = (measure.cpu_seconds(self.pids), measure.stolen_jiffies(),
                         self.database() if self.database else {})

    def _pair(self, which):
        return self.at["measuring"][which], self.at["measured"][which]

    def cpu(self):
        before, after = self._pair(0)
        return {name: after[name] - before[name] for name in after}

    def stolen(self):
        """Share of the machine's time that its host gave to others."""
        before, after = self._pair(1)
        stolen, total = (a - b for a, b in zip(after, before))
        return stolen / total if total else 0.0

    def counters(self):
        before, after = self._pair(2)
        return {name: after[name] - before[name] for name in after}

    def costs(self, messages):
        """CPU µs and counters of the database, for each of so many messages."""
        messages = max(1, messages)
        cpu = {name: seconds * 1e6 / messages for name, seconds in self.cpu().items()}
        return {"cpu": cpu, "ours": sum(cpu[name] for name in OUR_PARTS if name in cpu),
                "stolen": self.stolen(),
                "database": {name: n / messages for name, n in self.counters().items()}}


@dataclass(frozen=True)
class Proof:
    """What was promised, and what the simulator has of it."""
    name: str
    promised: int
    most: int  # that may have been accepted: time-outs, 202 and 503 either way
    accepted: int
    duplicates: int
    stored: int
    stores: bool = True  # all that was promised has to be in the Conversation Service

    def broken(self):
        """What may not be at any rate on any machine."""
        if self.duplicates:
            yield f"{self.name}: {self.duplicates} messages were sent twice"
        if self.stores and self.accepted < self.promised:
            yield f"{self.name}: {self.promised - self.accepted} promised, not accepted by Meta"
        if self.stores and self.stored < self.promised:
            yield f"{self.name}: {self.promised - self.stored} not in the Conversation Service"
        if self.accepted > self.most:
            yield f"{self.name}: {self.accepted - self.most} accepted but refused to the caller"


def most_accepted(load):
    status = load["all"]["status"]
    refused = sum(count for code, count in status.items() if code[0] == "4" or code == "500")
    return load["all"]["sent"] - refused


def prove(name, loads, counts, stores=True):
    """`loads`: pairs of a step and its result, all that sent messages meanwhile."""
    return Proof(name, sum(step.promised(load) for step, load in loads),
                 sum(most_accepted(load) for _, load in loads), counts["accepted"],
                 counts["duplicates"], counts["stored"], stores)


def failed(load):
    """Requests that were not answered with success."""
    return load["all"]["errors_total"] + sum(
        count for status, count in load["all"]["status"].items() if not status.startswith("2"))


def since(stack, before):
    counts = stack.simulator_counts()
    return {name: counts[name] - before[name] for name in counts}


def settle(stack, before, messages, seconds):
    """What the simulator counted since `before`, once all is there or the time is over."""
    end = time.monotonic() + seconds
    while True:
        counts = since(stack, before)
        if min(counts["accepted"], counts["stored"]) >= messages or time.monotonic() > end:
            return counts
        time.sleep(0.1)


def quieten(stack, seconds=60):
    """Waits until nothing more is sent: what callers no longer waited for is done too."""
    end = time.monotonic() + seconds
    last, same_since = None, time.monotonic()
    while time.monotonic() < end and time.monotonic() - same_since < QUIET_SECONDS:
        counts = stack.simulator_counts()
        if counts != last:
            last, same_since = counts, time.monotonic()
        time.sleep(0.1)


def wait_for(check, seconds, every):
    """False when check() is not true within the time."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def run_step(stack, step, settles=True, on_mark=lambda name: None):
    """`settles`: what it promises is sent now, so wait for it (5 s, or 60 for asynchronous).
    on_mark: told "measuring" and "measured" too."""
    stack.check()
    stack.set_graph_latency(step.latency_ms)
    idle = stack.idle_pss_mb()
    before = stack.simulator_counts()
    memory = measure.PeakMemory(stack.workers)
    window = Window(stack.pids(), stack.database_counters)

    def mark(name):
        window.mark(name)
        on_mark(name)

    memory.start()
    try:
        load = Load(stack.programs["bench-load"], step, stack.port, mark).result()
    finally:
        peak = memory.stop()
    stack.check()
    promised = step.promised(load)
    seconds = (60 if step.asynchronous else SETTLE_SECONDS) if settles else 0
    counts = settle(stack, before, promised, seconds)
    costs = window.costs(load["achieved_rate"] * step.seconds)
    costs["cpu"]["generator"] = load["cpu_us_per_request"]
    return {"step": step, "load": load, "pss_idle": idle, "pss_peak": peak, **costs,
            "proof": prove(step.name, [(step, load)], counts, settles)}
