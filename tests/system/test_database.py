"""PostgreSQL away, hanging, crashing; and the migrations."""

import concurrent.futures
import json
import signal
import time

import psycopg
import pytest

from harness.api import SEND, new_message, status_path
from harness.burst import Flow
from harness.process import BUILD, SANITIZERS, run
from harness.service import command, parse_log_line
from harness.wait import wait_until


@pytest.fixture
def server(own_postgres):
    """Serves when a test begins, whatever the one before did."""
    own_postgres.thaw()
    if not own_postgres.process.running():
        own_postgres.start()
    return own_postgres


@pytest.fixture
def service(server, new_service):
    return new_service(database=server.database())


def post(service, message=None, headers=None):
    """(reply, body, seconds)"""
    began = time.monotonic()
    reply = service.ask("POST", SEND, json.dumps(message or new_message()).encode(), headers, 20)
    return reply, json.loads(reply.body), time.monotonic() - began


def assert_unavailable(reply, body, seconds):
    assert reply.status == 503, body
    assert {"error", "message", "code"} <= set(body)
    assert int(reply.headers["retry-after"]) >= 1
    assert seconds < 2


def recovered(service, seconds):
    wait_until(lambda: post(service)[0].status == 200, seconds, "messages are taken again")


def recovered_reading(service, message_id, seconds):
    """Each worker has a connection of its own for that."""
    path = status_path(message_id)
    wait_until(lambda: all(service.ask("GET", path).status == 200 for _ in range(8)), seconds,
               "statuses are told again")


def test_away(server, service, simulator):
    """503 within 2 s, recovery by itself within 5 s of its return."""
    message_id = post(service)[1]["message_id"]
    workers = sorted(service.workers())
    server.stop()
    message = new_message()
    for _ in range(3):
        assert_unavailable(*post(service, message))
    began = time.monotonic()
    reply = service.ask("GET", status_path(message_id), seconds=10)
    assert_unavailable(reply, json.loads(reply.body), time.monotonic() - began)
    assert service.healthy()
    server.start()
    recovered(service, 5)
    recovered_reading(service, message_id, 5)
    assert sorted(service.workers()) == workers
    assert json.loads(service.ask("GET", status_path(message_id)).body)["status"] == "sent"
    assert simulator.recipient(message["to"])["calls"] == 0


def test_hanging(server, service, simulator):
    """A hang is worse than death: 503 within 2 s all the same, for several at a time.  What was
    answered "may have been taken" is then either sent or shown as failed, once."""
    post(service)
    server.freeze()
    messages = [new_message() for _ in range(8)]
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda message: post(service, message), messages))
        for result in results:
            assert_unavailable(*result)
        assert service.healthy()
    finally:
        server.thaw()
    recovered(service, 5)
    for message, (_, body, _) in zip(messages, results):
        rows = wait_until_settled(service, message)
        seen = simulator.recipient(message["to"])
        assert len(rows) <= 1 and seen["accepted"] <= 1
        if rows and rows[0]["state"] != "sent":
            assert seen["calls"] == 0
        if not rows:
            assert seen["calls"] == 0
        if "message_id" in body.get("details", {}):
            for row in rows:
                assert str(row["message_id"]) == body["details"]["message_id"]


def wait_until_settled(service, message):
    def final():
        rows = service.database.messages(message["tenant_id"])
        if all(row["state"] in ("sent", "failed", "cancelled") for row in rows):
            return [rows]
        return None

    return wait_until(final, 15, "the message is settled")[0]


def test_hang_while_reading(server, service):
    message_id = post(service)[1]["message_id"]
    server.freeze()
    try:
        began = time.monotonic()
        reply = service.ask("GET", status_path(message_id), seconds=10)
        assert_unavailable(reply, json.loads(reply.body), time.monotonic() - began)
    finally:
        server.thaw()
    wait_until(lambda: service.ask("GET", status_path(message_id)).status == 200, 5,
               "statuses are read again")


def test_long_hang(server, service):
    """Longer than every time-out: connections are given up and made anew."""
    post(service)
    server.freeze()
    try:
        end = time.monotonic() + 8
        while time.monotonic() < end:
            assert_unavailable(*post(service))
    finally:
        server.thaw()
    recovered(service, 5)


def test_outcome_is_kept_while_the_database_is_away(server, service, simulator):
    """It is a fact: recorded when the database is back, and the message is not sent again."""
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=1500)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, service, message)
        wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
        server.stop(signal.SIGQUIT)
        wait_until(lambda: simulator.counts()["graph_in_flight"] == 0, 5, "Meta has answered")
        server.start()
        reply, body, _ = answer.result()
    assert reply.status in (200, 202), body
    row = service.database.wait_state(body["message_id"], "sent", 10)
    assert row["wamid"].startswith("wamid.")
    assert simulator.recipient(message["to"])["calls"] == 1


