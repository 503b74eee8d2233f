"""The service behind lighttpd and behind nginx, and a plain one behind the same, in one run."""

from bench import Outcome, at_least
from knee import BOUNDS, PROMISED, knee_row, knee_table, sweep
from report import table
from steps import Step, quieten, run_step

SERVICE = ("message-sender", "serve")
PLAIN = ("bench-reference",)
KEEPING = ("bench-reference", "--keep")
COMMON = 250  # /s, for costs: a rate that the plain one may carry

# name, web server, program, first rate and stride of its sweep
VARIANTS = (
    ("service, lighttpd", "lighttpd", SERVICE, 1000, 500),
    ("service, nginx", "nginx", SERVICE, 1000, 500),
    ("plain, lighttpd", "lighttpd", PLAIN, 100, 100),
    ("plain, nginx", "nginx", PLAIN, 100, 100),
    ("plain keeping, lighttpd", "lighttpd", KEEPING, 250, 250),
    ("plain keeping, nginx", "nginx", KEEPING, 250, 250),
)
SHORT_VARIANTS = VARIANTS[1:4:2]

NOTE = """`plain` is bench-reference: threads in FCGX_Accept_r, libcurl with a connection of its own for
each call, quota and credentials asked for with every message, a commit for each of its two writes.
`plain keeping` keeps each thread's connections. The service has its credentials cached (its
default) and its quota for a second. Each is compared with `plain` behind the same web server."""


def ratio(value, of):
    return f"{value / of:.1f}" if of else "–"


def rows(measured):
    plain = {web: (common, found) for name, web, common, found in measured
             if name.startswith("plain,")}
    for name, web, common, found in measured:
        cost, reference = plain[web]
        yield (name, f"{found.rate:,}", ratio(found.rate, reference.rate),
               f"{found.peak:.0f}", ratio(found.peak, reference.peak),
               f"{common['load']['latency_ms']['p50']:.0f}",
               f"{common['load']['latency_ms']['p99']:.0f}",
               f"{common['ours']:.0f}", ratio(common["ours"], cost["ours"]),
               f"{common['pss_peak']:.1f}")


def run_compare(bench):
    outcome = Outcome("the service and a plain one")
    measured = []
    seconds, common = (2, 20) if bench.short else (10, COMMON)
    for name, web, service, first, stride in SHORT_VARIANTS if bench.short else VARIANTS:
        plan = (40, 40, 40, 2) if bench.short else (first, stride, 10000, seconds)
        with bench.stack(name, web=web, service=service) as stack:
            step = Step(f"{name}: {common}/s", common, seconds, warmup=2, ramp=1)
            bench.say(step.name)
            cost = outcome.step(run_step(stack, step))
            quieten(stack)
            found = sweep(bench, stack, outcome, plan, f"{name}: ")
            measured.append((name, web, cost, found))
    outcome.sections = [
        ("Compared", NOTE + "\n\n" + table(
            ("", "knee, /s", "ratio", "peak, 2xx/s", "ratio", f"p50 at {common}/s, ms", "p99",
             f"CPU µs a message at {common}/s", "ratio", "MB PSS there"), rows(measured))),
        ("The knees", BOUNDS + "\n\n" + knee_table(
            [knee_row(name, found) for name, _, _, found in measured]))]
    outcome.limits = [at_least(f"{name}: highest rate kept, /s", found.rate, PROMISED[web])
                      for name, web, _, found in measured if name.startswith("service")]
    return outcome
