"""Who waits behind whom: high behind bulk of the same numbers, a tenant behind another one."""

from dataclasses import replace

from bench import Outcome, at_least, at_most
from drain import ROOM
from report import CALLER_HEAD, caller_row, table
from steps import Step, failed, prove, quieten, run_step, since

NUMBER_RATE = 80    # of the service: what each number sends a second
CALLERS = 50        # synchronous messages a second
CALLER_TENANTS = 10

# name, class of the callers, tenants that have the bulk, first tenant of the callers, limit
CASES = (
    ("high, before bulk of the same numbers", "high", CALLER_TENANTS, 0, 2.0),
    ("normal, beside another tenant's bulk", "normal", 1, 1, 1.1),
)


def run_case(bench, outcome, case):
    """(load of the callers alone, load of those beside the bulk, bulk left waiting)"""
    name, priority, bulk_tenants, first_tenant, most = case
    waiting = bench.options.messages or (200 if bench.short else 100_000)
    seconds = 2 if bench.short else 60
    # So many that those are waiting still when the last caller comes.
    bulk_count = waiting + bulk_tenants * NUMBER_RATE * (seconds + (1 if bench.short else 10))
    rate = 1000 if bench.short else 5000
    bulk = Step(f"{name}: bulk", rate, bulk_count / rate, warmup=0, ramp=0, asynchronous=True,
                tenants=bulk_tenants, priority="bulk")
    callers = Step(f"{name}: alone", CALLERS, seconds, warmup=1, ramp=1, tenants=CALLER_TENANTS,
                   first_tenant=first_tenant, priority=priority)
    with bench.stack(name, settings=ROOM) as stack:
        bench.say(callers.name)
        alone = outcome.step(run_step(stack, callers))
        quieten(stack)
        before = stack.simulator_counts()
        stack.command("pause", "--all", "--why", "bench")
        bench.say(bulk.name)
        accepted = run_step(stack, bulk, settles=False)
        stack.command("resume", "--all")
        callers = replace(callers, name=f"{name}: beside {waiting:,}")
        bench.say(callers.name)
        beside = run_step(stack, callers, settles=False)
        counts = since(stack, before)
    loads = [(bulk, accepted["load"]), (callers, beside["load"])]
    accepted["proof"] = beside["proof"] = None
    for result in accepted, beside:
        outcome.step(result)
    outcome.proofs.append(prove(name, loads, counts, stores=False))
    left = sum(step.promised(load) for step, load in loads) - counts["accepted"]
    outcome.limits += [
        at_most(f"{name}: p99, to alone",
                beside["load"]["latency_ms"]["p99"] / alone["load"]["latency_ms"]["p99"], most),
        at_most(f"{name}: failed requests", failed(beside["load"]) + failed(accepted["load"]), 0),
        at_least(f"{name}: bulk messages still waiting at the end", left, waiting)]
    return alone["load"], beside["load"], left


def run_fair(bench):
    outcome = Outcome("classes and tenants")
    rows = []
    for case in CASES:
        name = case[0]
        alone, beside, left = run_case(bench, outcome, case)
        times = beside["latency_ms"]["p99"] / alone["latency_ms"]["p99"]
        rows += [(*caller_row(f"{name}: alone", alone), "", ""),
                 (*caller_row(f"{name}: beside it", beside), f"{left:,}", f"{times:.2f}")]
    outcome.sections = [(f"Synchronous callers, {CALLERS}/s of {CALLER_TENANTS} tenants", table(
        (*CALLER_HEAD, "bulk waiting at the end", "p99 to alone"), rows))]
    return outcome
