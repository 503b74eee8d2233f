"""The service as systemd runs it: its socket handed over, what it is told, secrets as files."""

import os
import shutil
import signal
import socket
import time

import pytest

from harness import fcgi
from harness.service import Service
from harness.wait import wait_until


class Manager:
    """The end of NOTIFY_SOCKET that systemd has."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.told = []
        self.heard_at = time.monotonic()

    def heard(self):
        """All that was said until now: a dictionary for each datagram."""
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return self.told
            self.heard_at = time.monotonic()
            self.told.append(dict(line.split("=", 1) for line in text.split("\n")))

    def count(self, word):
        return sum(word in said for said in self.heard())

    def silent_seconds(self):
        self.heard()
        return time.monotonic() - self.heard_at

    def wait_for(self, word, count=1, seconds=15):
        wait_until(lambda: self.count(word) >= count, seconds, f"{word} heard")


@pytest.fixture
def manager(sockets, request):
    listener = Manager(sockets / f"{request.node.name}.notify")
    yield listener
    listener.socket.close()


def test_ready_reloading_stopping(new_service, manager):
    service = new_service(NOTIFY_SOCKET=manager.path)
    manager.wait_for("READY")
    assert manager.told[0]["READY"] == "1"
    assert "2 workers" in manager.told[0]["STATUS"]
    before_us = time.monotonic_ns() // 1000
    service.reload()
    manager.wait_for("READY", 2)
    reloading = [said for said in manager.told if "RELOADING" in said]
    assert len(reloading) == 1
    assert before_us <= int(reloading[0]["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert service.events("reloaded")
    assert service.stop() == 0
    manager.wait_for("STOPPING")
    assert "WATCHDOG" not in {word for said in manager.told for word in said}, "nobody asked"


def test_refused_reload_ends_too(work, sockets, simulator, postgres, manager):
    service = Service(work, sockets, "manager-reload", {
        **simulator.settings(), "DATABASE_URL": postgres.database().url,
        "NOTIFY_SOCKET": manager.path}, config_text="LOG_LEVEL=info\n")
    try:
        manager.wait_for("READY")
        service.config.write_text("LOG_LEVEL=loud\n")
        service.reload()
        manager.wait_for("READY", 2)
        assert [sorted(said) for said in manager.told[1:]] == [
            ["MONOTONIC_USEC", "RELOADING"], ["READY"]]
        assert service.events("reload_refused")
        assert service.healthy()
    finally:
        service.end()


def test_watchdog_is_fed_only_while_all_workers_answer(new_service, manager):
    service = new_service(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC=4_000_000)
    manager.wait_for("WATCHDOG", 2)
    stuck = service.workers()[1]
    os.kill(stuck, signal.SIGSTOP)
    try:
        wait_until(lambda: manager.silent_seconds() > 2.5, 15, "nothing fed; it was each second")
        assert service.healthy(), "the other one answers all the same"
    finally:
        os.kill(stuck, signal.SIGCONT)
    manager.wait_for("WATCHDOG", manager.count("WATCHDOG") + 1)


def test_watchdog_of_another_process_is_not_ours(new_service, manager):
    service = new_service(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC=100_000, WATCHDOG_PID=1)
    assert service.stop() == 0
    assert manager.count("READY") == 1
    assert manager.count("WATCHDOG") == 0


def test_secrets_as_credentials(work, sockets, simulator, postgres):
    """As LoadCredential=secret:DIRECTORY lays them down; nothing of them is printed."""
    credentials = work / "credentials"
    credentials.mkdir()
    (credentials / "secret_DATABASE_URL").write_text(postgres.database().url + "\n")
    (credentials / "secret_WHATSAPP_APP_SECRET").write_text("canary-4711")
    service = Service(work, sockets, "credentials", {
        **simulator.settings(), "CREDENTIALS_DIRECTORY": credentials})
    try:
        assert service.healthy()
        assert "canary-4711" not in service.log.read_text()
        assert service.stop() == 0
    finally:
        service.end()


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd")
def test_started_by_the_first_request(work, sockets, simulator, postgres, manager):
    """systemd-socket-activate holds the socket and starts the service when somebody comes."""
    path = sockets / "activated.sock"
    service = Service(work, sockets, "activated", {
        **simulator.settings(), "DATABASE_URL": postgres.database().url, "FCGI_SOCKET": None,
        "NOTIFY_SOCKET": manager.path},
        wrap=["systemd-socket-activate", "-E", "DATABASE_URL", "-E", "TENANT_SERVICE_URL",
              "-E", "CONVERSATION_SERVICE_URL", "-E", "GRAPH_API_URL", "-E", "GRAPH_CA_FILE",
              "-E", "NOTIFY_SOCKET", "-E", "ASAN_OPTIONS", "-l", path], wait=False)
    try:
        wait_until(path.exists, 10, "the socket")
        assert service.events("ready") == []
        assert fcgi.ask(path, "GET", "/health").status == 200
        manager.wait_for("READY")
        assert service.events("ready")[0]["socket"] == "inherited"
        assert service.stop() == 0
        assert path.exists(), "it is not ours to remove"
    finally:
        service.end()
