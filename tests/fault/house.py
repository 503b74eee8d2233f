"""Everything a run needs: PostgreSQL, the cutting proxy before it, simulator, one node or two, a
web server before each, callers."""

import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import psycopg

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "system"))

from harness.burst import raise_file_limit  # noqa: E402
from harness.postgres import Postgres  # noqa: E402
from harness.process import BUILD, Process, alive  # noqa: E402
from harness.service import Service, command  # noqa: E402
from harness.simulator import Simulator  # noqa: E402
from harness.wait import wait_until  # noqa: E402
from harness.web import Web  # noqa: E402
import points  # noqa: E402
import tenants  # noqa: E402
from callers import MISSING  # noqa: E402
from proxy import Proxy  # noqa: E402
from recovery import Death  # noqa: E402

ONE_NODE, TWO_NODES, OWN_TENANTS = "one-node", "two-nodes", "own-tenants"
WORKERS = 4
GRAPH_MS = 80
SERVICE_MS = 2
APP_SECRET = "fault-programme"
# What is reported of the messages: in any order, twice, late, too early, of some nothing.  Some fail,
# first for good, and later for now, so that they are sent again.
RECEIPTS = {"statuses": ["sent", "delivered", "read"], "reorder": 10, "duplicate": 10,
            "duplicate_ms": 300, "delay": 10, "delay_ms": 1500, "drop": 5, "early": 10,
            "silent": 20, "fail": 2, "code": 131000, "callback": "not_failed"}
FOR_GOOD = {**RECEIPTS, "code": 131026, "times": 1000}
WEBHOOKS = {"batch": 20, "batch_min": 1, "gather_ms": 50, "retry_ms": 100, "timeout_ms": 5000,
            "deaf": 5}
# A worker that dies within a second of its birth is replaced later and later, so most are
# left to live longer than that.
LIFE_SECONDS = 1.2


class Node(Service):
    """A service whose every life has a log of its own, so that logs stay short."""

    starts = 0

    def start(self, wait=True):
        self.starts += 1
        self.name = f"{self.socket.stem}-{self.starts:03d}"
        super().start(wait)

    def processes(self):
        return [self.pid, *self.workers()]


