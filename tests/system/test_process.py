"""The master and its workers: start, death, replacement, drain, reload, sockets."""

import concurrent.futures
import grp
import json
import os
import signal
import socket
import stat
import statistics
import time

import pytest

from harness import fcgi
from harness.api import SEND, Api, new_message
from harness.burst import Flow, send_all
from harness.lanes import wait_spread
from harness.process import alive, children
from harness.service import Service, command
from harness.wait import wait_until


def post(service, message, headers=None):
    reply = service.ask("POST", SEND, json.dumps(message).encode(), headers)
    return reply.status, json.loads(reply.body)


def gone(pids, seconds, what):
    wait_until(lambda: not any(map(alive, pids)), seconds, what)


# --- workers


def test_workers_are_children_of_the_master(new_service):
    service = new_service(WORKERS=3)
    assert len(service.workers()) == 3
    assert all(children(worker) == [] for worker in service.workers())


def test_as_many_workers_as_cores(new_service):
    service = new_service(WORKERS=None)
    assert len(service.workers()) == len(os.sched_getaffinity(0))


def test_dead_worker_is_replaced_at_once(new_service):
    service = new_service(WORKERS=2)
    times = []
    for _ in range(5):
        # Alive for more than a second: not what a crash loop looks like.
        time.sleep(1.1)
        before = service.workers()
        os.kill(before[0], signal.SIGKILL)
        began = time.monotonic()
        wait_until(lambda: len(set(service.workers()) - {before[0]}) == 2, 5, "a replacement")
        times.append(time.monotonic() - began)
    assert statistics.median(times) <= 0.1, times
    wait_until(service.healthy, 5, "healthy")


def test_crash_loop_is_backed_off(new_service):
    """Workers that die as soon as they are born are not born without end; when that stops the
    service is whole again by itself."""
    service = new_service(WORKERS=1)
    seen = set()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for pid in service.workers():
            seen.add(pid)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    assert 2 <= len(seen) <= 40, len(seen)
    wait_until(service.healthy, 35, "healthy again")


def test_killed_while_a_call_is_under_way(new_service, simulator):
    """Nobody knows whether Meta took it: unknown, and never sent again."""
    service = new_service()
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=2000)
    _, body = post(service, message, {"Prefer": "respond-async"})
    wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
    for pid in service.workers():
        os.kill(pid, signal.SIGKILL)
    service.database.wait_state(body["message_id"], "unknown", 15)
    assert [row["outcome"] for row in service.database.attempts(body["message_id"])] == ["lost"]
    status = json.loads(service.ask("GET", f"/api/v1/messages/{body['message_id']}/status").body)
    assert (status["status"], status["state_detail"]) == ("queued", "outcome_unknown")
    assert simulator.recipient(message["to"])["calls"] == 1


def test_killed_between_attempts(new_service, simulator):
    """Refused for certain, so the next attempt follows."""
    service = new_service()
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131016, status=500, times=1)
    _, body = post(service, message, {"Prefer": "respond-async"})
    service.database.wait_state(body["message_id"], "retrying", 5)
    for pid in service.workers():
        os.kill(pid, signal.SIGKILL)
    service.database.wait_state(body["message_id"], "sent", 20)
    assert simulator.recipient(message["to"])["accepted"] == 1


def books_balance(service, simulator, sent, answers):
    """Nothing twice; what was answered 200 is sent; what was accepted is sent or unknown."""
    for message, answer in zip(sent, answers):
        seen = simulator.recipient(message["to"])
        assert seen["accepted"] <= 1, message
        rows = service.database.messages(message["tenant_id"])
        assert len(rows) <= 1
        if answer.status in (200, 202):
            assert len(rows) == 1, f"{answer.status} for what is not in the database"
            assert rows[0]["message_id"].hex == answer.json()["message_id"].replace("-", "")
        if answer.status == 200:
            assert rows[0]["state"] == "sent"
            assert rows[0]["wamid"] == answer.json()["whatsapp_message_id"]
            assert seen["accepted"] == 1


