"""Restarted and reloaded under load, with the socket held by somebody else, as systemd does: nobody
is refused.  RESTARTS says how often; a few times in each run, 100 in ./run-tests --all."""

import os
import shutil
import socket

import pytest

from harness.api import new_message
from harness.burst import Flow
from harness.service import Service
from harness.web import Web

TIMES = int(os.environ.get("RESTARTS", "3"))
PER_SECOND = 40
VARIABLES = ("DATABASE_URL", "TENANT_SERVICE_URL", "CONVERSATION_SERVICE_URL", "GRAPH_API_URL",
             "GRAPH_CA_FILE", "FCGI_SOCKET", "WORKERS", "NUMBER_RATE", "PAIR_SECONDS",
             "ASAN_OPTIONS", "UBSAN_OPTIONS")
# Makes descriptor argv[1] number 3 and becomes the rest.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(sys.argv[2], sys.argv[2:])
"""

pytestmark = pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd")


@pytest.fixture
def activated(work, sockets, simulator, postgres, request):
    """A service behind a socket that outlives it; started by the first request."""
    path = sockets / f"{request.node.name}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(4096)
        wrap = ["/usr/bin/python3", "-c", HAND_OVER, listener.fileno(), "systemd-socket-activate"]
        for name in VARIABLES:
            wrap += ["-E", name]
        service = Service(work, sockets, request.node.name, {
            **simulator.settings(), "DATABASE_URL": postgres.database().url,
            "FCGI_SOCKET": path}, wrap=wrap, pass_fds=(listener.fileno(),), wait=False)
        service.socket = path
        yield service
        service.end()


@pytest.fixture
def flow(activated, web_kind, work, simulator, request):
    """A steady load; ends with every answer looked at."""
    web = Web(web_kind, work, f"{request.node.name}-web", activated.socket)
    simulator.latency(graph_ms=50)
    before = simulator.duplicates()  # which other tests had ordered
    load = Flow(web.port, new_message, PER_SECOND)
    activated.wait_event("ready")
    yield load
    answers = load.stop()
    simulator.latency()
    web.stop()
    wrong = [(answer.status, answer.body[:200]) for answer in answers
             if answer.status not in (200, 202)]
    assert not wrong, f"{len(wrong)} of {len(answers)}: {wrong[:5]}"
    assert len(answers) >= TIMES, "there was no load"
    assert simulator.duplicates() == before


def test_restarts(activated, flow):
    for number in range(TIMES):
        assert activated.stop(seconds=60) == 0
        activated.start(wait=False)
        activated.wait_event("ready", 30, number + 2)
    assert len(activated.events("ready")) == TIMES + 1
    assert {line["socket"] for line in activated.events("ready")} == {"inherited"}


def test_reloads(activated, flow):
    for number in range(TIMES):
        activated.reload()
        activated.wait_event("reloaded", 60, number + 1)
    assert len(activated.events("ready")) == 1
