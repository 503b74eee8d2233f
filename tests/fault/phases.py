"""What is done, how often, on one node, on two, and on one with own tenants."""

import faults
from house import ONE_NODE, OWN_TENANTS, TWO_NODES
from strikes import kill_at_commits, kill_at_steps


class Phase:
    """What it counts, how often in a short and in a full run (each on one node, on two, and with
    own tenants), and the function, which may return what it could not reach."""

    def __init__(self, name, unit, short, full, run):
        self.name = name
        self.unit = unit
        self.times = {length: dict(zip((ONE_NODE, TWO_NODES, OWN_TENANTS), times, strict=True))
                      for length, times in (("short", short), ("full", full))}
        self.run = run


PHASES = (
    Phase("workers", "kill -9 of a worker", (20, 20, 5), (1000, 1000, 100), faults.kill_workers),
    Phase("masters", "kill -9 of the master", (2, 2, 1), (50, 50, 10), faults.kill_masters),
    Phase("nodes", "kill -9 of a node", (0, 2, 0), (0, 25, 0), faults.kill_nodes),
    Phase("hosts", "node that hangs", (0, 0, 0), (0, 6, 0), faults.stop_nodes),
    Phase("backends", "end of a PostgreSQL backend", (4, 2, 2), (100, 100, 20),
          faults.kill_backends),
    Phase("restarts", "immediate PostgreSQL restart", (2, 1, 1), (50, 50, 10),
          faults.restart_postgres),
    Phase("stopped-worker", "seconds of a stopped worker", (3, 0, 0), (30, 30, 0),
          faults.stop_worker),
    Phase("stopped-postgres", "seconds of a stopped PostgreSQL", (3, 0, 0), (30, 30, 10),
          faults.stop_postgres),
    Phase("cuts", "connection cut between COMMIT and its reply", (10, 5, 5), (200, 200, 100),
          faults.cut_connections),
    Phase("steps", "kills of workers on entering each step", (1, 0, 0), (6, 2, 1), kill_at_steps),
    Phase("commits", "kills -9 of workers around each commit", (1, 0, 1), (6, 3, 6),
          kill_at_commits),
    Phase("neighbours", "trouble of a neighbour", (9, 0, 0), (90, 45, 0),
          faults.trouble_neighbours),
    Phase("reloads", "reload", (2, 1, 1), (30, 30, 10), faults.reload),
    Phase("stops", "stop and start", (1, 1, 1), (20, 10, 5), faults.stop_service),
    Phase("mix", "seconds of everything, two at once", (10, 4, 4), (120, 120, 30), faults.mix),
)
