"""Memory over many messages: it may not grow with them."""

import time

import measure
from bench import Outcome, at_most
from report import CALLER_HEAD, caller_row, table
from steps import Load, Step, prove, settle

TENTHS = 10
GROWTH_PERCENT = 10  # from the second tenth, when all has been used once, to the last


def run_flat(bench):
    outcome = Outcome("memory over many messages")
    messages = bench.options.messages or (400 if bench.short else 1_000_000)
    rate = bench.options.rate or (200 if bench.short else 2500)
    step = Step(f"{messages:,} at {rate:,.0f}/s", rate, messages / rate, warmup=0,
                ramp=0 if bench.short else 3)
    looks = []
    with bench.stack("flat") as stack:
        def look(name):
            master = stack.parts["service"].pid
            looks.append((name, measure.pss_mb(stack.workers()), measure.pss_mb([master]),
                          stack.database_mb()))

        stack.idle_pss_mb()
        look("start")
        before = stack.simulator_counts()
        begun = []
        bench.say(step.name)
        load = Load(stack.programs["bench-load"], step, stack.port,
                    lambda mark: begun.append(time.monotonic()))
        while load.running() and not begun:
            time.sleep(0.05)
        for tenth in range(1, TENTHS + 1):
            while load.running() and time.monotonic() < begun[0] + tenth * step.seconds / TENTHS:
                time.sleep(0.05)
            look(f"{tenth * 100 // TENTHS} %")
        result = load.result()
        counts = settle(stack, before, step.promised(result), 5)
        stack.idle_pss_mb()
        look("end, idle")
        stack.check()
    outcome.proofs = [prove(step.name, [(step, result)], counts)]
    outcome.sections = [
        ("Callers", table(CALLER_HEAD, [caller_row(step.name, result)])),
        ("Memory, MB PSS", table(
            ("", "all workers", "master", "database on disk, MB"),
            ((name, f"{workers:.1f}", f"{own:.1f}", f"{disk:.0f}")
             for name, workers, own, disk in looks)))]
    second, last = looks[2][1], looks[TENTHS][1]
    outcome.limits = [at_most("growth from the second tenth to the last, %",
                              100 * (last / second - 1), GROWTH_PERCENT)]
    return outcome
