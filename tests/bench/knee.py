"""Rising rates until one is not kept, the knee between the last two; and three times that."""

from dataclasses import replace

from bench import Outcome, at_least, at_most
from report import table
from stack import GRAPH_LATENCY_MS
from steps import Step, failed, quieten, run_step

KEPT_SHARE = 0.97
BOUND_MS = 100     # p99 may be so far above the Graph API's latency
OVERLOAD = 3
CONNECTIONS = 5900  # lighttpd takes 6,000
# So that three times the rate of a short run is too much for any machine.
SHORT_RATE = 40
HOUSE_MS = 30  # of a message in the house, besides the Graph API's
SHORT_IN_FLIGHT = 20


def kept(result):
    step, load = result["step"], result["load"]
    return (failed(load) == 0 and load["achieved_rate"] >= KEPT_SHARE * step.rate
            and load["latency_ms"]["p99"] <= step.latency_ms + BOUND_MS)


class Sweep:
    """`rate`: the knee, the highest rate kept; `peak`: the most 2xx a second seen at any rate."""

    def __init__(self):
        self.rate = 0
        self.peak = 0.0
        self.best = None  # result of the knee
        self.results = []

    def add(self, result):
        self.results.append(result)
        self.peak = max(self.peak, result["load"]["achieved_rate"])
        if kept(result) and result["step"].rate > self.rate:
            self.rate, self.best = result["step"].rate, result
        return kept(result)


