"""What row-level security costs: the same step with it and without, in turns, on one stack."""

from bench import Outcome, at_most
from report import CALLER_HEAD, caller_row, table
from steps import Step, quieten, run_step

TURNS = 3
COST_PERCENT = 3

# Prepared statements are planned anew when it changes.
SWITCH = """
DO $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'message_sender'::regnamespace
            AND c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    LOOP
        EXECUTE format('ALTER TABLE %%s %s ROW LEVEL SECURITY', t);
    END LOOP;
END
$$
"""


def middle(values):
    return sorted(values)[len(values) // 2]


def run_walls(bench):
    outcome = Outcome("row-level security on and off")
    rate = bench.options.rate or (100 if bench.short else 2000)
    seconds = 2 if bench.short else bench.options.seconds
    costs = {"ENABLE": [], "DISABLE": []}
    rows = []
    with bench.stack("walls") as stack:
        for turn in range(1 if bench.short else TURNS):
            for switch in costs:
                stack.connection.execute(SWITCH % switch)
                step = Step(f"{switch.lower()}d, turn {turn + 1}", rate, seconds, warmup=2, ramp=1)
                bench.say(step.name)
                result = outcome.step(run_step(stack, step))
                costs[switch].append(result["ours"])
                rows.append((*caller_row(step.name, result["load"]), f"**{result['ours']:.0f}**"))
                quieten(stack)
        stack.connection.execute(SWITCH % "ENABLE")
    behind, without = middle(costs["ENABLE"]), middle(costs["DISABLE"])
    outcome.sections = [("With walls and without",
                         table((*CALLER_HEAD, "service + web + postgres, CPU µs a message"), rows))]
    if not bench.short:
        outcome.limits = [at_most("walls: CPU of a message more than without, %",
                                  100 * (behind / without - 1), COST_PERCENT)]
    return outcome
