"""Results as text."""

import os
import time

PARTS = ("service", "web", "postgres", "simulator", "generator")


CALLER_HEAD = ("step", "2xx/s", "failures", "p50", "p90", "p99", "p99.9", "max")


def failures(load):
    """"none", or each kind with its count"""
    kinds = {status: count for status, count in load["all"]["status"].items()
             if not status.startswith("2")}
    kinds.update((kind, count) for kind, count in load["all"]["errors"].items() if count)
    return ", ".join(f"{kind}: {count}" for kind, count in kinds.items()) or "none"


def line(result):
    load = result["load"]
    latency = load["latency_ms"]
    return (f"{result['step'].name}: {load['achieved_rate']:.0f}/s,"
            f" p50 {latency['p50']:.0f} p99 {latency['p99']:.0f} ms,"
            f" {result['ours']:.0f} µs a message, {result['pss_peak']:.0f} MB,"
            f" failures: {failures(load)}")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def caller_row(name, load):
    """A row under CALLER_HEAD."""
    return (name, f"{load['achieved_rate']:.0f}", failures(load),
            *(f"{load['latency_ms'][q]:.0f}" for q in ("p50", "p90", "p99", "p99.9", "max")))


def _latency_rows(results):
    for r in results:
        yield (*caller_row(r["step"].name, r["load"]), r["load"]["in_flight_max"],
               "yes" if r["load"]["generator_fell_behind"] else "no")


def _cost_rows(results, baseline):
    for r in results:
        yield (r["step"].name, *(f"{r['cpu'][name]:.0f}" for name in PARTS),
               f"**{r['ours']:.0f}**", f"{r['ours'] / baseline:.1f}",
               f"{sum(r['cpu'].values()) * r['load']['achieved_rate'] / 1e6:.2f}",
               f"{100 * r['stolen']:.0f} %")


def _state_rows(results):
    for r in results:
        database = r["database"]
        yield (r["step"].name, f"{r['pss_idle']:.1f}", f"{r['pss_peak']:.1f}",
               f"{database['writing']:.3f}", f"{database['commits']:.3f}",
               f"{database['wal_bytes']:.0f}", f"{database['page_images']:.3f}")


def step_sections(results, baseline):
    """The tables that every step has, as (heading, text)."""
    if not results:
        return []
    return [
        ("Rate and latency (ms, from the moment a request was due)",
         table((*CALLER_HEAD, "in flight", "generator late"), _latency_rows(results))),
        ("CPU µs a message",
         table(("step", *PARTS, "service + web + postgres", "in baselines", "cores busy",
                "stolen"), _cost_rows(results, baseline))),
        ("Memory (MB PSS of all workers) and database (per message)",
         table(("step", "before", "peak", "writing transactions", "commits", "WAL bytes",
                "page images"), _state_rows(results)))]


def proof_section(proofs):
    return ("Exactly once", table(
        ("step", "promised", "accepted by the simulator", "sent twice", "stored"),
        ((p.name, p.promised, p.accepted, p.duplicates, p.stored) for p in proofs)))


def _number(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def document(web, facts, baselines, outcome):
    baseline = sum(baselines) / len(baselines)
    sections = (outcome.sections + step_sections(outcome.results, baseline)
                + [proof_section(outcome.proofs)])
    if outcome.limits:
        sections.append(("Promised", table(("what", "measured", "limit", "kept"), (
            (what, _number(value), limit, "yes" if kept else "**no**")
            for what, value, limit, kept in outcome.limits))))
    if outcome.broken():
        sections.append(("Broken", "\n".join(f"* {text}" for text in outcome.broken())))
    return "\n\n".join((
        f"# Measured {facts['date']}, commit {facts['commit']}: {web}, {outcome.title}",
        "How to read this: tests/bench/README.md.",
        "\n".join(f"* {name}: {value}" for name, value in facts.items()
                  if name not in ("date", "commit")),
        f"* baseline (nginx and generator, CPU µs a request): {baselines[0]:.1f} before,"
        f" {baselines[1]:.1f} after",
        *(f"## {heading}\n\n{text}" for heading, text in sections))) + "\n"


def record(top, name, text):
    directory = os.path.join(top, "docs", "measured")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{time.strftime('%Y-%m-%d', time.gmtime())}-{name}.md")
    with open(path, "w") as file:
        file.write(text)
    return os.path.relpath(path, top)