def sweep(bench, stack, outcome, plan, name=""):
    """`plan`: (first rate, stride, highest rate, seconds).  A rate missed is tried once more."""
    first, stride, highest, seconds = plan
    found = Sweep()

    def try_rate(rate):
        step = Step(f"{name}{rate:,}/s", rate, seconds, warmup=min(3, seconds),
                    ramp=min(3, seconds))
        for attempt in ("", ", again"):
            bench.say(step.name + attempt)
            result = outcome.step(run_step(stack, replace(step, name=step.name + attempt)))
            quieten(stack)
            if found.add(result):
                return True
        return False

    rate = first
    while rate <= highest and try_rate(rate):
        rate += stride
    gap = stride // 2
    rate = found.rate + gap
    while rate <= highest and gap >= max(1, stride // 5):
        missed = not try_rate(rate)
        gap //= 2
        rate += -gap if missed else gap
    return found


def plan_of(options):
    if options.short:
        return 50, 50, 100, 2
    return 1000, 500, 10000, 10


def knee_table(rows):
    return table(("", "knee, /s", "peak, 2xx/s", "p99 at the knee, ms", "CPU µs a message there",
                  "MB PSS there"), rows)


def knee_row(name, found):
    if not found.best:
        return name, "below the first rate", f"{found.peak:.0f}", "", "", ""
    return (name, f"{found.rate:,}", f"{found.peak:.0f}",
            f"{found.best['load']['latency_ms']['p99']:.0f}", f"{found.best['ours']:.0f}",
            f"{found.best['pss_peak']:.1f}")


BOUNDS = (f"Kept: no failure, {KEPT_SHARE:.0%} of the rate answered 2xx in time, p99 at most"
          f" {BOUND_MS} ms above the Graph API's latency.")
PROMISED = {"lighttpd": 3500, "nginx": 4000}


def run_sweep(bench):
    outcome = Outcome("the knee")
    with bench.stack("sweep") as stack:
        found = sweep(bench, stack, outcome, plan_of(bench.options))
    web = bench.options.web
    outcome.sections.append(("The knee", BOUNDS + "\n\n" + knee_table([knee_row(web, found)])))
    outcome.limits = [at_least(f"{web}: highest rate kept, /s", found.rate, PROMISED[web])]
    return outcome


def refusals(load):
    return sum(n for status, n in load["measured"]["status"].items() if status in ("429", "503"))


def overload_row(result, peak):
    load = result["load"]
    accepted, refused = load["latency_ms"], load["refused_latency_ms"]
    good = load["achieved_rate"]
    return (result["step"].name, f"{result['step'].rate:,.0f}", f"{peak:.0f}", f"{good:.0f}",
            f"{good / max(1, peak):.0%}",
            refusals(load), failed(load) - sum(n for s, n in load["all"]["status"].items()
                                               if s in ("429", "503")),
            *(f"{accepted[q]:.0f}" for q in ("p50", "p99")),
            *(f"{refused[q]:.0f}" for q in ("p50", "p99", "max")),
            f"{load['waited_for_connection']:,}")


OVERLOAD_HEAD = ("step", "wanted/s", "peak, 2xx/s", "2xx/s", "of the peak", "429 and 503",
                 "other failures", "2xx p50, ms", "p99", "refused p50, ms", "p99", "max",
                 "waited in the generator")


def flood(bench, stack, outcome, name, rate, seconds):
    """So much that most is refused."""
    bench.say(name)
    return outcome.step(run_step(stack, Step(
        name, rate, seconds, warmup=min(5, seconds), ramp=min(3, seconds),
        connections=CONNECTIONS)))


def flood_knee(bench, outcome, seconds):
    """Three times what the machine carries; the knee and the row of a table."""
    with bench.stack("overload") as stack:
        rate = bench.options.rate
        if rate:
            peak = outcome.step(run_step(stack, Step(f"{rate:,.0f}/s", rate, seconds)))[
                "load"]["achieved_rate"]
        else:
            found = sweep(bench, stack, outcome, plan_of(bench.options))
            rate, peak = found.rate or plan_of(bench.options)[0], found.peak
        quieten(stack)
        result = flood(bench, stack, outcome, f"{OVERLOAD} x {rate:,.0f}/s", OVERLOAD * rate,
                       seconds)
    outcome.limits += [
        at_least(f"goodput at {OVERLOAD} times the knee, share of the peak",
                 result["load"]["achieved_rate"] / max(1, peak), 0.9)]
    return rate, overload_row(result, peak)


def flood_house(bench, outcome, rate, seconds):
    """Three times what MAX_IN_FLIGHT admits, which is so low that all that is offered is what the
    machine carries: the service is too small, and neither web server nor generator."""
    admitted = rate / OVERLOAD
    house = SHORT_IN_FLIGHT if bench.short else max(2, round(
        admitted * (GRAPH_LATENCY_MS + HOUSE_MS) / 1000))
    with bench.stack("house", settings={"MAX_IN_FLIGHT": str(house)}) as stack:
        first = flood(bench, stack, outcome, f"house of {house}, full", 1.2 * admitted, seconds)
        quieten(stack)
        result = flood(bench, stack, outcome, f"house of {house}, {OVERLOAD} x",
                       OVERLOAD * admitted, seconds)
    peak, load = first["load"]["achieved_rate"], result["load"]
    if not refusals(load):
        outcome.failures.append("overload: nothing was refused beyond MAX_IN_FLIGHT")
    outcome.limits += [
        at_least(f"goodput at {OVERLOAD} times what the house admits, share of the peak",
                 load["achieved_rate"] / max(1, peak), 0.9),
        at_most("refusals there, p99, ms", load["refused_latency_ms"]["p99"], 50)]
    return overload_row(result, peak)


def refusal_costs(bench, outcome, rate, seconds):
    """CPU µs of each part for a request that is refused: hardly any other is."""
    with bench.stack("refusals", settings={"MAX_IN_FLIGHT": "2"}) as stack:
        result = flood(bench, stack, outcome, "all but two refused", rate, seconds)
    load = result["load"]
    messages = load["achieved_rate"] * seconds
    parts = {name: result["cpu"][name] * messages / max(1, refusals(load))
             for name in ("service", "web")}
    parts["generator"] = result["cpu"]["generator"]
    return table(parts, [[f"{us:.1f}" for us in parts.values()]])


def run_overload(bench):
    """Three times the knee, and three times what the house admits: how much is still done, how
    soon the others are told, and what it costs to tell them."""
    outcome = Outcome("overload")
    seconds = 2 if bench.short else 20
    if bench.short:
        rate, rows = 3 * SHORT_RATE, []
    else:
        rate, row = flood_knee(bench, outcome, seconds)
        rows = [row]
    rows.append(flood_house(bench, outcome, rate, seconds))
    outcome.sections.append(("Overload", table(OVERLOAD_HEAD, rows)))
    outcome.sections.append(("A refusal, CPU µs", refusal_costs(bench, outcome, rate, seconds)))
    return outcome
