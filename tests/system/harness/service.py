"""The service under test: `message-sender serve` with its own socket, settings and log."""

import os
import re
import signal

from harness import fcgi
from harness.process import BUILD, SANITIZERS, Process, children, run
from harness.wait import wait_until

PROGRAM = BUILD / "message-sender"
FIELD = re.compile(r'([a-z_][a-z0-9_]*)=("(?:[^"\\]|\\.)*"|\S*)')


def parse_log_line(line):
    """The fields of one key=value line, or None when it is none."""
    if not line.startswith("time="):
        return None
    return {name: value[1:-1] if value.startswith('"') else value
            for name, value in FIELD.findall(line)}


def command(*words, env=None, text_input=None):
    """Runs `message-sender WORDS...` with only these variables; returns when it has ended."""
    return run([PROGRAM, *words], env={"PATH": os.environ["PATH"], **SANITIZERS, **(env or {})},
               text_input=text_input)


class Service:
    """One node.  `settings` are environment variables; the caller names database and
    neighbours.  Started at once, ready when the constructor returns (unless wait=False)."""

    def __init__(self, work, sockets, name, settings, config_text=None, wait=True, wrap=(),
                 pass_fds=(), stdin=None, variables=None):
        self.work = work
        self.name = name
        self.socket = sockets / f"{name}.sock"
        # Most tests are not about pace, and send as they like (test_pace.py is).
        self.settings = {"FCGI_SOCKET": str(self.socket), "WORKERS": "2", "NUMBER_RATE": "0",
                         "PAIR_SECONDS": "0", **settings}
        self.config = None
        if config_text is not None:
            self.config = work / f"{name}.conf"
            self.config.write_text(config_text)
        self.wrap = list(wrap)
        self.variables = variables or {}
        self.pass_fds = pass_fds
        self.stdin = stdin
        self.process = None
        self.start(wait)

    def start(self, wait=True):
        """Starts it (again), with the same socket, settings and log."""
        already = len(self.events("ready"))
        env = {"PATH": os.environ["PATH"], **SANITIZERS, **self.variables,
               **{name: str(value) for name, value in self.settings.items()
                  if value is not None}}
        words = [*self.wrap, PROGRAM, "serve"]
        if self.config:
            words += ["--config", self.config]
        more = {} if self.stdin is None else {"stdin": self.stdin}
        self.process = Process(self.name, self.work, words, env=env, pass_fds=self.pass_fds,
                               **more)
        if wait:
            self.process.wait_ready(lambda: len(self.events("ready")) > already)

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.work / f"{self.name}.log"

    def lines(self):
        """The log, a dictionary a line; lines of other programs are left out."""
        try:
            text = self.log.read_text(errors="replace")
        except FileNotFoundError:
            return []
        return [fields for fields in map(parse_log_line, text.splitlines()) if fields]

    def events(self, event, **fields):
        """The log lines of one event whose fields have these values."""
        return [line for line in self.lines() if line.get("event") == event
                and all(line.get(name) == str(value) for name, value in fields.items())]

    def lines_about(self, text):
        """The log lines in which some field holds this text."""
        return [line for line in self.lines() if any(text in value for value in line.values())]

    def wait_event(self, event, seconds=10, count=1, **fields):
        """Waits until the event was logged `count` times; returns the lines."""

        def logged():
            found = self.events(event, **fields)
            return found if len(found) >= count else None

        return wait_until(logged, seconds, f"event={event} {fields} in {self.log}")

    def workers(self):
        """Process ids of the workers: direct children of the master."""
        return children(self.pid)

    def ask(self, method, path, body=b"", headers=None, seconds=70):
        """One request straight to the socket, without a web server."""
        return fcgi.ask(self.socket, method, path, body, headers, seconds)

    def healthy(self, seconds=1):
        """True when /health answers 200 within the time."""
        try:
            return self.ask("GET", "/health", seconds=seconds).status == 200
        except (OSError, fcgi.Closed):
            return False

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, seconds=30):
        """SIGTERM; returns the exit status."""
        return self.process.stop(signal.SIGTERM, seconds)

    def kill(self):
        """SIGKILL for the master; workers find out by themselves."""
        self.process.kill()

    def end(self):
        """Whatever it takes; for the end of a test."""
        if self.process.running():
            workers = self.workers()
            try:
                self.stop()
            finally:
                for pid in workers:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
