"""PostgreSQL, simulator, service and web server, started for one run and ended after it.

Their logs stay in the directory; the database does not.
"""

import json
import os
import socket
import subprocess
import time
import urllib.request

import psycopg

import measure

POSTGRES_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "lz4",
    "fsync": "on",
    "synchronous_commit": "on",
}


GRAPH_LATENCY_MS = 200
SERVICE_LATENCY_MS = 2


class Failure(Exception):
    """What could not be done, in words for the person who ran this."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def http(url, method="GET", body=None):
    request = urllib.request.Request(url, data=body, method=method,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status, answer.read()


class Part:
    """One program in the foreground, its output in a file; it never outlives this script."""

    def __init__(self, name, command, directory, env=None):
        self.name = name
        self.log = os.path.join(directory, f"{name}.log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})}, start_new_session=True)
        self.pid = self.process.pid

    def tail(self):
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-15:])

    def wait_for(self, ready, seconds):
        """Until ready() is true; an exception of a peer not yet there counts as false."""
        end = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended with status {self.process.returncode}:\n"
                              + self.tail())
            try:
                if ready():
                    return
            except OSError:
                pass
            if time.monotonic() > end:
                raise Failure(f"{self.name} was not ready within {seconds} s:\n" + self.tail())
            time.sleep(0.05)

    def stop(self, signal=15, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(signal)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


class Stack:
    """Everything a step needs.  `with Stack(...) as stack:` starts and ends it."""

    def __init__(self, programs, top, directory, web, service=("message-sender", "serve"),
                 settings=None, postgres=None):
        self.programs = programs
        self.service = (programs[service[0]], *service[1:])
        self.settings = settings or {}
        self.top = top
        self.directory = directory
        self.web = web
        self.postgres_settings = {**POSTGRES_SETTINGS, **(postgres or {})}
        self.parts = {}
        self.connection = None
        self.port = free_port()
        self.fcgi_socket = os.path.join(directory, "fcgi")

    def __enter__(self):
        try:
            os.makedirs(self.directory)
            os.chmod(self.directory, 0o755)
            self._start_postgres()
            self._start_simulator()
            self._start_service()
            self._start_web()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.connection:
            self.connection.close()
        for part in reversed(list(self.parts.values())):
            part.stop(2 if part.name == "postgres" else 15)
        subprocess.run([self._tool("private-postgres"), "--remove", self._path("postgres")])

    def _path(self, *names):
        return os.path.join(self.directory, *names)

    def _tool(self, name):
        return os.path.join(self.top, "tests", "tools", name)

    def _start(self, name, command, env=None):
        part = self.parts[name] = Part(name, command, self.directory, env)
        return part

    def _run_postgres(self):
        url = self._path("postgres", "url")
        if os.path.exists(url):
            os.unlink(url)
        part = self._start("postgres", [self._tool("private-postgres"), self._path("postgres")])
        part.wait_for(lambda: os.path.exists(url), 60)
        with open(url) as file:
            self.database_url = file.read().strip()
        return part

    def _start_postgres(self):
        part = self._run_postgres()
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            for name, value in self.postgres_settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        part.stop(2)
        self._run_postgres()
        self.command("db", "migrate")
        self.connection = psycopg.connect(self.database_url, autocommit=True)

    def command(self, *words):
        """Runs `message-sender WORDS` on the database."""
        done = subprocess.run([self.programs["message-sender"], *words],
                              env={**os.environ, "DATABASE_URL": self.database_url},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=600)
        if done.returncode != 0:
            raise Failure(f"message-sender {' '.join(words)} failed:\n"
                          + done.stdout + done.stderr)

    def _start_simulator(self):
        directory, ports = self._path("simulator"), self._path("simulator", "ports")
        os.makedirs(directory)
        part = self._start("simulator", [
            self.programs["message-sender-simulator"], "--plain", "0", "--tls", "0",
            "--dir", directory, "--latency-ms", str(GRAPH_LATENCY_MS), "--service-latency-ms",
            str(SERVICE_LATENCY_MS)])
        part.wait_for(lambda: os.path.getsize(ports) > 0, 20)
        with open(ports) as file:
            self.ports = dict(line.strip().split("=", 1) for line in file)
        self.simulator = f"http://127.0.0.1:{self.ports['plain']}"

    def _start_service(self):
        self._start("service", self.service, {
            "ENVIRONMENT": "bench",
            "PORT": str(self.port),
            "DATABASE_URL": self.database_url,
            "FCGI_SOCKET": self.fcgi_socket,
            "TENANT_SERVICE_URL": self.simulator,
            "CONVERSATION_SERVICE_URL": self.simulator,
            "GRAPH_API_URL": f"https://localhost:{self.ports['tls']}",
            "GRAPH_CA_FILE": self._path("simulator", "ca.pem"),
            "QUOTA_CACHE_SECONDS": "1",
            **self.settings,
        })

    def _start_web(self):
        run = self._path("web")
        subprocess.run([os.path.join(self.top, "tests", "tools", "web-config"), self.web, run,
                        str(self.port), self.fcgi_socket], check=True)
        conf = os.path.join(run, f"{self.web}.conf")
        command = {"lighttpd": ["lighttpd", "-D", "-f", conf],
                   "nginx": ["nginx", "-p", run, "-e", os.path.join(run, "error.log"),
                             "-c", conf]}[self.web]
        self.parts["service"].wait_for(lambda: os.path.exists(self.fcgi_socket), 20)
        self._start("web", command).wait_for(self._healthy, 20)

    def _healthy(self):
        return http(f"http://127.0.0.1:{self.port}/health")[0] == 200

    def check(self):
        """Raises when a part has ended that should be running."""
        for part in self.parts.values():
            part.wait_for(lambda: True, 0)

    def pids(self):
        return {name: part.pid for name, part in self.parts.items()}

    def workers(self):
        """The processes that do the service's work."""
        pid = self.parts["service"].pid
        return measure.children(pid) or [pid]

    def idle_pss_mb(self):
        """Of all workers, once it stays the same for half a second (at most 5 s)."""
        end = time.monotonic() + 5
        last, now = -1.0, measure.pss_mb(self.workers())
        while abs(now - last) > 0.05 and time.monotonic() < end:
            time.sleep(0.5)
            last, now = now, measure.pss_mb(self.workers())
        return now

    def database_counters(self):
        """Exact at any moment: WAL position and transactions that wrote (each takes an id).

        `commits` (pg_stat_database) also has those that only read, up to a second late.
        """
        row = self.connection.execute(
            "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn,"
            " pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
            " (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),"
            " (SELECT wal_fpi FROM pg_stat_wal)").fetchone()
        return dict(zip(("wal_bytes", "writing", "commits", "page_images"), map(int, row)))

    def database_mb(self):
        return self.connection.execute(
            "SELECT pg_database_size(current_database()) / 1048576.0").fetchone()[0]

    def simulator_call(self, path, body=None):
        """A control call: POST with a body, else GET; what it answers."""
        answer = http(f"{self.simulator}/_sim/{path}", "GET" if body is None else "POST",
                      None if body is None else json.dumps(body).encode())
        return json.loads(answer[1])

    def set_graph_latency(self, milliseconds):
        self.simulator_call("latency", {"graph_ms": milliseconds,
                                        "service_ms": SERVICE_LATENCY_MS})

    def simulator_counts(self):
        """Messages so far that Meta accepted, that it accepted again, that were stored."""
        counts = self.simulator_call("counts")
        return {"accepted": counts["graph_accepted"], "duplicates": counts["duplicates"],
                "stored": counts["conversation_distinct"]}
