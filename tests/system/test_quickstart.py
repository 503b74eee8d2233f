"""./quickstart, as a newcomer calls it.  It builds in build/, so it runs only where BUILD_DIR
is not that folder's content under test: see QUICKSTART below."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness.process import TOP, accepts, alive, free_port
from harness.wait import wait_until

pytestmark = pytest.mark.skipif(not os.environ.get("QUICKSTART"),
                                reason="QUICKSTART=1 builds in build/ and tests ./quickstart")


def quickstart(*words, **more):
    return subprocess.Popen([TOP / "quickstart", *words], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def left_behind():
    """Processes that belong to a quickstart of this tree."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", errors="replace").read()
        except OSError:
            continue
        if f"{TOP}/build/quickstart" in words and alive(int(pid)):
            found.append(words)
    return found


@pytest.mark.parametrize("words", [(), ("--standalone",)], ids=["neighbours", "standalone"])
def test_once(words):
    port = free_port()
    process = quickstart("--once", *words, "--port", str(port))
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert f"curl http://127.0.0.1:{port}/api/v1/messages/send" in output
    assert '"status":"sent"' in output
    assert '"status":"read","delivered_at":"' in output
    assert re.search(r"^state +\| read$", output, re.MULTILINE), output
    assert left_behind() == []
    assert not accepts(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_until_interrupted(number):
    port = free_port()
    process = quickstart("--port", str(port), start_new_session=True)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("logs:"):
            break
    assert accepts(port), "".join(lines)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert left_behind() == []
    assert not accepts(port)


def test_killed():
    """Nothing it started outlives it, however it dies."""
    port = free_port()
    process = quickstart("--port", str(port))
    for line in process.stdout:
        if line.startswith("logs:"):
            break
    process.kill()
    process.wait(10)
    process.stdout.close()
    wait_until(lambda: left_behind() == [], 30, "everything has ended")


def test_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        began = time.monotonic()
        process = quickstart("--once", "--port", str(taken.getsockname()[1]))
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--port" in output and "taken" in output
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("words", [["--port"], ["--port", "0"], ["--port", "65536"],
                                   ["--port", "x"], ["--nonsense"]], ids=" ".join)
def test_usage(words):
    process = quickstart(*words)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--port" in output
