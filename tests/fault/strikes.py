"""Kills of workers at the named points (points.py), each of which the load must reach; what it
reaches only after something happened is given that."""

import contextlib
import random
import signal
import time

import points
from harness.process import alive
from harness.wait import wait_until
from house import GRAPH_MS, LIFE_SECONDS, SERVICE_MS, signal_process

SOON_SECONDS = 1      # in which most points are reached by one worker
LATE_SECONDS = 12     # by some worker, with a hand
HOWS = {"before": "before the commit of", "reply": "after the commit of",
        "told": "after the reply to"}


def count(report, name):
    report[name] = report.get(name, 0) + 1


# --- steps: what some of them need ---

@contextlib.contextmanager
def tenant_service_away(house):
    """New outlets have no credentials: what nobody waits for is deferred, the rest given up."""
    house.simulator.script_all("outlet", "error", status=500)
    yield
    house.simulator.forgive_all("outlet")


@contextlib.contextmanager
def lanes_move_under_way(house):
    """New owners find attempts of workers that still live."""
    house.simulator.latency(graph_ms=1500)
    time.sleep(0.3)
    random.choice(house.nodes).reload()
    yield
    house.simulator.latency(GRAPH_MS, SERVICE_MS)


@contextlib.contextmanager
def everything_held(house):
    """What nobody waits for is put aside."""
    house.run_command("pause", "--all", "--why", "fault programme")
    yield
    house.run_command("resume", "--all", "--why", "fault programme")


HANDS = {"defer": tenant_service_away, "give_up": tenant_service_away,
         "hold": lanes_move_under_way, "shelve": everything_held}


def strike_step(house, step, pids, seconds):
    """True when a worker died there: one of these, or (None) of all there are, also of those that
    are born meanwhile."""
    traps = {}
    end = time.monotonic() + seconds

    def dead():
        for pid in pids or house.workers():
            if pid not in traps:
                traps[pid] = points.Trap(step, [pid])
        return not all(map(alive, traps)) or time.monotonic() > end

    try:
        wait_until(dead, seconds + 5, "a worker's death, or the time")
    finally:
        for trap in traps.values():
            trap.take_away()
    return not all(map(alive, traps))


def kill_at_step(house, step):
    workers = wait_until(house.workers, 15, "a worker")
    hand = HANDS.get(step.name)
    if not hand and strike_step(house, step, [random.choice(workers)], SOON_SECONDS):
        return True
    with hand(house) if hand else contextlib.nullcontext():
        return strike_step(house, step, None, LATE_SECONDS)


# What the holder of a key decides; without AUTH=keys, as here, it is refused before.  An interrupted
# replay is tests/system/test_replay.py's.
BY_KEY = "manage_"


def all_steps(house):
    """As a worker has them that lives long enough; those that callers without keys may reach."""
    def read():
        for worker in house.workers():
            with contextlib.suppress(OSError):
                return [step for step in points.steps(worker)
                        if not step.function.startswith(BY_KEY)]
        return None
    return wait_until(read, 15, "a worker that tells its steps")


def kill_at_steps(house, times, report, some=None):
    """Each step so often; or only at some of them, whichever.  Returns those where nobody died."""
    steps = all_steps(house)
    for step in times * (random.sample(steps, some) if some else steps):
        if kill_at_step(house, step):
            count(report, str(step))
        time.sleep(random.uniform(0, LIFE_SECONDS / 2))
    house.wait_workers()
    return [] if some else [f"step {step}" for step in steps if str(step) not in report]


def kill_at_some_steps(house, times, report):
    kill_at_steps(house, 1, report, times)


# --- commits ---

def doubt(house):
    """A commit whose reply is lost is repeated, and settled."""
    house.proxy.cut("reply", house.statement("accept"), 5)


def long_doubt(house, statement):
    """It takes so long that callers are told 503 meanwhile."""
    house.proxy.cut("long", house.statement(statement), 5)


def reload_node(house):
    random.choice(house.nodes).reload()


def kill_one(house):
    """Its lanes are taken over."""
    signal_process(random.choice(wait_until(house.workers, 15, "a worker")), signal.SIGKILL)


PUSHES = {
    "accept_again": doubt, "lanes_release": reload_node,
    "lanes_fence": kill_one, "lanes_take": kill_one,
    "cancel": lambda house: long_doubt(house, "accept"),
    "release": lambda house: long_doubt(house, "accept_keyed"),
    "defer": lambda house: house.simulator.script_all("outlet", "error", status=500),
}


def kill_at_commit(house, how, statement):
    """Pushes as often as it takes: what is pushed may have gone another way."""
    def kill(port):
        pid = house.worker_at(port)
        if pid:
            signal_process(pid, signal.SIGKILL)

    push = PUSHES.get(statement)
    order = house.proxy.place(how, statement, kill)
    end = time.monotonic() + LATE_SECONDS
    while push and not order.taken and time.monotonic() < end:
        push(house)
        order.done.wait(2)
    return house.proxy.wait(order, 1 if push else LATE_SECONDS) is not None


def kill_at_commits(house, times, report, some=None):
    """Each statement's so often, every time another way; or only at some, whichever.  Returns
    those where nobody died."""
    statements = points.commits(house.own_tenants)
    first = random.randrange(len(HOWS))
    for number in range(times):
        how = list(HOWS)[(first + number) % len(HOWS)]
        for statement in random.sample(statements, some) if some else statements:
            if kill_at_commit(house, how, statement):
                count(report, f"{HOWS[how]} {statement}")
            house.simulator.forgive_all("outlet")
            time.sleep(random.uniform(0, LIFE_SECONDS / 2))
    house.wait_workers()
    return [] if some else [f"commit of {statement}" for statement in statements
                            if not any(name.endswith(f" {statement}") for name in report)]


def kill_at_some_commits(house, times, report):
    kill_at_commits(house, 1, report, times)
