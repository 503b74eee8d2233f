"""Everything a run needs: PostgreSQL, the cutting proxy before it, simulator, service, web
server, callers."""

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
from proxy import Proxy  # noqa: E402

WORKERS = 4
GRAPH_MS = 80
SERVICE_MS = 2


class Node(Service):
    """A service whose every life has a log of its own, so that logs stay short."""

    lives = 0

    def start(self, wait=True):
        self.lives += 1
        self.name = f"service-{self.lives:03d}"
        super().start(wait)


class House:
    def __init__(self, rate, web, settings):
        assert (BUILD / "message-sender").exists(), f"build first: no message-sender in {BUILD}"
        raise_file_limit()
        self.work = BUILD / "fault-tests"
        if self.work.exists():
            shutil.rmtree(self.work)
        self.work.mkdir(parents=True)
        self.journals = self.work / "journals"
        self.journals.mkdir()
        self.graph_journal = self.work / "graph.journal"
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="message-sender-", dir="/tmp"))
        self.rate = rate
        self.postgres = self.service = self.web = self.callers = self.simulator = None
        try:
            self._start(web, settings)
        except BaseException:
            self.close()
            raise

    def _start(self, web, settings):
        self.postgres = Postgres(self.work, tcp=True)
        self.database = self.postgres.database().name
        self.proxy = Proxy(self.postgres.tcp_port)
        self.simulator = Simulator(self.work, latency_ms=GRAPH_MS, service_latency_ms=SERVICE_MS,
                                   journal=self.graph_journal)
        self.settings = {
            **self.simulator.settings(), "WORKERS": WORKERS,
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.proxy.port}/{self.database}"
                            "?sslmode=disable&gssencmode=disable",
            "QUOTA_CACHE_SECONDS": 1, **settings,
        }
        self.service = Node(self.work, self.sockets, "service", self.settings)
        self.web = Web(web, self.work, "web", self.service.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.callers and self.callers.running():
            self.callers.kill()
        if self.web:
            self.web.stop()
        if self.service:
            if self.postgres:
                self.postgres.thaw()
            self.service.end()
        if self.simulator:
            self.simulator.stop()
        if self.postgres:
            self.postgres.remove()
        shutil.rmtree(self.sockets)

    # --- load ---

    def start_callers(self, sync, asynchronous):
        self.callers = Process("callers", self.work, [
            sys.executable, TOP / "tests" / "fault" / "callers.py", self.web.port, self.journals,
            self.rate, sync, asynchronous], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
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

    def check_command(self, *words):
        """`message-sender check`, past the proxy."""
        return command("check", *words, env={
            **{name: str(value) for name, value in self.settings.items()},
            "DATABASE_URL": self.postgres.tcp_url(self.database)})

    def wait_workers(self, without=(), seconds=15):
        """Until all workers run, and none of those; how long that took."""
        began = time.monotonic()

        def complete():
            pids = self.service.workers()
            return len(pids) >= WORKERS and not set(pids).intersection(without)

        wait_until(complete, seconds, "all workers run")
        return time.monotonic() - began

    def wait_serving(self, seconds=30):
        """Until a message goes through: the health check proves no database."""
        before = self.answers_of_200()
        wait_until(lambda: self.answers_of_200() > before, seconds, "messages are sent again")

    def worker_at(self, port):
        """The worker whose socket this local TCP port is, or None."""
        lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
        sockets = {f"socket:[{fields[9]}]" for fields in map(str.split, lines)
                   if int(fields[1].split(":")[1], 16) == port}
        for pid in self.service.workers():
            try:
                names = {os.readlink(file) for file in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
            except OSError:
                continue
            if sockets & names:
                return pid
        return None

    def answers_of_200(self):
        return sum(path.read_bytes().count(b'"status": 200,')
                   for path in self.journals.glob("sync-*.jsonl"))


def signal_process(pid, number):
    """True when it was there."""
    if not alive(pid):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
