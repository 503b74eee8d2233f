"""Webhooks beside sending: four statuses a message, and what that costs those who send."""

from dataclasses import replace

from bench import Outcome, at_least, at_most
from drain import LOOK_SECONDS, STUCK_SECONDS
from report import PARTS, table
from stack import Failure
from steps import OUR_PARTS, Step, failed, quieten, run_step, wait_for

SECRET = "bench"
# Four of each message, of which the last is not of text messages: so that there are enough.
PLAN = {"statuses": [{"status": status, "after_ms": ms} for status, ms in (
    ("sent", 0), ("delivered", 300), ("read", 600), ("played", 900))]}
# Each webhook has 1 to 100, by dice; a short run has too few to fill them.
RULES = {"secret": SECRET, "batch": 100, "batch_min": 1, "gather_ms": 100, "connections": 16}
STATUSES = len(PLAN["statuses"])


class Watch:
    """The simulator's account of the webhooks while a step is measured."""

    def __init__(self, stack):
        self.stack = stack
        self.before = self.after = None

    def mark(self, name):
        if name == "measuring":
            self.stack.simulator_call("webhooks", {})  # its times begin anew
            self.before = self.stack.simulator_call("webhooks")
        else:
            self.after = self.stack.simulator_call("webhooks")

    def count(self, name):
        return self.after[name] - self.before[name]


def reported(stack):
    """Waits until all that is to be reported was answered 200."""
    def look():
        counts = stack.simulator_call("webhooks")
        return counts["waiting"] == counts["open"] == 0

    if not wait_for(look, STUCK_SECONDS, LOOK_SECONDS):
        raise Failure(f"webhooks are left over: {stack.simulator_call('webhooks')}")
    return stack.simulator_call("webhooks")


def check_applied(stack, outcome, counts):
    """Each status is there once, and each message is read."""
    rows = stack.connection.execute("SELECT count(*) FROM message_sender.receipt").fetchone()[0]
    if rows != counts["statuses"]:
        outcome.failures.append(f"{counts['statuses']} statuses were reported, {rows} are there")
    behind = stack.connection.execute(
        "SELECT count(*) FROM message_sender.message WHERE state <> 'read' AND message_id IN"
        " (SELECT message_id FROM message_sender.receipt)").fetchone()[0]
    if behind:
        outcome.failures.append(f"{behind} messages are not read")


def webhook_table(watch, step):
    after = watch.after
    return table(
        ("statuses/s", "webhooks/s", "statuses a webhook", "median", "p99", "max", "refused",
         "unanswered", "not answered at the end"),
        [(f"{watch.count('taken') / step.seconds:.0f}",
          f"{watch.count('posts') / step.seconds:.0f}",
          f"{watch.count('statuses') / max(1, watch.count('posts')):.0f}",
          f"{after['median_ms']:.1f}", f"{after['p99_ms']:.1f}", f"{after['max_ms']:.1f}",
          watch.count("refused"), watch.count("unanswered"), after["open"])])


def cost_table(alone, beside):
    """What a message costs more with its receipts, for each of them."""
    more = {name: (beside["cpu"][name] - alone["cpu"][name]) / STATUSES for name in PARTS[:-1]}
    return table((*PARTS[:-1], "service + web + postgres"), [
        (*(f"{more[name]:.0f}" for name in PARTS[:-1]),
         f"**{sum(more[name] for name in OUR_PARTS):.0f}**")])


def mean(results, read):
    return sum(map(read, results)) / len(results)


def run_receipts(bench):
    outcome = Outcome("webhooks beside sending")
    rate = bench.options.rate or (100 if bench.short else 1000)
    step = Step("without webhooks", rate, 4 if bench.short else 60, warmup=1 if bench.short else 5)
    with bench.stack("receipts", settings={"WHATSAPP_APP_SECRET": SECRET}) as stack:
        bench.say(step.name)
        alone = [outcome.step(run_step(stack, step))]
        quieten(stack)
        stack.simulator_call("receipts", {"receipts": PLAN})
        stack.simulator_call("webhooks", {
            **RULES, "url": f"http://127.0.0.1:{stack.port}/api/v1/webhooks/whatsapp"})
        watch = Watch(stack)
        beside_step = replace(step, name=f"with {STATUSES} statuses a message")
        bench.say(beside_step.name)
        beside = outcome.step(run_step(stack, beside_step, on_mark=watch.mark))
        check_applied(stack, outcome, reported(stack))
        stack.simulator_call("webhooks", {"url": ""})
        quieten(stack)
        again = replace(step, name="without webhooks, again")
        bench.say(again.name)
        alone.append(outcome.step(run_step(stack, again)))
    costs = {"cpu": {name: mean(alone, lambda r, name=name: r["cpu"][name]) for name in PARTS}}
    p99 = mean(alone, lambda r: r["load"]["latency_ms"]["p99"])
    loads = [result["load"] for result in outcome.results]
    outcome.sections = [
        ("Webhooks (ms from when one was due until it was answered 200)",
         webhook_table(watch, beside_step)),
        ("CPU µs a status: what a message costs more with webhooks, by its statuses",
         cost_table(costs, beside))]
    outcome.limits = [
        at_least("statuses a second", watch.count("taken") / beside_step.seconds,
                 0.97 * STATUSES * rate),
        at_most("webhooks: median, ms", watch.after["median_ms"], 50),
        at_most("webhooks: p99, ms", watch.after["p99_ms"], 250),
        at_most("sends: p99, to without webhooks",
                beside["load"]["latency_ms"]["p99"] / p99, 1.2),
        at_most("failed requests", sum(map(failed, loads)), 0),
        at_most("refused webhooks", watch.after["refused"] + watch.after["unanswered"], 0)]
    return outcome