def settled(service, seconds=40):
    """Waits until no message waits or is being sent."""
    wait_until(lambda: service.database.query(
        "SELECT count(*) AS n FROM message_sender.work"
        " WHERE state IN ('queued', 'sending', 'retrying')")[0]["n"] == 0,
        seconds, "every message has come to an end")


def test_killing_workers_under_load(new_service, new_web, simulator):
    service = new_service(WORKERS=2)
    web = new_web(service)
    simulator.latency(graph_ms=100)
    try:
        flow = Flow(web.port, new_message, per_second=50)
        for _ in range(8):
            time.sleep(1.1)
            os.kill(service.workers()[0], signal.SIGKILL)
        time.sleep(1)
        answers = flow.stop()
    finally:
        simulator.latency()
    assert sum(answer.status == 200 for answer in answers) > len(answers) * 0.8
    settled(service)
    books_balance(service, simulator, flow.sent, answers)


# --- drain


def test_stop_when_idle(new_service):
    service = new_service()
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 3
    assert not service.socket.exists()


def test_drain_under_load(new_service, new_web, simulator):
    service = new_service(WORKERS=2)
    web = new_web(service)
    simulator.latency(graph_ms=400)
    try:
        flow = Flow(web.port, new_message, per_second=40)
        wait_until(lambda: len(flow.sent) > 60, 10, "requests under way")
        sent_before = len(flow.sent) - 8  # those have reached the service for certain
        assert service.stop() == 0
        answers = flow.stop()
    finally:
        simulator.latency()
    early = [answer.status for answer in answers[:sent_before]]
    assert set(early) <= {200, 202}, early
    assert early.count(200) > len(early) / 2
    service.start()
    settled(service)
    books_balance(service, simulator, flow.sent, answers)


def test_drain_answers_who_waits_between_attempts_at_once(new_service, new_web, simulator):
    service = new_service(WORKERS=1)
    web = new_web(service)
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131016, status=500, times=3)
    pool = concurrent.futures.ThreadPoolExecutor(1)
    waiting = pool.submit(Api(web.url).send, message)
    wait_until(lambda: simulator.recipient(message["to"])["calls"] == 3, 10, "the long wait")
    wait_until(lambda: service.database.messages(message["tenant_id"])[0]["state"] == "retrying",
               5, "the outcome is recorded")
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 2.5
    service.start()
    rows = service.database.messages(message["tenant_id"])
    service.database.wait_state(rows[0]["message_id"], "sent", 15)
    assert simulator.recipient(message["to"])["accepted"] == 1
    answer = waiting.result()
    assert (answer.status_code, answer.json()["state_detail"]) == (202, "retrying")


def test_drain_leaves_copies_that_hang(new_service, simulator):
    """A stop waits for the Conversation Service as long as a caller does, a second; the copies are
    due for whoever owns the lanes next."""
    service = new_service(CONVERSATION_TIMEOUT_SECONDS=20)
    message = new_message()
    simulator.script("conversation", message["conversation_id"], "hang")
    reply = service.ask("POST", SEND, json.dumps(message).encode())
    assert reply.status == 200
    message_id = json.loads(reply.body)["message_id"]
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 4
    work = service.database.work(message_id)
    assert len(work) == 1 and work[0]["state"] == "sent" and work[0]["conversation_tries"] == 1
    simulator.script("conversation", message["conversation_id"], "ok")
    service.start()
    wait_until(lambda: not service.database.work(message_id), 10, "the copy is stored")
    assert simulator.message(message_id)["conversation"] == 2, "the one that hung, and another"


