"""Each function does one kind of harm, so many times, while the callers go on."""

import concurrent.futures
import os
import random
import signal
import threading
import time

import psycopg

from harness.wait import wait_until
from house import LIFE_SECONDS, WORKERS, signal_process
from strikes import kill_at_some_commits, kill_at_some_steps
from proxy import WRITES

YOUNG = 0.05   # of the workers that are killed: whoever, however young


def kill_workers(house, times, report):
    """Whichever, of whichever node."""
    born = {}
    done = 0
    slowest = 0.0
    while done < times:
        now = time.monotonic()
        pids = house.workers()
        born = {pid: born.get(pid, now) for pid in pids}
        old = [pid for pid in pids if now - born[pid] > LIFE_SECONDS]
        if random.random() < YOUNG and pids:
            old = pids
        victim = random.choice(old) if old else None
        if victim and kill_worker(house, victim):
            done += 1
            if random.random() < 0.1:
                slowest = max(slowest, house.wait_workers({victim}))
        time.sleep(random.uniform(0, LIFE_SECONDS / WORKERS / len(house.nodes)))
    house.wait_workers()
    report["slowest replacement, s"] = round(slowest, 3)


def kill_worker(house, pid):
    """Counted while PostgreSQL is there to say which lanes it has."""
    try:
        return house.kill_counted("worker", [pid], [pid])
    except psycopg.OperationalError:
        return signal_process(pid, signal.SIGKILL)


def kill_masters(house, times, report):
    """Half of them alone, so that their workers are left behind; half with all workers."""
    slowest = 0.0
    for number in range(times):
        node = random.choice(house.nodes)
        if number % 2:
            node.kill()
        else:
            os.killpg(node.pid, signal.SIGKILL)
            node.process.wait(10)
        began = time.monotonic()
        node.start()
        house.wait_serving()
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(random.uniform(0.3, 2))
    report["slowest until messages were sent again, s"] = round(slowest, 1)


def kill_nodes(house, times, _):
    """Master and workers at once, and it stays away until the other one has all lanes."""
    for _ in range(times):
        node = random.choice(house.nodes)
        house.kill_counted("node", node.processes(), node.workers())
        node.process.wait(10)
        wait_until(lambda n=node: house.lanes_held_by(n) == 0, 30, "the other node has all lanes")
        time.sleep(random.uniform(0, 1))
        node.start()
        house.wait_workers()
        time.sleep(random.uniform(0.5, 2.5))


def stop_nodes(house, times, report):
    """Every process of a node hangs, as if its host had: nothing proves it dead, its lease runs
    out.  Then it dies, or goes on and finds its lanes gone."""
    for number in range(times):
        node = random.choice(house.nodes)
        pids = node.processes()
        house.kill_counted("host", pids, pids[1:], signal.SIGSTOP)
        try:
            wait_until(lambda n=node: house.lanes_held_by(n) == 0, 30, "the other node has all")
        finally:
            for pid in pids:
                signal_process(pid, signal.SIGCONT if number % 2 else signal.SIGKILL)
        if number % 2 == 0:
            node.process.wait(10)
            node.start()
        house.wait_workers(set(pids[1:]))
        house.wait_serving()
        ends = "goes on" if number % 2 else "dies"
        report[ends] = report.get(ends, 0) + 1
        time.sleep(random.uniform(0, 2))


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
    victim = wait_until(lambda: random.choice(house.workers() or [None]), 15, "a worker")
    signal_process(victim, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        signal_process(victim, signal.SIGCONT)
    house.wait_serving()
    report["afterwards"] = ("the same worker" if victim in house.workers()
                            else "another worker")


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


def trouble_neighbours(house, times, report):
    """Replies lost by the dozen, refusals that are repeated, services that are away."""
    tricks = (
        ("connections closed", house.simulator.close_connections, {}),
        ("graph 503", house.simulator.script_all,
         {"service": "graph", "kind": "error", "code": 131016, "status": 503, "times": 30}),
        ("graph replies dropped", house.simulator.script_all,
         {"service": "graph", "kind": "drop_reply", "times": 10}),
        ("graph connections refused", house.simulator.script_all,
         {"service": "graph", "kind": "refused_stream", "times": 30}),
        ("graph GOAWAY", house.simulator.script_all,
         {"service": "graph", "kind": "goaway", "times": 10}),
        ("conversation 500", house.simulator.script_all,
         {"service": "conversation", "kind": "error", "status": 500, "times": 100}),
        ("conversation hangs", house.simulator.script_all,
         {"service": "conversation", "kind": "hang", "times": 20}),
        ("quota hangs", house.simulator.script_all,
         {"service": "quota", "kind": "hang", "times": 10}),
        ("credentials 500", house.simulator.script_all,
         {"service": "outlet", "kind": "error", "status": 500, "times": 10}),
    )
    for number in range(times):
        name, trick, arguments = tricks[number % len(tricks)]
        trick(**arguments)
        report[name] = report.get(name, 0) + 1
        time.sleep(random.uniform(0.1, 1))
    for service in ("graph", "conversation", "quota", "outlet"):
        house.simulator.forgive_all(service)


def reload(house, times, _):
    for _ in range(times):
        random.choice(house.nodes).reload()
        time.sleep(random.uniform(0.1, 2.5))
    house.wait_workers(seconds=60)


def stop_service(house, times, report):
    slowest = 0.0
    for _ in range(times):
        node = random.choice(house.nodes)
        began = time.monotonic()
        status = node.stop(70)
        slowest = max(slowest, time.monotonic() - began)
        assert status == 0, f"serve ended with status {status}: {node.process.tail()}"
        node.start()
        house.wait_serving()
    report["slowest stop, s"] = round(slowest, 1)


def mix(house, seconds, report):
    """Two at a time.  Only this thread starts programs: they end with the thread that did."""
    over = threading.Event()

    def keep(tricks):
        trick, times = random.choice(tricks)
        trick(house, times, {})
        report[trick.__name__] = report.get(trick.__name__, 0) + 1

    def beside():
        while not over.is_set():
            keep(((kill_workers, 4), (cut_connections, 2), (kill_at_some_commits, 3),
                  (kill_at_some_steps, 2), (stop_postgres, 2), (stop_worker, 3),
                  (trouble_neighbours, 3)))

    end = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(beside)
        try:
            while time.monotonic() < end and not other.done():
                keep(((kill_masters, 1), (restart_postgres, 1), (reload, 1), (stop_service, 1),
                      (kill_backends, 2)))
        finally:
            over.set()
        other.result()


