"""CPU and memory of process trees, from /proc."""

import os
import threading

TICKS = os.sysconf("SC_CLK_TCK")


def _processes():
    """pid -> (parent, ticks of its own and of its reaped children)"""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        found[int(name)] = (int(fields[1]), sum(int(f) for f in fields[11:15]))
    return found


def cpu_seconds(roots):
    """name -> CPU seconds so far of the tree under each pid of `roots`.

    A process that has ended is in the account of the parent that reaped it.
    """
    processes = _processes()
    by_root = {pid: name for name, pid in roots.items()}
    totals = dict.fromkeys(roots, 0)
    for pid, (_, ticks) in processes.items():
        at = pid
        while at in processes and at not in by_root:
            at = processes[at][0]
        if at in by_root:
            totals[by_root[at]] += ticks
    return {name: ticks / TICKS for name, ticks in totals.items()}


def children(pid):
    return sorted(p for p, (parent, _) in _processes().items() if parent == pid)


def pss_mb(pids):
    """Proportional set size of all of them together; pages they share count once."""
    kib = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                kib += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (OSError, StopIteration):  # ended meanwhile
            continue
    return kib / 1024


def stolen_jiffies():
    """(stolen by the host, all) of the whole machine since boot"""
    with open("/proc/stat") as file:
        fields = [int(f) for f in file.readline().split()[1:9]]
    return fields[7], sum(fields)


class PeakMemory(threading.Thread):
    """The highest PSS of the processes that `pids` names, looked at twice a second."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids = pids
        self.peak = 0.0
        self.done = threading.Event()

    def run(self):
        while not self.done.is_set():
            self.peak = max(self.peak, pss_mb(self.pids()))
            self.done.wait(0.5)

    def stop(self):
        self.done.set()
        self.join()
        return self.peak