def test_drain_ends_in_time(new_service, simulator):
    """A call that never ends does not keep the service: before DRAIN_SECONDS are over its caller
    gets a 202, its message is unknown, not lost, and nobody is killed."""
    service = new_service(DRAIN_SECONDS=3)
    message = new_message()
    simulator.script("graph", message["to"], "hang")
    with fcgi.Connection(service.socket) as connection:
        connection.send(fcgi.request("POST", SEND, json.dumps(message).encode()))
        wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        reply = connection.read_reply()
    assert service.process.wait(10) == 0
    assert time.monotonic() - began < 3
    assert reply.status == 202
    body = json.loads(reply.body)
    assert (body["status"], body["state_detail"]) == ("queued", "outcome_unknown")
    assert service.database.message(body["message_id"])["state"] == "unknown"
    assert not [line for line in service.events("worker_ended") if "signal" in line]
    service.start()
    assert post(service, new_message())[0] == 200
    assert service.database.message(body["message_id"])["state"] == "unknown"
    assert simulator.recipient(message["to"])["calls"] == 1


# --- reload


def test_reload_under_load(new_service, new_web, simulator):
    """Settings change, workers change, and no caller notices."""
    service = new_service(WORKERS=2, ENVIRONMENT=None,
                          service_options={"config_text": "ENVIRONMENT=one\n"})
    web = new_web(service)
    assert Api(web.url).get("/health").json()["environment"] == "one"
    simulator.latency(graph_ms=300)
    try:
        owners = wait_spread(service.database, 2)
        flow = Flow(web.port, new_message, per_second=40)
        for name in ("two", "three"):
            before = service.workers()
            service.config.write_text(f"# changed\nENVIRONMENT={name}\n")
            service.reload()
            gone(before, 20, "the old workers have ended")
            wait_until(lambda: len(service.workers()) == 2, 5, "two workers")
            owners = wait_spread(service.database, 2, before=owners)
            assert json.loads(service.ask("GET", "/health").body)["environment"] == name
        answers = flow.stop()
    finally:
        simulator.latency()
    statuses = {answer.status for answer in answers}
    assert statuses == {200}, statuses
    books_balance(service, simulator, flow.sent, answers)


def test_reload_answers_who_waits_between_attempts(new_service, new_web, simulator):
    """202, at once; the message goes on with the new workers, and who is inside an attempt keeps
    waiting for its end."""
    service = new_service(WORKERS=1)
    web = new_web(service)
    waits, called = new_message(), new_message()
    simulator.script("graph", waits["to"], "error", code=131016, status=500, times=3)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(Api(web.url).send, waits)
        wait_until(lambda: simulator.recipient(waits["to"])["calls"] == 3, 10, "the long wait")
        wait_until(lambda: service.database.messages(waits["tenant_id"])[0]["state"] == "retrying",
                   5, "the outcome is recorded")
        simulator.script("graph", called["to"], "ok", latency_ms=1500)
        calling = pool.submit(Api(web.url).send, called)
        wait_until(lambda: simulator.recipient(called["to"])["calls"] == 1, 5, "the call")
        before = service.workers()
        began = time.monotonic()
        service.reload()
        answer = waiting.result()
        assert time.monotonic() - began < 1
        assert (answer.status_code, answer.json()["state_detail"]) == (202, "retrying")
        assert calling.result().status_code == 200
    gone(before, 10, "the old worker has ended")
    service.database.wait_state(answer.json()["message_id"], "sent", 15)
    for message in (waits, called):
        assert simulator.recipient(message["to"])["accepted"] == 1


@pytest.mark.parametrize("text, names", [
    ("ENVIRONMENT=two\nMAX_RETRIES=many\n", "MAX_RETRIES"),
    ("ENVIRONMENT=two\nNO_SUCH_SETTING=1\n", "NO_SUCH_SETTING"),
    ("ENVIRONMENT=two\nMAX_RETRIES\n", ".conf:2"),
    ("TENANT_SERVICE_URL=\nENVIRONMENT=two\nGRAPH_API_VERSION=25/..\n", "GRAPH_API_VERSION"),
    ("ENVIRONMENT=two\nGRAPH_API_URL=ftp://x\n", "GRAPH_API_URL"),
], ids=["value", "name", "no value", "version", "scheme"])
def test_reload_of_a_bad_file_keeps_the_old(new_service, simulator, text, names):
    service = new_service(ENVIRONMENT=None, GRAPH_API_URL=None,
                          service_options={"config_text":
                                           "ENVIRONMENT=one\n"
                                           f"GRAPH_API_URL=https://localhost:{simulator.tls}\n"})
    before = service.workers()
    errors = len([line for line in service.lines() if line["level"] == "error"])
    service.config.write_text(text)
    service.reload()
    line = wait_until(lambda: [line for line in service.lines() if line["level"] == "error"]
                      [errors:], 5, "an error in the log")[0]
    assert any(names in value for value in line.values()), line
    assert service.workers() == before
    assert json.loads(service.ask("GET", "/health").body)["environment"] == "one"


