"""PostgreSQL restored from a backup, or failed over: nothing is sent twice, and nothing at all
before a person lets work go on."""

import concurrent.futures
import json
import signal

import pytest

from harness.api import SEND, new_message
from harness.postgres import Postgres
from harness.service import command
from harness.wait import wait_until


@pytest.fixture
def server(work, request):
    """A cluster of the test's own."""
    started = []

    def start(name):
        test = request.node.name.translate({ord("["): "-", ord("]"): None})
        started.append(Postgres(work, f"{name}-{test}"))
        started[-1].configure("fsync = off")  # no host crashes here
        started[-1].admin("SELECT pg_reload_conf()")
        return started[-1]

    yield start
    for one in reversed(started):
        one.remove()


def post(service, message, headers=None):
    reply = service.ask("POST", SEND, json.dumps(message).encode(), headers)
    return reply.status, json.loads(reply.body)


def queue(service, message):
    status, body = post(service, message, {"Prefer": "respond-async"})
    assert status == 202, body
    return body["message_id"]


class Traffic:
    """Messages of before and after the moment that the database goes back to."""

    def __init__(self, service, simulator):
        self.service = service
        self.simulator = simulator
        self.messages = []
        self.unfinished = []

    def send(self, count=4):
        """So many that are sent before it returns."""
        messages = [new_message() for _ in range(count)]
        self.messages += messages
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            for status, body in pool.map(lambda m: post(self.service, m), messages):
                assert (status, body["status"]) == (200, "sent")

    def leave_unfinished(self, count=4):
        """So many that failed once and are due again in two seconds."""
        for _ in range(count):
            message = new_message()
            self.messages.append(message)
            self.simulator.script("graph", message["to"], "error", code=131016, status=500,
                                  times=1)
            self.unfinished.append(queue(self.service, message))
        self._wait("retrying")

    def finish(self):
        """They are sent, which the database will not know."""
        self._wait("sent")

    def _wait(self, state):
        for message_id in self.unfinished:
            self.service.database.wait_state(message_id, state)

    def no_duplicates(self):
        for message in self.messages:
            assert self.simulator.recipient(message["to"])["accepted"] == 1, message


def ctl(service, *words):
    done = command(*words, env={"DATABASE_URL": service.settings["DATABASE_URL"]})
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def expect_held(service, database, traffic, why):
    """Noticed; what was unfinished is unknown; new messages are taken, and not sent."""
    service.wait_event("restored", 20)
    assert why in service.events("restored")[0]["message"]
    return expect_still(service, database, traffic, why)


def expect_still(service, database, traffic, why):
    """What holds of every node, whichever noticed."""
    service.wait_event("lanes_held", 20)
    for message_id in traffic.unfinished:
        database.wait_state(message_id, "unknown")
    calls = traffic.simulator.calls()["graph_calls"]
    waiting, asynchronous = new_message(), new_message()
    status, body = post(service, waiting)
    assert (status, body["status"], body["state_detail"]) == (202, "queued", "queued"), body
    later = [body["message_id"], queue(service, asynchronous)]
    status = ctl(service, "queue", "status")
    assert "HELD since" in status and why in status
    assert "HELD since" in ctl(service, "check")
    unknown = ctl(service, "queue", "unknown")
    assert all(message_id in unknown for message_id in traffic.unfinished)
    # As long as it takes to renew a lease and to look for work.
    ticks = ticks_of(database)
    wait_until(lambda: ticks_of(database) > ticks, 10, "a tick")
    assert traffic.simulator.calls()["graph_calls"] == calls
    traffic.messages += [waiting, asynchronous]
    return later


def ticks_of(database):
    return database.query("SELECT ticks FROM message_sender.beacon")[0]["ticks"]