def test_crashes_under_load(server, service, new_web, simulator):
    """Nothing acknowledged is lost and nothing is sent twice."""
    web = new_web(service)
    flow = Flow(web.port, new_message, per_second=40)
    for _ in range(3):
        time.sleep(1.5)
        server.stop(signal.SIGQUIT)
        server.start()
        recovered(service, 10)
    time.sleep(0.5)
    answers = flow.stop()
    assert {answer.status for answer in answers} <= {200, 202, 503}
    # It served for 3 * 1.5 s at 40 a second, however long the server was away.
    assert sum(answer.status == 200 for answer in answers) > 90
    for message, answer in zip(flow.sent, answers):
        seen = simulator.recipient(message["to"])
        assert seen["accepted"] <= 1
        if answer.status == 200:
            rows = service.database.messages(message["tenant_id"])
            assert [row["state"] for row in rows] == ["sent"]
            assert rows[0]["wamid"] == answer.json()["whatsapp_message_id"]


def test_what_was_answered_survives_a_crash(server, service):
    bodies = [post(service)[1] for _ in range(10)]
    server.stop(signal.SIGQUIT)
    server.start()
    for body in bodies:
        assert service.database.message(body["message_id"])["wamid"] == body[
            "whatsapp_message_id"]


def test_ended_connections(server, service):
    """An administrator ends all connections: the next message is taken as if nothing was."""
    post(service)
    server.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 f" WHERE datname = '{service.database.name}'")
    recovered(service, 5)


def test_started_before_the_database(server, new_service):
    database = server.database()
    server.stop()
    service = new_service(database=database, service_options={"wait": False})
    try:
        wait_until(lambda: service.lines(), 10, "it says something")
        assert service.process.running()
    finally:
        server.start()
    wait_until(lambda: service.events("ready"), 10, "ready")
    recovered(service, 5)


def test_over_tcp_by_name(server, new_service):
    """DATABASE_URL as a URL, with a host name."""
    database = server.database()
    service = new_service(database=database,
                          DATABASE_URL=server.tcp_url(database.name, "localhost"))
    assert post(service)[0].status == 200


def test_connections_are_bounded(server, service):
    """Two a worker: one to write, one to read."""
    post(service)
    rows = service.database.query(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = %s AND application_name"
        " LIKE 'message-sender%%'", service.database.name)
    assert rows[0]["n"] == 4


# --- migrations


def migrate(url):
    return command("db", "migrate", env={"DATABASE_URL": url})


def schema_of(server, name):
    """Tables and columns, as a list that can be compared."""
    with psycopg.connect(server.url(name)) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'message_sender' ORDER BY 1, ordinal_position").fetchall()


def test_migrate_needs_nothing_but_the_url(server):
    name = server.empty_database()
    done = migrate(server.url(name))
    assert done.returncode == 0, done.stderr
    assert {"message", "work", "attempt"} <= {row[0] for row in schema_of(server, name)}


def test_migrate_again_changes_nothing(server):
    name = server.empty_database()
    assert migrate(server.url(name)).returncode == 0
    before = schema_of(server, name)
    assert migrate(server.url(name)).returncode == 0
    assert schema_of(server, name) == before


def test_migrations_at_the_same_time(server):
    name = server.empty_database()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(server.url(name)), range(4)))
    assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]


def test_changed_migration_is_refused(server):
    name = server.empty_database()
    assert migrate(server.url(name)).returncode == 0
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute(
            "UPDATE message_sender.schema_migration SET checksum = reverse(checksum)")
    done = migrate(server.url(name))
    assert done.returncode not in (0, 99)
    assert "checksum" in done.stderr


def test_migrate_without_database(server):
    done = migrate("host=/nonexistent dbname=x")
    assert done.returncode not in (0, 99)
    assert done.stderr


def serve(server, simulator, sockets, name):
    return command("serve", env={
        **simulator.settings(), "DATABASE_URL": server.url(name),
        "FCGI_SOCKET": str(sockets / "schema.sock"), "WORKERS": "1"})


def assert_schema_refused(done, why):
    """EX_CONFIG, and a log line that says what to do."""
    assert done.returncode == 78, done.stderr
    lines = [parse_log_line(line) for line in done.stderr.splitlines()]
    assert any(fields and fields["level"] == "error" and any(why in value for value in fields.values())
               for fields in lines), done.stderr


def test_serve_without_schema_is_refused(server, simulator, sockets):
    assert_schema_refused(serve(server, simulator, sockets, server.empty_database()),
                          "message-sender db migrate")


def test_newer_schema_is_refused(server, simulator, sockets):
    """By serve and by migrate."""
    name = server.empty_database()
    assert migrate(server.url(name)).returncode == 0
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute("INSERT INTO message_sender.schema_migration (name, checksum)"
                           " VALUES ('9999_future.sql', repeat('0', 64))")
    done = migrate(server.url(name))
    assert done.returncode not in (0, 99)
    assert "newer" in done.stderr
    assert_schema_refused(serve(server, simulator, sockets, name), "newer")


def test_older_schema_is_refused(server, simulator, sockets):
    """One without our last migration."""
    name = server.empty_database()
    assert migrate(server.url(name)).returncode == 0
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute("DELETE FROM message_sender.schema_migration WHERE name ="
                           " (SELECT max(name) FROM message_sender.schema_migration)")
    assert_schema_refused(serve(server, simulator, sockets, name), "message-sender db migrate")


def test_everything_works_from_another_directory(server):
    """Migrations are in the binary; nothing is installed."""
    name = server.empty_database()
    done = run(["env", "-C", "/", BUILD / "message-sender", "db", "migrate"],
               env={"PATH": "/usr/bin", "DATABASE_URL": server.url(name), **SANITIZERS})
    assert done.returncode == 0, done.stderr
