"""Results as text."""

import os
import time

PARTS = ("service", "web", "postgres", "simulator", "generator")


def _load(result):
    return result["load"]["latency_ms"], result["load"]["all"]


def _failures(result):
    """"none", or each kind with its count"""
    _, everything = _load(result)
    kinds = {status: count for status, count in everything["status"].items()
             if not status.startswith("2")}
    kinds.update((kind, count) for kind, count in everything["errors"].items() if count)
    return ", ".join(f"{kind}: {count}" for kind, count in kinds.items()) or "none"


def line(result):
    latency, _ = _load(result)
    return (f"{result['step'].name}: {result['load']['achieved_rate']:.0f}/s,"
            f" p50 {latency['p50']:.0f} p99 {latency['p99']:.0f} ms,"
            f" {result['ours']:.0f} µs a message, {result['pss_peak']:.0f} MB,"
            f" failures: {_failures(result)}")


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _latency_rows(results):
    for r in results:
        latency, _ = _load(r)
        yield (r["step"].name, f"{r['load']['achieved_rate']:.0f}", _failures(r),
               *(f"{latency[q]:.0f}" for q in ("p50", "p90", "p99", "p99.9", "max")),
               r["load"]["in_flight_max"],
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


def _proof_rows(results):
    for r in results:
        yield r["step"].name, r["answered"], r["accepted"], r["duplicates"], r["stored"]


def _number(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def document(options, facts, baselines, results, limits, broken):
    baseline = sum(baselines) / len(baselines)
    what = f"{options.web}, {'asynchronous' if options.asynchronous else 'synchronous'}"
    parts = [
        f"# Measured {facts['date']}, commit {facts['commit']}: {what}",
        "How to read this: tests/bench/README.md.",
        "\n".join(f"* {name}: {value}" for name, value in facts.items()
                  if name not in ("date", "commit")),
        f"* baseline (nginx and generator, CPU µs a request): {baselines[0]:.1f} before,"
        f" {baselines[1]:.1f} after",
        "## Rate and latency (ms, from the moment a request was due)",
        _table(("step", "2xx/s", "failures", "p50", "p90", "p99", "p99.9", "max", "in flight",
                "generator late"), _latency_rows(results)),
        "## CPU µs a message",
        _table(("step", *PARTS, "service + web + postgres", "in baselines", "cores busy",
                "stolen"), _cost_rows(results, baseline)),
        "## Memory (MB PSS of all workers) and database (per message)",
        _table(("step", "before", "peak", "writing transactions", "commits", "WAL bytes",
                "page images"), _state_rows(results)),
        "## Exactly once",
        _table(("step", "promised", "accepted by the simulator", "sent twice",
                "stored"),
               _proof_rows(results)),
    ]
    for r in results:
        if "statements" in r:
            parts += [f"## PostgreSQL by statement, per message: {r['step'].name}", _table(
                ("statement", "calls", "rows", "µs", "WAL bytes"),
                ((name, f"{calls:.4f}", f"{rows:.3f}", f"{us:.1f}", f"{wal:.0f}")
                 for name, calls, rows, us, wal in r["statements"]))]
    if limits:
        parts += ["## Promised", _table(("what", "measured", "limit", "kept"), (
            (what, _number(value), limit, "yes" if kept else "**no**")
            for what, value, limit, kept in limits))]
    if broken:
        parts += ["## Broken", "\n".join(f"* {text}" for text in broken)]
    return "\n\n".join(parts) + "\n"


def record(top, name, text):
    directory = os.path.join(top, "docs", "measured")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{time.strftime('%Y-%m-%d', time.gmtime())}-{name}.md")
    with open(path, "w") as file:
        file.write(text)
    return os.path.relpath(path, top)
