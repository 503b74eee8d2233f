"""The named points of the pipeline, as the running program has them.

Steps: both tables of steps (src/pipeline/steps.c, src/delivery/steps.c) are read out of a worker's
memory, so a step that is added there is a point here.  A worker dies on entering a step: its copy
of the step's function begins with a breakpoint that nobody handles, which ends it between two
instructions, as kill -9 does; its master logs signal 5.

Commits: every statement of a write batch (src/store/batch.c) and of a lease (sql/statements/
lanes_*.sql).  The proxy kills a worker before such a commit, when only PostgreSQL knows of it, or
when the worker has just been told."""

import platform
import re
import struct
import subprocess

from harness.process import BUILD, TOP

PROGRAM = BUILD / "message-sender"
ROW = struct.Struct("<QQ16x")     # struct step: name, begin, next[3]
BREAKPOINTS = {"x86_64": b"\xcc", "aarch64": b"\x00\x00\x20\xd4"}
BREAKPOINT = BREAKPOINTS[platform.machine()]
BREAKPOINT_SIGNAL = "5"
HELPERS = {"accept_seq", "outcome_lock", "fence"}   # never without another of the list


class Step:
    """One row: the step's name, and its function, an offset into the program."""

    def __init__(self, name, function, offset):
        self.name = name
        self.function = function
        self.offset = offset

    def __str__(self):
        return f"{self.name} ({self.function})"


def _symbols():
    """[(offset, size, name)] of the program, sizes 0 where there is none."""
    done = subprocess.run(["nm", "--print-size", "--defined-only", PROGRAM], check=True,
                          capture_output=True, text=True)
    for line in done.stdout.splitlines():
        offset, *size, _, name = line.split()
        yield int(offset, 16), int(size[0], 16) if size else 0, name


def _base(pid):
    """Where the program lies in a process."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            if line.rstrip().endswith(str(PROGRAM)):
                return int(line.split("-")[0], 16)
    raise ProcessLookupError(f"process {pid} does not run {PROGRAM}")


def _read(pid, address, length):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        found = memory.read(length)
    if len(found) < length:
        raise ProcessLookupError(f"process {pid} has ended")
    return found


def steps(pid):
    """All steps of both tables, as this worker has them; OSError: it died meanwhile."""
    base = _base(pid)
    symbols = list(_symbols())
    functions = {offset: name for offset, _, name in symbols}
    tables = [(offset, size) for offset, size, name in symbols if name == "steps"]
    assert len(tables) == 2, f"{len(tables)} tables of steps in {PROGRAM}"
    found = []
    for offset, size in tables:
        for name, begin in ROW.iter_unpack(_read(pid, base + offset, size - size % ROW.size)):
            if name:
                word = _read(pid, name, 32).split(b"\0")[0].decode()
                found.append(Step(word, functions[begin - base], begin - base))
    assert all(re.fullmatch("[a-z_]+", step.name) for step in found), list(map(str, found))
    return found


class Trap:
    """A step at which some workers die, until it is taken away."""

    def __init__(self, step, pids):
        self.step = step
        self.before = {}
        for pid in pids:
            try:
                self.before[pid] = self._replace(pid, BREAKPOINT)
            except OSError:
                pass   # it has ended meanwhile

    def _replace(self, pid, code):
        address = _base(pid) + self.step.offset
        before = _read(pid, address, len(code))
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(address)
            memory.write(code)
        return before

    def take_away(self):
        for pid, code in self.before.items():
            try:
                self._replace(pid, code)
            except OSError:
                pass   # dead


CHARGED = "_charged"
# In their places where nothing is charged; where it is, accept_again is never without `cancel`.
UNCHARGED = {"accept", "accept_again", "accept_keyed", "add"}


def commits(own_tenants):
    """The statements of all commits, where quotas are ours or the Tenant Service's."""
    batch = (TOP / "src" / "store" / "batch.c").read_text()
    names = re.findall(r'static const struct batch_statement \w+ = \{\s*"(\w+)"', batch)
    leases = sorted(path.stem for path in (TOP / "sql" / "statements").glob("lanes_*.sql"))
    assert "accept" in names and leases
    return [name for name in names if name not in HELPERS
            and not (name in UNCHARGED if own_tenants else name.endswith(CHARGED))] + leases
