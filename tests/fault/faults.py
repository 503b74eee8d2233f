"""The phases: each does one kind of harm, so many times, while the callers go on."""

import os
import random
import signal
import time

import psycopg

from harness.process import children
from house import WORKERS, signal_process
from proxy import WRITES

# A worker that dies within a second of its birth is replaced later and later, so most are
# left to live longer than that.
LIFE_SECONDS = 1.2
YOUNG = 0.05


class Phase:
    """name, what it counts, how often in a short and in a full run, and the function."""

    def __init__(self, name, unit, short, full, run):
        self.name = name
        self.unit = unit
        self.short = short
        self.full = full
        self.run = run


def kill_workers(house, times, report):
    born = {}
    done = 0
    slowest = 0.0
    while done < times:
        now = time.monotonic()
        pids = house.service.workers()
        born = {pid: born.get(pid, now) for pid in pids}
        old = [pid for pid in pids if now - born[pid] > LIFE_SECONDS]
        if random.random() < YOUNG and pids:
            old = pids
        victim = random.choice(old) if old else None
        if victim and signal_process(victim, signal.SIGKILL):
            done += 1
            if random.random() < 0.2:
                slowest = max(slowest, house.wait_workers({victim}))
        time.sleep(random.uniform(0, LIFE_SECONDS / WORKERS))
    house.wait_workers()
    report["slowest replacement, s"] = round(slowest, 3)


def kill_masters(house, times, report):
    """Half of them alone, so that their workers are left behind; half with all workers."""
    slowest = 0.0
    for number in range(times):
        if number % 2:
            house.service.kill()
        else:
            os.killpg(house.service.pid, signal.SIGKILL)
            house.service.process.wait(10)
        began = time.monotonic()
        house.service.start()
        house.wait_serving()
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(random.uniform(0.3, 2))
    report["slowest until messages were sent again, s"] = round(slowest, 1)


def kill_backends(house, times, report):
    """pg_terminate_backend ends one; kill -9 makes PostgreSQL start anew."""
    done = 0
    slowest = 0.0
    while done < times:
        try:
            victims = house.backends()
            if not victims:
                time.sleep(0.05)
                continue
            victim = random.choice(victims)
            if done % 2:
                house.query("SELECT pg_terminate_backend(%s)", victim)
            elif not signal_process(victim, signal.SIGKILL):
                continue
        except psycopg.OperationalError:
            house.wait_database()
            continue
        done += 1
        began = time.monotonic()
        house.wait_database()
        house.wait_serving()
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(random.uniform(0, 0.5))
    report["slowest until messages were sent again, s"] = round(slowest, 1)


def restart_postgres(house, times, report):
    slowest = 0.0
    for _ in range(times):
        house.postgres.stop(signal.SIGQUIT)
        time.sleep(random.choice((0, 0, 0, 2.5)))
        house.postgres.start()
        began = time.monotonic()
        house.wait_serving()
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(random.uniform(0.2, 1))
    report["slowest until messages were sent again, s"] = round(slowest, 1)


def stop_worker(house, seconds, report):
    """SIGSTOP: its connections stay open, and it knows nothing when it goes on."""
    victim = random.choice(house.service.workers())
    signal_process(victim, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        signal_process(victim, signal.SIGCONT)
    house.wait_serving()
    report["was replaced"] = victim not in children(house.service.pid)


def stop_postgres(house, seconds, report):
    house.postgres.freeze()
    try:
        time.sleep(seconds)
    finally:
        house.postgres.thaw()
    began = time.monotonic()
    house.wait_serving()
    report["until messages were sent again, s"] = round(time.monotonic() - began, 1)


def cut_connections(house, times, report):
    """Around commits, most of them of the statements that decide something."""
    wanted = ("accept", "outcome", "accept", "outcome", "begin", "conversation", None)
    ways = ("reply", "part", "reply", "hang", "reply", "part", "before")
    between = 0
    number = 0
    while between < times:
        how = ways[number // len(wanted) % len(ways)]
        order = house.proxy.cut(how, wanted[number % len(wanted)], 3)
        number += 1
        if order is None:
            continue
        between += order.committed is True
        for name in WRITES.intersection(order.statements):
            if order.committed:
                report[f"with {name}"] = report.get(f"with {name}", 0) + 1
        if order.committed is not True:
            report[f"{how}: not committed"] = report.get(f"{how}: not committed", 0) + 1
        time.sleep(random.uniform(0, 0.3))
    house.wait_serving()


def reload(house, times, _):
    for _ in range(times):
        house.service.reload()
        time.sleep(random.uniform(0.1, 2.5))
    house.wait_workers(seconds=60)


def stop_service(house, times, report):
    slowest = 0.0
    for _ in range(times):
        began = time.monotonic()
        status = house.service.stop(70)
        slowest = max(slowest, time.monotonic() - began)
        assert status == 0, f"serve ended with status {status}: {house.service.process.tail()}"
        house.service.start()
        house.wait_serving()
    report["slowest stop, s"] = round(slowest, 1)


def mix(house, seconds, report):
    """All of it, in any order and at once: the next comes whether or not this one is over."""
    end = time.monotonic() + seconds
    tricks = (
        (kill_workers, 3), (kill_backends, 1), (cut_connections, 2), (reload, 1),
        (kill_masters, 1), (restart_postgres, 1), (kill_workers, 8), (stop_postgres, 3),
    )
    while time.monotonic() < end:
        trick, times = random.choice(tricks)
        if random.random() < 0.5:
            house.service.reload()
        trick(house, times, {})
        report[trick.__name__] = report.get(trick.__name__, 0) + 1


PHASES = (
    Phase("workers", "kill -9 of a worker", 40, 1000, kill_workers),
    Phase("masters", "kill -9 of the master", 4, 50, kill_masters),
    Phase("backends", "end of a PostgreSQL backend", 8, 100, kill_backends),
    Phase("restarts", "immediate PostgreSQL restart", 4, 50, restart_postgres),
    Phase("stopped-worker", "seconds of a stopped worker", 6, 30, stop_worker),
    Phase("stopped-postgres", "seconds of a stopped PostgreSQL", 6, 30, stop_postgres),
    Phase("cuts", "connection cut between COMMIT and its reply", 20, 200, cut_connections),
    Phase("reloads", "reload", 3, 30, reload),
    Phase("stops", "stop and start", 2, 20, stop_service),
    Phase("mix", "seconds of everything at once", 15, 120, mix),
)