def test_reload_with_a_fault_that_the_environment_overrides(new_service):
    """The environment has the last word, so it is a warning, and the rest of the file counts."""
    service = new_service(ENVIRONMENT=None, MAX_RETRIES=2,
                          service_options={"config_text": "ENVIRONMENT=one\n"})
    service.config.write_text("ENVIRONMENT=two\nMAX_RETRIES=many\n")
    service.reload()
    wait_until(lambda: json.loads(service.ask("GET", "/health").body)["environment"] == "two", 10,
               "the new file counts")
    assert any("MAX_RETRIES" in value for line in service.lines() if line["level"] == "warning"
               for value in line.values())


def test_reload_with_the_file_gone_keeps_the_old(new_service):
    service = new_service(ENVIRONMENT=None,
                          service_options={"config_text": "ENVIRONMENT=one\n"})
    before = service.workers()
    service.config.unlink()
    service.reload()
    wait_until(lambda: [line for line in service.lines() if line["level"] == "error"], 5,
               "an error in the log")
    assert service.workers() == before
    assert service.healthy()


# --- the master's death, and sockets


def test_no_orphans(new_service):
    service = new_service()
    workers = service.workers()
    service.kill()
    gone(workers, 15, "the workers have ended")


def test_start_over_a_stale_socket(new_service):
    service = new_service()
    service.kill()
    assert service.socket.exists()
    began = time.monotonic()
    service.start()
    assert time.monotonic() - began < 5
    assert service.healthy()


def test_new_master_while_old_workers_end(new_service, simulator):
    """Their call ends, its outcome is recorded, and the new master did not wait for them."""
    service = new_service()
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=2500)
    _, body = post(service, message, {"Prefer": "respond-async"})
    wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
    workers = service.workers()
    service.kill()
    service.start()
    assert service.healthy()
    gone(workers, 15, "the old workers have ended")
    wait_until(lambda: service.database.message(body["message_id"])["state"]
               in ("sent", "unknown"), 15, "the message is settled")
    assert simulator.recipient(message["to"])["calls"] == 1


def test_second_master_on_the_same_socket_is_refused(new_service):
    service = new_service()
    done = command("serve", env={**service.settings})
    assert done.returncode not in (0, 99), done.stderr
    assert str(service.socket) in done.stderr
    assert service.healthy()


@pytest.mark.parametrize("mode", ["0600", "0660", "0666"])
def test_socket_mode(new_service, mode):
    service = new_service(FCGI_SOCKET_MODE=mode)
    assert stat.S_IMODE(service.socket.stat().st_mode) == int(mode, 8)


def test_socket_mode_by_default(new_service):
    assert stat.S_IMODE(new_service().socket.stat().st_mode) == 0o660


def test_socket_group(new_service):
    """A group that whoever runs this belongs to."""
    group = grp.getgrgid(65534 if os.geteuid() == 0 else os.getgid()).gr_name
    service = new_service(FCGI_SOCKET_GROUP=group)
    assert grp.getgrgid(service.socket.stat().st_gid).gr_name == group