def release(service, database, traffic, later):
    told = ctl(service, "queue", "release", "--by", "tester", "--why", "looked at")
    assert f"{len(traffic.unfinished)} messages are unknown" in told
    for message_id in later:
        database.wait_state(message_id, "sent")
    traffic.send()
    for message_id in traffic.unfinished:
        assert database.message(message_id)["state"] == "unknown"
    traffic.no_duplicates()
    assert "HELD" not in ctl(service, "check")
    assert ctl(service, "queue", "release", "--by", "x", "--why", "x") == "nothing was held\n"


def test_a_release_marks_in_portions(postgres):
    """As after one that was interrupted: each portion is a transaction, and what is marked stays."""
    database = postgres.database()
    rows = "generate_series(1, 1200)"
    database.query("INSERT INTO message_sender.beacon (system_identifier, timeline) VALUES (1, 1)"
                   " RETURNING id")
    database.query(f"""WITH m AS (INSERT INTO message_sender.message (message_id, tenant_id,
            outlet_id, recipient, message_type, payload, sender_type, state, accepted_at)
            SELECT gen_random_uuid(), 't', 'o', '+62812', 'text', '{{}}', 'llm', 'queued', now()
            FROM {rows} RETURNING message_id)
        INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
            attempt, attempt_open, due_at, expires_at, queue)
            SELECT message_id, 't', 7, nextval('message_sender.work_seq'), 'queued', false, 0,
                false, now(), now() + interval '1 day', 1 FROM m RETURNING message_id""")
    database.query("SELECT message_sender.restored(id, system_identifier, timeline, ticks, 9, 'x')"
                   " FROM message_sender.beacon")
    database.query("SELECT message_sender.mark_restored(500)")
    done = command("queue", "release", "--by", "tester", "--why", "looked at",
                   env={"DATABASE_URL": database.url})
    assert done.returncode == 0 and "1200 messages are unknown" in done.stdout, done
    work = database.query("SELECT count(*) AS rows, count(DISTINCT xmin::text) AS transactions"
                          " FROM message_sender.work WHERE state = 'unknown'")
    assert work == [{"rows": 1200, "transactions": 3}]


def start_again(service):
    service.start(wait=False)
    wait_until(service.healthy, 20, "it serves")


@pytest.mark.parametrize("running", [False, True])
def test_recovered_to_a_point_in_time(server, new_service, simulator, running):
    postgres = server("pitr")
    archive = postgres.archive()
    service = new_service(database=postgres.database())
    traffic = Traffic(service, simulator)
    backup = postgres.base_backup()
    traffic.send()
    traffic.leave_unfinished()
    postgres.admin("SELECT pg_create_restore_point('here')")
    traffic.finish()
    traffic.send()
    postgres.archive_all(archive)
    if not running:
        assert service.stop() == 0
    postgres.stop(signal.SIGQUIT)
    postgres.put_back(backup, archive, "recovery_target_name = 'here'\n"
                      "recovery_target_action = promote")
    postgres.start()
    if not running:
        start_again(service)
    later = expect_held(service, service.database, traffic, "recovered to a point in time")
    release(service, service.database, traffic, later)
    # It is noticed once.
    service.stop()
    already = len(service.events("restored"))
    service.start()
    traffic.send()
    assert len(service.events("restored")) == already


def test_failed_over_to_a_standby(server, new_service, simulator, work):
    first = server("primary")
    database = first.database()
    second = first.standby("standby-" + first.name)
    try:
        urls = [first.url(database.name), second.url(database.name)]
        hosts = [url.split("host='")[1].split("'")[0] for url in urls]
        both = f"host='{hosts[0]},{hosts[1]}' port=5432,5432 user=postgres dbname={database.name}"
        service = new_service(database=database, DATABASE_URL=both)
        traffic = Traffic(service, simulator)
        traffic.send()
        traffic.leave_unfinished()
        first.stop(signal.SIGQUIT)
        second.promote()
        on_second = type(database)(second, database.name)
        later = expect_held(service, on_second, traffic, "failed over")
        told = ctl(service, "queue", "release", "--by", "tester", "--why", "nothing was lost")
        assert "4 messages are unknown" in told
        for message_id in later:
            on_second.wait_state(message_id, "sent")
        # They were not sent indeed: a person has them sent.
        who = ("--by", "tester", "--why", "the primary did not send it")
        ctl(service, "queue", "resolve", "--as", "resend", "--code", "-13", "--yes", *who)
        for message_id in traffic.unfinished:
            on_second.wait_state(message_id, "sent")
        traffic.no_duplicates()
        ctl(service, "check")
    finally:
        second.remove()


