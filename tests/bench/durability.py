"""What durability costs, stage by stage: what each statement and commit of a message takes in
PostgreSQL, and the same load with a disk that is not waited for."""

import re
from dataclasses import replace

from bench import Outcome
from report import table
from steps import run_step

# Counting statements costs a little; both loads have it.
TRACKED = {"shared_preload_libraries": "pg_stat_statements"}
VARIANTS = (("fsync on", {"fsync": "on"}), ("fsync off", {"fsync": "off"}))
SHOWN = 12  # statements, the costly ones

READ = """
    SELECT query, calls, rows, total_exec_time * 1000 AS us, wal_bytes
    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database
        WHERE datname = current_database())"""


def start(connection):
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    connection.execute("SELECT pg_stat_statements_reset()")


def name_of(query):
    """Ours begin with a comment, "-- accept: ..."."""
    own = re.match(r"\s*-- (\w+):", query)
    return own.group(1) if own else " ".join(query.split()[:3])


def costs(connection, messages):
    """(statement, calls, rows, µs, bytes of WAL) each per message, the costly ones first."""
    sums = {}
    for query, *figures in connection.execute(READ).fetchall():
        row = sums.setdefault(name_of(query), [0.0] * len(figures))
        for i, figure in enumerate(figures):
            row[i] += float(figure) / messages
    return sorted(((name, *row) for name, row in sums.items()), key=lambda r: -r[3])[:SHOWN]


def run_durability(bench, step):
    """The step with and without a disk to wait for; and what it cost by statement."""
    outcome = Outcome("what durability costs")
    for name, settings in VARIANTS:
        with bench.stack(name, postgres={**TRACKED, **settings}) as stack:
            start(stack.connection)
            bench.say(name)
            result = outcome.step(run_step(stack, replace(step, name=name)))
            rows = costs(stack.connection, result["proof"].promised)
        outcome.sections.append((f"PostgreSQL by statement, per message: {name}", table(
            ("statement", "calls", "rows", "µs", "WAL bytes"),
            ((statement, f"{calls:.4f}", f"{count:.3f}", f"{us:.1f}", f"{wal:.0f}")
             for statement, calls, count, us, wal in rows))))
    return outcome