@pytest.mark.parametrize("settings, names", [
    ({"FCGI_SOCKET": "/no/such/directory/x.sock"}, "/no/such/directory"),
    ({"FCGI_SOCKET": "/tmp/" + "x" * 120}, "FCGI_SOCKET"),
    ({"FCGI_SOCKET_GROUP": "no-such-group"}, "no-such-group"),
], ids=["directory", "length", "group"])
def test_socket_that_cannot_be(simulator, database, sockets, settings, names):
    done = command("serve", env={
        **simulator.settings(), "DATABASE_URL": database.url,
        "FCGI_SOCKET": str(sockets / "unused.sock"), **settings})
    assert done.returncode not in (0, 99)
    assert names in done.stderr


def listener(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen(128)
    return sock


# Makes descriptor argv[1] number 3 and becomes the rest, as systemd starts a service.
SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def inherited(work, sockets, simulator, postgres, name, **options):
    return Service(work, sockets, name, {
        **simulator.settings(), "DATABASE_URL": postgres.database().url, "FCGI_SOCKET": None},
        **options)


def test_socket_inherited_as_fd_0(work, sockets, simulator, postgres):
    """As lighttpd and spawn-fcgi hand it over."""
    path = sockets / "fd0.sock"
    with listener(path) as sock:
        service = inherited(work, sockets, simulator, postgres, "fd0", stdin=sock)
        try:
            assert fcgi.ask(path, "GET", "/health").status == 200
            assert fcgi.ask(path, "POST", SEND, json.dumps(new_message()).encode()).status == 200
            assert service.stop() == 0
            assert path.exists(), "it is not ours to remove"
        finally:
            service.end()


def test_socket_inherited_from_systemd(work, sockets, simulator, postgres):
    """LISTEN_FDS and LISTEN_PID; the socket is descriptor 3."""
    path = sockets / "fd3.sock"
    with listener(path) as sock:
        service = inherited(
            work, sockets, simulator, postgres, "fd3", pass_fds=(sock.fileno(),),
            wrap=["/usr/bin/python3", "-c", SYSTEMD, sock.fileno()])
        try:
            assert fcgi.ask(path, "GET", "/health").status == 200
            for pid in service.workers():
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(service.workers()) == 2, 5, "replacements")
            assert fcgi.ask(path, "GET", "/health").status == 200
            assert service.stop() == 0
        finally:
            service.end()


def test_listen_fds_of_another_process_are_not_ours(new_service):
    service = new_service(LISTEN_FDS=1, LISTEN_PID=1)
    assert service.healthy()


# --- many


def test_two_thousand_in_flight(new_service, new_web, simulator):
    service = new_service(WORKERS=2)
    web = new_web(service)
    before = simulator.duplicates()  # which other tests had ordered
    simulator.latency(graph_ms=5000)
    try:
        answers = send_all(web.port, [new_message() for _ in range(2000)], gap_seconds=0.0015)
    finally:
        simulator.latency()
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 2000, {status: statuses.count(status) for status in statuses}
    assert simulator.counts()["graph_in_flight_max"] >= 1500
    assert simulator.duplicates() == before


def test_full_house_is_refused_early(new_service, new_web, simulator):
    """Beyond the bound: 503 at once, before any database work; nobody else suffers."""
    service = new_service(WORKERS=1, MAX_IN_FLIGHT=50)
    web = new_web(service)
    simulator.latency(graph_ms=3000)
    messages = [new_message() for _ in range(200)]
    try:
        answers = send_all(web.port, messages)
    finally:
        simulator.latency()
    taken = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 503]
    assert len(taken) + len(refused) == 200
    assert 40 <= len(taken) <= 60
    for answer in refused:
        assert answer.json()["code"] == "OVERLOADED"
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.seconds < 2
    rows = service.database.query("SELECT count(*) AS n FROM message_sender.message")[0]["n"]
    assert rows == len(taken)
    assert post(service, new_message())[0] == 200


# --- logs


def test_every_log_line_is_key_value(new_service):
    service = new_service()
    post(service, new_message())
    post(service, new_message(to='evil"\n level=error event=forged'))
    assert service.stop() == 0
    lines = service.log.read_text().splitlines()
    assert lines and len(service.lines()) == len(lines), lines
    for line in service.lines():
        assert {"time", "level", "event"} <= set(line), line
    assert not service.events("forged")
