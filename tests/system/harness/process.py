"""Processes of a test session: a log file each, never longer-lived than pytest."""

import errno
import os
import pathlib
import random
import re
import signal
import socket
import subprocess

from harness.wait import wait_until

TOP = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", TOP / "build")).resolve()

# Reports go to stderr, hence into the log, where the end of the session looks for them.
SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:verify_asan_link_order=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "exitcode=99",
}
REPORT = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:"
)


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on just now; below those that the kernel
    gives to outgoing connections, and at random, as others look for one at the same time."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(15000, 32000)))
                return probe.getsockname()[1]
            except OSError as e:
                if e.errno != errno.EADDRINUSE:
                    raise


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def children(pid):
    """Ids of the direct children that live, zombies left out."""
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [child for child in map(int, text.split()) if alive(child)]


def alive(pid):
    """True while the process runs; a zombie does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


class Process:
    """A program in the background: its own session, output appended to one log file."""

    def __init__(self, name, work, command, env=None, death_signal="KILL", pass_fds=(),
                 stdin=subprocess.DEVNULL):
        self.name = name
        self.log = work / f"{name}.log"
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", death_signal, *map(str, command)],
                stdin=stdin, stdout=log, stderr=log, env=env, pass_fds=pass_fds, cwd="/",
                start_new_session=True,
            )
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def wait_ready(self, ready, seconds=20):
        """Waits for ready(); says why when the process ends instead."""

        def ready_or_dead():
            if ready():
                return True
            assert self.running(), f"{self.name} ended: {self.tail()}"
            return False

        wait_until(ready_or_dead, seconds, f"{self.name} ready; its log ends: {self.tail()}")

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    def send_signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=30):
        """The exit status, negative for a signal."""
        return self.popen.wait(seconds)

    def stop(self, number=signal.SIGTERM, seconds=30):
        """Signals it and waits for its end; kills it, and fails, when it will not end."""
        if not self.running():
            return self.popen.returncode
        self.popen.send_signal(number)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds} s") from None

    def kill(self):
        if self.running():
            self.popen.kill()
            self.popen.wait(10)


def run(command, env=None, seconds=30, text_input=None):
    """Runs a command to its end and returns it, with stdout and stderr as text."""
    return subprocess.run(
        [str(word) for word in command], env=env, timeout=seconds, text=True, input=text_input,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", check=False,
        stdin=subprocess.DEVNULL if text_input is None else None,
    )
