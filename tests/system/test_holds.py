"""Holds: pause and resume by tenant, outlet, number and all, on two nodes of one database."""

import itertools
import threading
import time

import pytest

from harness.api import new_message
from harness.service import command
from harness.wait import wait_until
from test_lanes import post, post_async, two_nodes

EFFECTIVE_SECONDS = 1
NUMBER = itertools.count(700000000000000)


def cli(database, *words, status=0):
    done = command(*words, env={"DATABASE_URL": database.url})
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def held(database, **where):
    condition = "".join(f" AND w.{name} = '{value}'" for name, value in where.items())
    return database.query("SELECT count(*) AS n FROM message_sender.work w"
                          f" WHERE w.state = 'held'{condition}")[0]["n"]


def begun_after(database, tenant, moment):
    """Attempts of a tenant that began after that moment, in order."""
    return database.query(
        "SELECT a.begun_at FROM message_sender.attempt a JOIN message_sender.message m"
        " USING (message_id) WHERE m.tenant_id = %s AND a.begun_at > %s ORDER BY a.begun_at",
        tenant, moment)


def clock(database):
    return database.query("SELECT clock_timestamp() AS now")[0]["now"]


class Flow:
    """Asynchronous messages of one tenant to four recipients, through all nodes in turn, in
    order for each recipient."""

    def __init__(self, services, message):
        self.services = services
        self.templates = [{**message, "to": new_message()["to"]} for _ in range(4)]
        self.ids = {template["to"]: [] for template in self.templates}
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        for turn in itertools.count():
            if self.stopped.is_set():
                return
            template = self.templates[turn % 4]
            service = self.services[turn % len(self.services)]
            self.ids[template["to"]].append(post_async(service, template))

    def stop(self):
        self.stopped.set()
        self.thread.join()

    def count(self):
        return sum(len(ids) for ids in self.ids.values())

    def wait_for_more(self, more=20):
        target = self.count() + more
        wait_until(lambda: self.count() >= target, 10, "more messages")

    def check_sent_once_in_order(self, simulator):
        for to, ids in self.ids.items():
            seen = simulator.recipient(to)["attempts"]
            assert [name.split(":")[0] for name in seen] == ids[:len(seen)]
            assert len(seen) == min(len(ids), 64)
            for message_id in ids[64:]:
                assert simulator.message(message_id)["calls"] == 1


@pytest.fixture
def nodes(new_service):
    return two_nodes(new_service)


def subject_of(scope, message, number):
    return {"all": ["--all"], "tenant": ["--tenant", message["tenant_id"]],
            "outlet": ["--outlet", f"{message['tenant_id']}/{message['outlet_id']}"],
            "number": ["--number", number]}[scope]


def test_pause_and_resume_by_each_scope(nodes, simulator):
    database = nodes[0].database
    for scope in ("tenant", "outlet", "number", "all"):
        message, number = new_message(), str(next(NUMBER))
        simulator.script("outlet", message["outlet_id"], "ok", number=number)
        words = subject_of(scope, message, number)
        flow = Flow(nodes, message)
        try:
            flow.wait_for_more()
            text = cli(database, "pause", *words, "--why", "a test", "--by", "rani")
            paused = clock(database)
            assert " paused by rani since " in text and text.endswith(": a test\n")
            flow.wait_for_more()
            # Others are not held, and those that are are not begun.
            other = new_message()
            status, body = post(nodes[0], other, {"Prefer": "wait=1"})
            assert status == (202 if scope == "all" else 200), (scope, body)
            flow.wait_for_more()
            late = [(row["begun_at"] - paused).total_seconds()
                    for row in begun_after(database, message["tenant_id"], paused)]
            print(scope, "last attempt begun after the command's end:", late[-1:])
            assert not late or late[-1] <= EFFECTIVE_SECONDS
        finally:
            flow.stop()
        wait_until(lambda: held(database, tenant_id=message["tenant_id"]) and not database.query(
            "SELECT 1 FROM message_sender.work WHERE tenant_id = %s AND state <> 'held'"
            " AND state <> 'sent'", message["tenant_id"]), 10, "all that is left is held")
        waiting = held(database, tenant_id=message["tenant_id"])
        since = clock(database)
        text = cli(database, "resume", *words, "--by", "budi")
        assert "released: " in text and f"({waiting + (scope == 'all')} messages waited)" in text
        first = wait_until(lambda: begun_after(database, message["tenant_id"], since), 5, "begun")
        print(scope, waiting, "messages; first attempt begun after the resume began:",
              (first[0]["begun_at"] - since).total_seconds())
        wait_until(lambda: not database.query(
            "SELECT 1 FROM message_sender.message WHERE state <> 'sent'"), 20, "all are sent")
        flow.check_sent_once_in_order(simulator)
        assert (first[0]["begun_at"] - since).total_seconds() <= EFFECTIVE_SECONDS