class House:
    """`kind`: one of those above, and its folder in BUILD_DIR/fault-tests."""

    def __init__(self, kind, rate, web, settings):
        assert (BUILD / "message-sender").exists(), f"build first: no message-sender in {BUILD}"
        raise_file_limit()
        self.kind = kind
        self.own_tenants = kind == OWN_TENANTS
        self.work = BUILD / "fault-tests" / kind
        if self.work.exists():
            shutil.rmtree(self.work)
        self.work.mkdir(parents=True)
        self.journals = self.work / "journals"
        self.journals.mkdir()
        self.graph_journal = self.work / "graph.journal"
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="message-sender-", dir="/tmp"))
        self.rate = rate
        self.postgres = self.callers = self.simulator = None
        self.nodes = []
        self.webs = []
        self.deaths = []     # for recovery.py
        self.unreached = []  # points at which nobody could be killed
        self._lives = {}     # of workers, by process id
        try:
            self._start(2 if kind == TWO_NODES else 1, web, settings)
        except BaseException:
            self.close()
            raise

    def _start(self, nodes, web, settings):
        self.postgres = Postgres(self.work, tcp=True)
        self.database = self.postgres.database().name
        self.proxy = Proxy(self.postgres.tcp_port)
        self.simulator = Simulator(self.work, latency_ms=GRAPH_MS, service_latency_ms=SERVICE_MS,
                                   journal=self.graph_journal)
        self.simulator.script("outlet", MISSING, "error", status=404)
        self.settings = {
            **self.simulator.settings(), "WORKERS": WORKERS,
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.proxy.port}/{self.database}"
                            "?sslmode=disable&gssencmode=disable",
            "WHATSAPP_APP_SECRET": APP_SECRET, "QUOTA_CACHE_SECONDS": 1, "NUMBER_RATE": 0,
            "PAIR_SECONDS": 0, **settings,
        }
        if self.own_tenants:
            self.settings.update(tenants.settings(self.work))
            tenants.fill(self)
        for number in range(1, nodes + 1):
            node = Node(self.work, self.sockets, f"node{number}", self.settings)
            self.nodes.append(node)
            self.webs.append(Web(web, self.work, f"web{number}", node.socket))
        self.simulator.receipts([FOR_GOOD, RECEIPTS])
        self.simulator.webhooks(url=f"{self.webs[0].url}/api/v1/webhooks/whatsapp",
                                secret=APP_SECRET, **WEBHOOKS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.callers and self.callers.running():
            self.callers.kill()
        for web in self.webs:
            web.stop()
        if self.postgres:
            self.postgres.thaw()
        for node in self.nodes:
            node.end()
        if self.simulator:
            self.simulator.stop()
        if self.postgres:
            self.postgres.remove()
        shutil.rmtree(self.sockets)

    # --- load ---

    def start_callers(self, *counts):
        """How many of each kind."""
        ports = ",".join(str(web.port) for web in self.webs)
        self.callers = Process("callers", self.work, [
            sys.executable, TOP / "tests" / "fault" / "callers.py", ports, self.journals,
            self.rate, *counts], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        wait_until(self.answers, 20, "the first answer")

    def answers(self):
        """How many answers the callers have written down."""
        return sum(path.read_bytes().count(b'{"event": "answer"')
                   for path in self.journals.glob("*.jsonl"))

    def stop_callers(self):
        assert self.callers.running(), self.callers.tail()
        status = self.callers.stop(signal.SIGTERM, 90)
        assert status == 0, self.callers.tail()

    # --- PostgreSQL ---

    def query(self, statement, *values):
        """Straight to PostgreSQL, which must be up."""
        with psycopg.connect(self.postgres.tcp_url(self.database),
                             autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def wait_database(self, seconds=30):
        def answers():
            try:
                return self.query("SELECT 1")
            except psycopg.OperationalError:
                return False

        wait_until(answers, seconds, "PostgreSQL answers again")

    def backends(self):
        """Process ids of those that serve the service."""
        return [pid for (pid,) in self.query(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'message-sender%'")]

    # --- service ---

    def statement(self, name):
        """By which an accepting statement goes here."""
        charged = name + points.CHARGED
        return charged if charged in points.commits(self.own_tenants) else name

    def command(self, *words, text_input=None):
        """`message-sender WORDS...`, past the proxy."""
        return command(*words, text_input=text_input, env={
            **{name: str(value) for name, value in self.settings.items()},
            "DATABASE_URL": self.postgres.tcp_url(self.database)})

    def run_command(self, *words):
        """One that must succeed; in the mix PostgreSQL may be away for a while."""
        wait_until(lambda: self.command(*words).returncode == 0, 20, f"{words}")

    def workers(self):
        return [pid for node in self.nodes for pid in node.workers()]

    def node_of(self, pid):
        """The node that has this worker, or None."""
        return next((node for node in self.nodes if pid in node.workers()), None)

    def wait_workers(self, without=(), seconds=15):
        """Until all workers of all nodes run, and none of those; how long that took."""
        began = time.monotonic()

        def complete():
            return all(len(node.workers()) >= WORKERS for node in self.nodes) and not (
                set(self.workers()).intersection(without))

        wait_until(complete, seconds, "all workers run")
        return time.monotonic() - began

    def life_of(self, pid):
        """The worker's life, by its session; None when it has none yet."""
        if pid not in self._lives:
            sockets = sockets_of(pid)
            for fields in tcp_table():
                life = self.proxy.lives.get(local_port(fields))
                if life and f"socket:[{fields[9]}]" in sockets:
                    self._lives[pid] = life
        return self._lives.get(pid)

    def kill_counted(self, kind, pids, workers, number=signal.SIGKILL):
        """Signals these processes, of which those are workers; how long their lanes are without
        an owner is found out later.  True when all were there."""
        lives = {life for life in map(self.life_of, workers) if life}
        lanes = [lane for (lane,) in self.query(
            "SELECT lane FROM message_sender.lane WHERE incarnation::text = ANY (%s)",
            list(lives))]
        death = Death(kind, lives, lanes)
        there = [signal_process(pid, number) for pid in pids]
        for pid in workers:
            self._lives.pop(pid, None)
        if lanes and all(there):
            self.deaths.append(death)
        return all(there)

    def stop_nodes(self):
        for node in self.nodes:
            status = node.stop(70)
            assert status == 0, f"serve ended with status {status}: {node.process.tail()}"

    def start_nodes(self):
        for node in self.nodes:
            node.start()

    def lanes_held_by(self, node):
        """How many lanes the workers of this node's present life hold."""
        return self.query(
            "SELECT count(*) FROM message_sender.lane l JOIN message_sender.incarnation i"
            " ON i.id = l.incarnation AND NOT i.fenced"
            " WHERE i.node_file LIKE %s", f"{node.socket}.%")[0][0]

    def wait_serving(self, seconds=30):
        """Until a message goes through: the health check proves no database."""
        before = self.answers_of_200()
        wait_until(lambda: self.answers_of_200() > before, seconds, "messages are sent again")

    def worker_at(self, port):
        """The worker whose socket this local TCP port is, or None."""
        mine = {f"socket:[{fields[9]}]" for fields in tcp_table() if local_port(fields) == port}
        return next((pid for pid in self.workers() if mine & sockets_of(pid)), None)

    def answers_of_200(self):
        return sum(path.read_bytes().count(b'"status": 200,')
                   for path in self.journals.glob("sync-*.jsonl"))


def tcp_table():
    """The lines of /proc/net/tcp, as words."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [line.split() for line in lines]


def local_port(fields):
    return int(fields[1].split(":")[1], 16)


def sockets_of(pid):
    """The names of what a process has open; none when it is gone."""
    names = set()
    try:
        for file in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            names.add(os.readlink(file))
    except OSError:
        pass
    return names


def signal_process(pid, number):
    """True when it was there."""
    if not alive(pid):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
