"""What waits: accepting while nothing may be sent, and then the sending of it, apart."""

import time

import measure
from bench import Outcome, at_least, at_most
from report import CALLER_HEAD, PARTS, caller_row, table
from stack import Failure
from steps import Load, Step, Window, failed, prove, run_step, since

STUCK_SECONDS = 120
LOOK_SECONDS = 0.25
ROOM = {"MAX_BACKLOG": "2000000", "MAX_BACKLOG_PER_TENANT": "2000000"}


def wait_sent(stack, before, messages, on_look=lambda accepted: None):
    """Until the simulator has accepted so many since `before`: [(seconds, accepted)]."""
    begin = moved = time.monotonic()
    seen = [(0.0, 0)]
    while seen[-1][1] < messages:
        if time.monotonic() - moved > STUCK_SECONDS:
            raise Failure(f"nothing is sent any more: {seen[-1][1]} of {messages} were")
        time.sleep(LOOK_SECONDS)
        accepted = since(stack, before)["accepted"]
        if accepted != seen[-1][1]:
            moved = time.monotonic()
        seen.append((time.monotonic() - begin, accepted))
        on_look(accepted)
    return seen


def wait_stored(stack, before, messages):
    end = time.monotonic() + STUCK_SECONDS
    while (counts := since(stack, before))["stored"] < messages and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return counts


def at_share(seen, messages, share):
    return next(look for look in seen if look[1] >= share * messages)


def steady(seen, messages):
    """Messages a second between a tenth and nine tenths: without start and tail."""
    (t1, n1), (t2, n2) = at_share(seen, messages, 0.1), at_share(seen, messages, 0.9)
    return (n2 - n1) / (t2 - t1) if t2 > t1 else 0.0


def drain(stack, before, messages, resume):
    """Lets them go and waits until they have been sent; what that took."""
    memory = measure.PeakMemory(stack.workers)
    window = Window(stack.pids(), stack.database_counters)
    memory.start()
    try:
        window.mark("measuring")
        resume()
        seen = wait_sent(stack, before, messages)
        window.mark("measured")
    finally:
        peak = memory.stop()
    return {"messages": messages, "seconds": seen[-1][0], "rate": messages / seen[-1][0],
            "steady": steady(seen, messages), "pss_peak": peak, **window.costs(messages)}


def drain_table(result):
    return table(
        ("messages", "seconds", "messages/s", "between 10 % and 90 %", *PARTS[:-1],
         "service + web + postgres", "WAL bytes", "MB PSS, peak"),
        [(result["messages"], f"{result['seconds']:.1f}", f"{result['rate']:.0f}",
          f"{result['steady']:.0f}", *(f"{result['cpu'][name]:.0f}" for name in PARTS[:-1]),
          f"**{result['ours']:.0f}**", f"{result['database']['wal_bytes']:.0f}",
          f"{result['pss_peak']:.1f}")])


def run_drain(bench):
    outcome = Outcome("asynchronous, accepting and sending apart")
    rate = bench.options.rate or (100 if bench.short else 8000)
    seconds = 2 if bench.short else bench.options.seconds
    step = Step(f"accept {rate:,.0f}/s", rate, seconds, warmup=min(3, seconds), ramp=1,
                asynchronous=True)
    with bench.stack("drain", settings=ROOM) as stack:
        before = stack.simulator_counts()
        stack.command("pause", "--all", "--why", "bench")
        bench.say(step.name)
        result = run_step(stack, step, settles=False)
        held = since(stack, before)["accepted"]
        promised = step.promised(result["load"])
        bench.say(f"drain of {promised:,}")
        drained = drain(stack, before, promised, lambda: stack.command("resume", "--all"))
        counts = wait_stored(stack, before, promised)
    result["proof"] = prove(step.name, [(step, result["load"])], counts)
    outcome.step(result)
    if held:
        outcome.failures.append(f"{held} messages were sent while all was paused")
    outcome.sections = [("The drain (CPU µs and bytes a message)", drain_table(drained))]
    load = result["load"]
    outcome.limits = [
        at_least("asynchronous accepts, 2xx/s", load["achieved_rate"], 0.99 * 8000),
        at_most("failed requests", failed(load), 0),
        at_most("asynchronous accepts, p99, ms", load["latency_ms"]["p99"], 25),
        at_least("drain, messages/s", drained["rate"], 4000)]
    return outcome


# --- a backlog of many rows, and the callers of other tenants meanwhile ---

BACKLOG_TENANTS = 100
TRICKLE = 50  # /s
TRICKLE_TENANTS = 10


class Trickle:
    """Synchronous messages of tenants that have no backlog."""

    def __init__(self, stack, name, seconds):
        self.name = name
        self.step = Step(name, TRICKLE, seconds, warmup=min(1, seconds), ramp=0,
                         tenants=TRICKLE_TENANTS, first_tenant=BACKLOG_TENANTS)
        self.stack = stack
        self.load = Load(stack.programs["bench-load"], self.step, stack.port)

    def end(self):
        self.result = self.load.result()
        self.pss = measure.pss_mb(self.stack.workers())
        return self


def for_each_tenant(stack, *words):
    for number in range(BACKLOG_TENANTS):
        stack.command(*words, "--tenant", f"123e4567-e89b-42d3-a456-42{number:010}")


def backlog_rows(phases, idle):
    for phase in phases:
        load = phase.result
        yield (*caller_row(phase.name, load), f"{load['latency_ms']['p99'] / idle:.2f}",
               f"{phase.pss:.1f}")


def run_backlog(bench):
    outcome = Outcome("a backlog, and the callers of other tenants")
    messages = bench.options.messages or (300 if bench.short else 1_000_000)
    rate = bench.options.rate or (300 if bench.short else 8000)
    seconds = 2 if bench.short else 60
    step = Step(f"accept {messages:,} at {rate:,.0f}/s", rate, messages / rate, warmup=0, ramp=0,
                tenants=BACKLOG_TENANTS, asynchronous=True)
    with bench.stack("backlog", settings=ROOM) as stack:
        for_each_tenant(stack, "pause", "--why", "bench")
        before = stack.simulator_counts()
        bench.say("idle")
        phases = [Trickle(stack, "idle", seconds).end()]
        trickle = Trickle(stack, "while it is accepted", max(2, step.seconds))
        bench.say(step.name)
        accepted = run_step(stack, step, settles=False)
        phases.append(trickle.end())
        bench.say("standing")
        phases.append(Trickle(stack, "while it stands", seconds).end())
        promised = step.promised(accepted["load"])
        size = stack.database_mb()
        bench.say(f"drain of {promised:,}")
        at_resume = stack.simulator_counts()
        trickle = Trickle(stack, "while it is sent", seconds)  # is in the count, too
        drained = drain(stack, at_resume, promised, lambda: for_each_tenant(stack, "resume"))
        phases.append(trickle.end())
        loads = [(step, accepted["load"]), *((phase.step, phase.result) for phase in phases)]
        everything = sum(each.promised(load) for each, load in loads)
        wait_sent(stack, before, everything)
        counts = wait_stored(stack, before, everything)
    accepted["proof"] = prove("all of it", loads, counts)
    outcome.step(accepted)
    idle = phases[0].result["latency_ms"]["p99"]
    outcome.sections = [
        (f"Synchronous messages of other tenants, {TRICKLE}/s", table(
            (*CALLER_HEAD, "p99 to idle", "MB PSS of all workers"), backlog_rows(phases, idle))),
        ("The drain (CPU µs and bytes a message)", drain_table(drained)
         + f"\n\nWith all of it waiting the database had {size:.0f} MB.")]
    return outcome