@pytest.mark.parametrize("running, policy", [(False, "resend"), (True, "fail")])
def test_earlier_files_put_in_place(server, new_service, simulator, running, policy):
    """The same server on the same timeline: only what is remembered outside tells.  No policy
    settles what the restore made unknown."""
    postgres = server("files")
    service = new_service(database=postgres.database(), UNKNOWN_POLICY=policy,
                          UNKNOWN_QUARANTINE_SECONDS=1)
    traffic = Traffic(service, simulator)
    traffic.send()
    traffic.leave_unfinished()
    postgres.stop(signal.SIGQUIT)
    copy = postgres.copy_files()
    postgres.start()
    traffic.finish()
    ticks = ticks_of(service.database)
    # The worker that keeps the file knows a tick of another a second later.
    wait_until(lambda: ticks_of(service.database) > ticks + 2, 10, "ticks")
    assert not service.events("restored"), "a crash is no restore"
    if not running:
        service.stop()
    postgres.stop(signal.SIGQUIT)
    postgres.put_back(copy)
    postgres.start()
    if not running:
        start_again(service)
    later = expect_held(service, service.database, traffic, "an earlier copy")
    # The quarantine is over before anything may be decided.
    wait_until(lambda: not service.database.query(
        "SELECT seq FROM message_sender.work WHERE state = 'unknown'"
        " AND lost_at > now() - interval '1 s'"), 10, "the end of the quarantine")
    release(service, service.database, traffic, later)
    wait_until(lambda: kept(service.database, policy) == len(traffic.unfinished), 10, "a look")
    traffic.no_duplicates()


def test_two_nodes_notice_one_restore(server, new_service, simulator):
    """One of them does; both are held, and both go on."""
    postgres = server("nodes")
    database = postgres.database()
    nodes = [new_service(database=database) for _ in range(2)]
    traffics = [Traffic(node, simulator) for node in nodes]
    for traffic in traffics:
        traffic.send()
        traffic.leave_unfinished(2)
    postgres.stop(signal.SIGQUIT)
    copy = postgres.copy_files()
    postgres.start()
    for traffic in traffics:
        traffic.finish()
    ticks = ticks_of(database)
    wait_until(lambda: ticks_of(database) > ticks + 2, 10, "ticks")
    postgres.stop(signal.SIGQUIT)
    postgres.put_back(copy)
    postgres.start()
    wait_until(lambda: any(node.events("restored") for node in nodes), 20, "one has noticed")
    later = [message_id for node, traffic in zip(nodes, traffics)
             for message_id in expect_still(node, database, traffic, "an earlier copy")]
    assert database.query("SELECT count(*) AS n FROM message_sender.restore")[0]["n"] == 1
    assert len(database.query("SELECT 1 FROM message_sender.restore")) == 1
    told = ctl(nodes[0], "queue", "release", "--by", "tester", "--why", "looked at")
    assert "4 messages are unknown" in told
    for message_id in later:
        database.wait_state(message_id, "sent")
    for traffic in traffics:
        traffic.send()
        for message_id in traffic.unfinished:
            assert database.message(message_id)["state"] == "unknown"
        traffic.no_duplicates()
    ctl(nodes[1], "check")


def kept(database, policy):
    """So many were looked at by the policy, and are kept for a person."""
    return len(database.query("SELECT seq FROM message_sender.work WHERE state = 'unknown'"
                              f" AND wait = 4 AND settle_policy = '{policy}'"))
