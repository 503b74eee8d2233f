"""What watches the service: alert rules, dashboard, ping, top, and the log's lines of a message."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

from harness import fcgi
from harness.api import new_message
from harness.lanes import wait_spread
from harness.process import TOP, run
from harness.service import PROGRAM, command
from harness.wait import wait_until

RULES = TOP / "conf" / "prometheus"
DASHBOARD = TOP / "conf" / "grafana" / "message-sender.json"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def metrics():
    """Name -> {label: its values}, of the reference, with those of histograms."""
    known = {}
    for line in command("metrics", "reference").stdout.splitlines():
        row = re.match(r"\| `(\w+)` \| (\w+) \| (.*?) \| ", line)
        if not row:
            continue
        labels = {name: set(values.split(", ")) for name, values in
                  re.findall(r"`(\w+)`: ([^;]*)", row[3])}
        suffixes = ("_bucket", "_sum", "_count") if row[2] == "histogram" else ("",)
        for suffix in suffixes:
            known["message_sender_" + row[1] + suffix] = {
                **labels, **({"le": set()} if suffix == "_bucket" else {})}
    assert len(known) > 20
    return known


def assert_known(expressions):
    """Metrics, labels and values of each are ours."""
    known = metrics()
    for expression in expressions:
        names = re.findall(r"message_sender_\w+", expression)
        assert names, expression
        for name, labels in re.findall(r"(message_sender_\w+)(?:\{(.*?)\})?", expression):
            assert name in known, expression
            for label, words in re.findall(r'(\w+)=~?"(.*?)"', labels):
                assert set(words.split("|")) <= known[name][label], expression
        for labels in re.findall(r"by \((.*?)\)", expression):
            for label in labels.split(", "):
                assert all(label in known[name] for name in names), expression


def test_alert_rules():
    done = run(["promtool", "check", "rules", RULES / "message-sender.rules.yml"])
    assert done.returncode == 0, done.stderr
    done = run(["promtool", "test", "rules", RULES / "message-sender.test.yml"])
    assert done.returncode == 0, done.stdout + done.stderr
    text = (RULES / "message-sender.rules.yml").read_text()
    assert_known(re.findall(r"expr: (?:>-\n\s+)?((?:.+\n)(?:\s+> .*\n)?)", text))
    alerts = re.findall(r"- alert: (\w+)", text)
    assert len(alerts) >= 10
    tests = (RULES / "message-sender.test.yml").read_text()
    runbook = (TOP / "docs" / "runbook.md").read_text()
    for alert in alerts:
        assert f"alertname: {alert}" in tests and f"### {alert}" in runbook, alert


def test_dashboard():
    board = json.loads(DASHBOARD.read_text())
    assert len(board["panels"]) >= 10
    assert_known([target["expr"] for panel in board["panels"] for target in panel["targets"]])
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_ping_top_and_stages(new_service, sockets):
    service = new_service(MANAGEMENT_SOCKET=str(sockets / "watched.sock"))
    env = {name: value for name, value in service.settings.items() if value is not None}
    assert service.ask("POST", "/api/v1/messages/send", json.dumps(new_message()).encode(),
                       {"X-Request-Id": "of-the-caller", "Idempotency-Key": "k",
                        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}).status == 200

    ready = command("ping", env=env)
    assert (ready.returncode, ready.stdout) == (0, "OK: ready\n")
    seen = command("top", env=env)
    assert seen.returncode == 0, seen.stderr
    assert "lanes 64" in seen.stdout and "nothing is left to do" in seen.stdout
    page = fcgi.ask(env["MANAGEMENT_SOCKET"], "GET", "/metrics", seconds=5).body.decode()
    for stage in ("key", "quota", "credentials", "commit", "deliver", "keep", "call", "record"):
        assert f'message_sender_stage_seconds_count{{stage="{stage}"}} 1\n' in page, stage

    # The lines of the request and of its attempt say what belongs together.
    request, = service.wait_event("request", route="send")
    attempt, = service.wait_event("attempt")
    for line in (request, attempt):
        assert line["request_id"] == "of-the-caller"
        assert line["message_id"] == request["message_id"]
        assert line["traceparent"] == request["traceparent"]
    service.stop()
    gone = command("ping", env=env)
    assert gone.returncode == 2 and gone.stdout.startswith("CRITICAL: ")
    assert command("ping", env={**env, "MANAGEMENT_SOCKET": ""}).returncode == 3


def carried(service, simulator, headers):
    """The traceparent that all calls and both log lines of one message have in common."""
    answer = service.ask("POST", "/api/v1/messages/send", json.dumps(new_message()).encode(),
                         headers)
    assert answer.status == 200, answer.body
    line, = service.wait_event("attempt", message_id=json.loads(answer.body)["message_id"])
    told = {simulator.last(name)["headers"]["traceparent"]
            for name in ("quota", "outlet", "graph", "conversation")}
    request, = service.wait_event("request", message_id=line["message_id"])
    told |= {line["traceparent"], request["traceparent"]}
    assert len(told) == 1, told
    return re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])", told.pop()).groups()


def test_calls_and_lines_carry_the_callers_trace(new_service, new_simulator):
    """W3C Trace Context: continued with a parent of ours; begun when there is none, or a wrong one."""
    simulator = new_simulator()
    service = new_service(simulator=simulator, CREDENTIALS_CACHE_SECONDS="0", WORKERS="2")
    wait_spread(service.database, 2)  # what is read from the store has a trace of its own
    parent = "b7ad6b7169203331"
    mine = carried(service, simulator, {"traceparent": f"00-{TRACE}-{parent}-01"})
    assert (mine[0], mine[2]) == (TRACE, "01") and mine[1] != parent
    again = carried(service, simulator, {"traceparent": f"00-{TRACE}-{parent}-00"})
    assert (again[0], again[2]) == (TRACE, "00") and again[1] not in (parent, mine[1])
    for wrong in ({}, {"traceparent": f"00-{TRACE.upper()}-{parent}-01"}):
        begun = carried(service, simulator, wrong)
        assert begun[0].lower() != TRACE and int(begun[0], 16) and int(begun[1], 16)
        assert begun[2] == "00"


def test_ping_tells_alive_from_ready(new_service, sockets, own_postgres):
    service = new_service(database=own_postgres.database(),
                          MANAGEMENT_SOCKET=str(sockets / "away.sock"))
    env = {name: value for name, value in service.settings.items() if value is not None}
    own_postgres.stop()

    def pinged():
        return command("ping", env=env)

    wait_until(lambda: pinged().returncode == 1, 10, "not ready")
    assert pinged().stdout.startswith("WARNING: not ready: ")


def test_top_is_a_live_view_in_a_terminal(new_service, sockets):
    """It draws anew until it is interrupted, and leaves the terminal as it was."""
    service = new_service(MANAGEMENT_SOCKET=str(sockets / "live.sock"))
    env = {name: value for name, value in service.settings.items() if value is not None}
    master, slave = pty.openpty()
    shown = b""
    top = subprocess.Popen([PROGRAM, "top"], stdin=slave, stdout=slave, stderr=slave, env=env,
                           start_new_session=True)
    os.close(slave)
    try:
        assert service.ask("POST", "/api/v1/messages/send",
                           json.dumps(new_message()).encode()).status == 200
        end = time.monotonic() + 30
        while shown.count(b"\x1b[H\x1b[2J") < 3:
            assert time.monotonic() < end and select.select([master], [], [], 30)[0], shown
            shown += os.read(master, 65536)
        screens = shown.decode().replace("\r\n", "\n").split("\x1b[H\x1b[2J")
        for screen in screens[1:3]:
            assert "message-sender " in screen and "lanes 64" in screen
            for part in ("requests", "attempts", "waiting for limits", "stage"):
                assert part in screen, screen
        assert screens[1] != screens[2]
        top.send_signal(signal.SIGINT)
        assert top.wait(10) == -signal.SIGINT
    finally:
        top.kill()
        os.close(master)
