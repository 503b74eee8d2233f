"""What a run needs: PostgreSQL, simulator, one worker under the shim, and the account of what it
said that it took."""

import json
import mmap
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "system"))

from harness import fcgi  # noqa: E402
from harness.api import SEND  # noqa: E402
from harness.burst import raise_file_limit  # noqa: E402
from harness.postgres import Postgres  # noqa: E402
from harness.process import BUILD, REPORT  # noqa: E402
from harness.service import Service, command  # noqa: E402
from harness.simulator import Simulator  # noqa: E402
from harness.wait import wait_until  # noqa: E402
from kinds import ASYNC, TEXTS, batch_later, new_text, post, sent_later  # noqa: E402

ANSWER_SECONDS = 3      # a trial that is not answered by then is left
RECOVERY_SECONDS = 30   # until the service takes messages again after one
LIFE_SECONDS = 1.2      # a worker that dies younger is replaced later and later
SETTINGS = {"WORKERS": 1, "MAX_RETRIES": 0, "REQUEST_TIMEOUT_SECONDS": 2, "SYNC_WAIT_SECONDS": 2,
            "BREAKER_FAILURES": 0, "UNKNOWN_POLICY": "fail",
            "UNKNOWN_QUARANTINE_SECONDS": 10, "DRAIN_SECONDS": 5}


class Control:
    """The file that the shim has mapped: struct control."""

    CLASSES = {"memory": 1, "io": 2, "leak": 3}
    FORMAT = "=IIQQQ"

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(struct.calcsize(self.FORMAT)))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def arm(self, kind, for_good, at):
        self.disarm()
        struct.pack_into(self.FORMAT, self.map, 0, 0, for_good, at, 0, 0)
        struct.pack_into("=I", self.map, 0, self.CLASSES[kind])

    def disarm(self):
        """(calls counted, failed)"""
        struct.pack_into("=I", self.map, 0, 0)
        return struct.unpack_from(self.FORMAT, self.map, 0)[3:]


class House:
    def __init__(self):
        raise_file_limit()
        self.work = BUILD / "failing-tests"
        if self.work.exists():
            shutil.rmtree(self.work)
        self.work.mkdir(parents=True)
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="message-sender-", dir="/tmp"))
        self.shim = self.work / "shim.so"
        subprocess.run(["cc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
                        self.shim, TOP / "tests" / "failing" / "shim.c"], check=True)
        self.control = Control(self.work / "control")
        self.postgres = Postgres(self.work)
        self.simulator = Simulator(self.work)
        self.database = self.postgres.database()
        self.acknowledged = {}   # message id: (status told, wamid)
        self.violations = []
        self.restarts = 0
        self.service = None
        self.start("first")

    def close(self):
        if self.service:
            self.service.end()
        self.simulator.stop()
        self.postgres.remove()
        shutil.rmtree(self.sockets)

    # --- the service ---

    def start(self, name):
        self.service = Service(self.work, self.sockets, f"service-{name}", {
            **self.simulator.settings(), "DATABASE_URL": self.database.url, **SETTINGS},
            variables={"LD_PRELOAD": str(self.shim), "FAILING_CONTROL": str(self.control.path)})
        self.message = new_text()
        self.known = self.taken(post(SEND, self.message))["message_id"]
        self.waiting = sent_later(self)
        self.batch = batch_later(self)

    def stop(self, leaks=False):
        """Ends it and looks at what it left: deaths by a signal, reports of sanitizers."""
        status = self.service.stop()
        text = self.service.log.read_text(errors="replace")
        reports = [line for line in text.splitlines() if REPORT.search(line)]
        if leaks:
            return reports
        if status != 0:
            self.violations.append(f"{self.service.name}: ended with {status}")
        for line in self.service.events("worker_ended"):
            self.restarts += 1
            if "signal" in line or line.get("exit") == "99":
                self.violations.append(f"{self.service.log}: worker ended: {line}")
        if reports:
            self.violations.append(f"{self.service.log}: {reports[0]}")
        return reports

    def taken(self, data):
        """The answer to what must be taken, while nothing fails."""
        def answered():
            status, body = self.ask(data)
            return body if status in (200, 202) else None
        return wait_until(answered, RECOVERY_SECONDS, "the service takes messages")

    # --- a trial ---

    def ask(self, data, seconds=ANSWER_SECONDS):
        """(status, body), and keeps account of what it tells; (0, None): no answer."""
        try:
            with fcgi.Connection(self.service.socket, seconds) as connection:
                try:
                    connection.send(data)
                except OSError:
                    pass  # it may answer before it has all
                reply = connection.read_reply()
        except (OSError, fcgi.Closed):
            return 0, None
        except AssertionError as error:
            self.violations.append(f"an answer that is no FastCGI: {error}")
            return 0, None
        try:
            body = json.loads(reply.body)
        except ValueError:
            self.violations.append(f"an answer that is no JSON: {reply.status} {reply.body[:200]}")
            return reply.status, None
        self._note(reply.status, body)
        return reply.status, body

    def _note(self, status, body):
        if status in (200, 202) and "whatsapp_message_id" in body:
            self.acknowledged[body["message_id"]] = (body["status"], body["whatsapp_message_id"])
        for row in body.get("results", []) if status == 202 else []:
            if "message_id" in row:
                self.acknowledged[row["message_id"]] = (row["status"], None)

    def recover(self, before):
        """Nothing fails any more: it takes a message again."""
        self.taken(post(SEND, new_text(), ASYNC))
        if self.pid() != before:
            time.sleep(LIFE_SECONDS)

    def trial(self, make, allowed, kind, for_good, at):
        """(status, calls counted, calls failed); at 0: none fails"""
        data = make(self)
        before = self.pid()
        self.control.arm(kind, for_good, at)
        status, body = self.ask(data)
        counted, failed = self.control.disarm()
        if status and status not in allowed and status < 500:
            self.violations.append(f"call {at} of {kind}: {status} {body}")
        if failed:
            self.recover(before)
        return status, counted, failed

    def pid(self):
        """The worker's; 0 while there is none."""
        return next(iter(self.service.workers()), 0)

    # --- the account ---

    def settle(self, seconds=60):
        def quiet():
            rows = self.database.query(
                "SELECT count(*) AS n FROM message_sender.work WHERE state NOT IN"
                " ('scheduled', 'unknown')")
            return rows[0]["n"] == 0
        try:
            wait_until(quiet, seconds, "all work is done")
        except AssertionError as error:
            self.violations.append(str(error))

    def audit(self):
        """What was acknowledged is there, word for word; nothing was sent twice; the database is sound."""
        self.settle()
        rows = {str(row["message_id"]): row for row in self.database.query(
            "SELECT message_id, state, wamid, payload FROM message_sender.message")}
        for message_id, (status, wamid) in self.acknowledged.items():
            row = rows.get(message_id)
            if row is None:
                self.violations.append(f"{message_id}: acknowledged ({status}) and missing")
            elif wamid and (row["wamid"] != wamid or row["state"] not in ("sent", "delivered", "read")):
                self.violations.append(f"{message_id}: told {status} {wamid}, is {row}")
        cut = [key for key, row in rows.items() if json.loads(row["payload"])["body"] not in TEXTS]
        if cut:
            self.violations.append(f"stored otherwise than sent: {cut}")
        if self.simulator.duplicates():
            self.violations.append(f"sent twice: {self.simulator.duplicates()}")
        done = command("check", env={"DATABASE_URL": self.database.url})
        if done.returncode != 0:
            self.violations.append(f"message-sender check: {done.stdout}{done.stderr}")


def now():
    return time.monotonic()
