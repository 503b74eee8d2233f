"""What a node counts, read from the management socket."""

import json
import os
import re
import signal
import stat

from harness import fcgi
from harness.api import new_message
from harness.service import command
from harness.wait import wait_until

SERIES = re.compile(r'message_sender_[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.]+')


def management_of(service):
    return service.settings["MANAGEMENT_SOCKET"]


def metrics(service):
    """Name with labels -> value."""
    reply = fcgi.ask(management_of(service), "GET", "/metrics", seconds=5)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in reply.body.decode().splitlines() if not line.startswith("#")]
    assert all(SERIES.fullmatch(line) for line in lines)
    return {name.removeprefix("message_sender_"): float(value)
            for name, value in (line.rsplit(" ", 1) for line in lines)}


def new_managed(new_service, sockets, name="m", **settings):
    return new_service(MANAGEMENT_SOCKET=str(sockets / f"management-{name}.sock"), **settings)


def send(service, body):
    return service.ask("POST", "/api/v1/messages/send", json.dumps(body).encode())


def test_what_happens_is_counted_across_workers_and_their_deaths(new_service, sockets):
    service = new_managed(new_service, sockets, "counted", MAX_BODY_BYTES="1024")
    body = {"tenant_id": "t-metrics", "outlet_id": "o1", "to": "+628123456789",
            "message": "counted"}

    for _ in range(6):
        assert send(service, body).status == 200
    assert send(service, {**body, "message": "x" * 1100}).status == 413
    assert service.ask("GET", "/nowhere").status == 404
    now = metrics(service)
    assert now['requests_total{route="send",class="2xx"}'] == 6
    assert now['requests_total{route="none",class="4xx"}'] == 2
    assert now["messages_accepted_total"] == 6
    assert now['attempts_total{outcome="accepted"}'] == 6
    assert now['attempt_seconds_count'] == 6
    assert now['bound_reached_total{bound="body"}'] == 1
    assert now["lanes_held"] == 64
    assert now["workers_ended_total"] == 0
    for priority in ("high", "normal", "bulk"):
        assert f'queue_messages{{priority="{priority}"}}' in now

    for pid in service.workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: metrics(service)["workers_ended_total"] == 2, 10, "both counted")
    wait_until(lambda: metrics(service)["lanes_held"] == 64, 15, "the lanes have owners")
    assert metrics(service)["messages_accepted_total"] == 6
    assert send(service, body).status == 200
    assert metrics(service)["messages_accepted_total"] == 7


def test_the_two_sockets_serve_nothing_of_each_other(new_service, sockets):
    service = new_managed(new_service, sockets, "apart")
    management = management_of(service)

    for path in ("/metrics", "/livez", "/readyz"):
        assert service.ask("GET", path).status == 404
    for method, path in (("GET", "/health"), ("POST", "/api/v1/messages/send"),
                         ("POST", "/metrics"), ("GET", "/metrics/")):
        assert fcgi.ask(management, method, path, seconds=5).status in (404, 405)
    assert stat.S_IMODE(os.stat(management).st_mode) == 0o660
    assert service.stop() == 0
    assert not os.path.exists(management)


def test_ready_follows_the_database(new_service, sockets, own_postgres):
    service = new_managed(new_service, sockets, "ready", database=own_postgres.database())
    management = management_of(service)

    def ready():
        return fcgi.ask(management, "GET", "/readyz", seconds=5)

    wait_until(lambda: ready().status == 200, 10, "ready")
    own_postgres.stop()
    wait_until(lambda: ready().status == 503, 10, "not ready")
    assert ready().body == b"the database is away\n"
    assert fcgi.ask(management, "GET", "/livez", seconds=5).body == b"live\n"
    own_postgres.start()
    wait_until(lambda: ready().status == 200, 10, "ready again")
    for connection in ("writer", "reader"):
        lost = f'database_connections_lost_total{{connection="{connection}"}}'
        wait_until(lambda: metrics(service)[lost] >= 2, 10, lost)


def test_the_command_prints_them(new_service, sockets):
    service = new_managed(new_service, sockets, "command")
    env = {**service.settings}

    done = command("metrics", env=env)
    assert done.returncode == 0, done.stderr
    assert "message_sender_lanes_held 64" in done.stdout.splitlines()
    service.stop()
    gone = command("metrics", env=env)
    assert gone.returncode == 1 and management_of(service) in gone.stderr
    env["MANAGEMENT_SOCKET"] = ""
    assert command("metrics", env=env).returncode == 78


def test_what_is_to_be_sent_and_since_when(new_service, sockets, simulator):
    service = new_managed(new_service, sockets, "queue", REQUEST_TIMEOUT_SECONDS="4")
    message = {**new_message(), "priority": "high"}
    simulator.script("graph", message["to"], "hang")

    def queue(metric):
        return metrics(service)[f'queue_{metric}{{priority="high"}}']

    assert (queue("messages"), queue("oldest_seconds")) == (0, 0)
    assert service.ask("POST", "/api/v1/messages/send", json.dumps(message).encode(),
                       {"Prefer": "respond-async"}).status == 202
    wait_until(lambda: queue("messages") == 1 and queue("oldest_seconds") >= 1, 10, "it waits")
    # Its reply is lost then: it is not to be sent any more.
    wait_until(lambda: (queue("messages"), queue("oldest_seconds")) == (0, 0), 20, "it is unknown")
