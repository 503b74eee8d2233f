"""Lost replies settled by policy: of the service, of a tenant, across restarts and deaths, once.

The simulator takes the message and drops its reply, so a message that is sent again counts twice
there: by a recorded decision, or not at all."""

import json
import os
import pwd
import signal

import pytest

from harness import fcgi
from harness.api import SEND, new_message
from harness.service import command
from harness.wait import wait_until

SETTLED = 12   # seconds: more than any quarantine here


def metric(service, name):
    """What the node has counted."""
    reply = fcgi.ask(service.settings["MANAGEMENT_SOCKET"], "GET", "/metrics", seconds=5)
    line, = [line for line in reply.body.decode().splitlines()
             if line.startswith(f"message_sender_{name} ")]
    return float(line.rsplit(" ", 1)[1])


def decisions(database, message_id):
    return [(row["attempt"], row["decision"], row["decided_by"]) for row in database.query(
        "SELECT * FROM message_sender.decision WHERE message_id = %s ORDER BY attempt",
        message_id)]


class Lost:
    """A message whose reply was dropped `times` times."""

    def __init__(self, service, simulator, times=1, **fields):
        self.service = service
        self.simulator = simulator
        self.database = service.database
        self.message = new_message(**fields)
        simulator.script("graph", self.message["to"], "drop_reply", times=times)
        reply = service.ask("POST", SEND, json.dumps(self.message).encode())
        body = json.loads(reply.body)
        assert (reply.status, body["state_detail"]) == (202, "outcome_unknown")
        self.message_id = body["message_id"]

    @property
    def calls(self):
        return self.simulator.recipient(self.message["to"])["calls"]

    @property
    def decisions(self):
        return decisions(self.database, self.message_id)

    @property
    def work(self):
        rows = self.database.work(self.message_id)
        return rows[0] if rows else None

    def get(self, what):
        reply = self.service.ask("GET", f"/api/v1/messages/{self.message_id}/{what}")
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def event(self, kind):
        """The last one of this kind."""
        return [event for event in self.get("events")["events"] if event["event"] == kind][-1]

    def explained(self):
        """As a caller is told, and on the command line."""
        told = self.get("explain")
        assert told["next"] in run(self.service, "message", "explain", self.message_id)
        return told

    def wait_state(self, state, seconds=SETTLED):
        return self.database.wait_state(self.message_id, state, seconds)

    def wait_looked_at(self, policy, wait=2):
        def looked():
            work = self.work
            return work if work and work["settle_policy"] == policy and \
                work["wait"] == wait else None

        return wait_until(looked, SETTLED, f"{self.message_id} looked at as {policy}")

    def decided_after(self):
        """Seconds from the loss to the decision, by the database's clock."""
        return float(self.database.query(
            "SELECT extract(epoch FROM d.decided_at - a.ended_at) AS s"
            " FROM message_sender.decision d JOIN message_sender.attempt a"
            " USING (message_id, attempt) WHERE message_id = %s", self.message_id)[0]["s"])

    def receipt(self, number=None):
        """What the webhook of a receipt will write."""
        self.database.query(
            "INSERT INTO message_sender.receipt (message_id, attempt, status, number, wamid, at)"
            " SELECT message_id, attempt, 'sent', number, 'wamid.' || attempt, now()"
            " FROM message_sender.attempt WHERE message_id = %s", self.message_id)


def run(service, *words, status=0):
    done = command(*words, env={"DATABASE_URL": service.database.url})
    assert done.returncode == status, done.stderr
    return done.stdout


def set_policy(service, tenant, policy, quarantine=None):
    more = ["--quarantine", str(quarantine)] if quarantine else []
    return run(service, "tenant", "set", tenant, "--unknown-policy", policy, *more)


def assert_healthy(service):
    assert "WRONG" not in run(service, "check")


def test_each_policy_for_a_tenant_of_its_own(new_service, simulator):
    """hold and evidence without webhooks never send again; resend does, once, as only one reply
    is lost; fail ends it."""
    service = new_service(UNKNOWN_POLICY="hold")
    lost = {}
    for policy in ("resend", "fail", "evidence"):
        tenant = new_message()["tenant_id"]
        set_policy(service, tenant, policy, quarantine=1)
        lost[policy] = Lost(service, simulator, tenant_id=tenant)
    lost["hold"] = Lost(service, simulator)
    row = lost["resend"].wait_state("sent")
    assert row["attempts"] == 2 and row["wamid"]
    assert lost["resend"].calls == 2
    assert lost["resend"].decisions == [(1, "resend", "policy:resend")]
    row = lost["fail"].wait_state("failed")
    assert "not learnt in time" in row["failure_reason"] and row["failure_code"] == -8
    assert lost["fail"].decisions == [(1, "failed", "policy:fail")]
    assert lost["evidence"].wait_looked_at("evidence")["settle_quarantine"] == 1
    assert lost["hold"].wait_looked_at("hold", wait=4)["settle_quarantine"] == 120
    # The evidence has been looked for after the quarantine, and will be again.
    wait_until(lambda: lost["evidence"].database.query(
        "SELECT 1 FROM message_sender.work WHERE message_id = %s"
        " AND due_at > lost_at + interval '2 s'", lost["evidence"].message_id), SETTLED,
        "evidence was looked for")
    for policy in ("fail", "evidence", "hold"):
        assert lost[policy].calls == 1
    for policy in ("evidence", "hold"):
        assert lost[policy].decisions == []
        assert lost[policy].database.message(lost[policy].message_id)["state"] == "unknown"
    assert service.wait_event("unknown_settled", count=2, seconds=1)
    assert_healthy(service)


def test_it_is_told_what_policy_will_do_and_what_it_did(new_service, simulator, sockets):
    service = new_service(UNKNOWN_POLICY="hold", UNKNOWN_QUARANTINE_SECONDS=600,
                          MANAGEMENT_SOCKET=str(sockets / "management-told.sock"))
    wanted = {"evidence": "3 later attempts", "resend": "it is sent again, while",
              "fail": "it has failed then"}
    tenants = {policy: new_message()["tenant_id"] for policy in wanted}
    for policy, tenant in tenants.items():
        set_policy(service, tenant, policy)
    lost = {policy: Lost(service, simulator, tenant_id=tenant)
            for policy, tenant in tenants.items()}
    held = Lost(service, simulator)
    held.wait_looked_at("hold", wait=4)
    waiting = held.event("waiting")
    assert (waiting["for"], waiting["policy"], waiting["policy_of"], waiting["until"]) == (
        "a person to decide", "hold", "service", None)
    assert "policy hold of the service" in held.explained()["next"]
    for policy, words in wanted.items():
        lost[policy].wait_looked_at(policy)
        waiting, told = lost[policy].event("waiting"), lost[policy].explained()
        assert (waiting["policy"], waiting["policy_of"]) == (policy, "tenant")
        assert told["next"].startswith(f"Policy {policy} of its tenant decides at {told['until']}")
        assert words in told["next"] and waiting["until"][:19] == told["until"][:19]
    set_policy(service, tenants["fail"], "fail", quarantine=1)
    lost["fail"].wait_state("failed")
    resolved = lost["fail"].event("resolved")
    assert (resolved["as"], resolved["by"]) == ("failed", "policy:fail")
    assert resolved["why"].startswith("no reply and no receipt")
    assert "policy fail gave it up: no reply and no receipt" in lost["fail"].explained()["summary"]
    wait_until(lambda: metric(
        service, 'unknown_settled_total{policy="fail",decision="failed"}') == 1, SETTLED,
        "it was counted")


def test_resend_is_bounded_and_then_fails(new_service, simulator):
    service = new_service(UNKNOWN_POLICY="resend", UNKNOWN_QUARANTINE_SECONDS=1, MAX_RETRIES=1)
    lost = Lost(service, simulator, times=5)
    row = lost.wait_state("failed")
    assert row["attempts"] == 2
    assert lost.calls == 2
    assert lost.decisions == [(1, "resend", "policy:resend"), (2, "failed", "policy:resend")]
    assert_healthy(service)


@pytest.mark.parametrize("how", ["owner killed", "restarted", "node killed"])
def test_the_quarantine_outlives_its_worker(new_service, simulator, how):
    """Settled once, and not before its time."""
    service = new_service(UNKNOWN_POLICY="resend", UNKNOWN_QUARANTINE_SECONDS=3)
    lost = Lost(service, simulator)
    lost.wait_looked_at("resend")
    if how == "owner killed":
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
    elif how == "restarted":
        assert service.stop() == 0
        service.start()
    else:
        workers = service.workers()
        service.kill()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        service.start()
    lost.wait_state("sent", seconds=25)
    assert lost.calls == 2
    assert lost.decisions == [(1, "resend", "policy:resend")]
    assert 3 <= lost.decided_after() < 25
    assert_healthy(service)


def test_policies_may_change_while_it_is_unknown(new_service, simulator):
    """By a tenant's own policy, at once; by the settings, when the service is started again or
    reloaded."""
    service = new_service(UNKNOWN_POLICY="hold", UNKNOWN_QUARANTINE_SECONDS=1)
    first, second = Lost(service, simulator), Lost(service, simulator)
    for lost in (first, second):
        lost.wait_looked_at("hold", wait=4)
    assert "1 messages" in set_policy(service, first.message["tenant_id"], "resend")
    first.wait_state("sent")
    assert first.calls == 2
    assert second.database.message(second.message_id)["state"] == "unknown"
    assert service.stop() == 0
    service.settings["UNKNOWN_POLICY"] = "fail"
    service.start()
    second.wait_state("failed")
    assert second.decisions == [(1, "failed", "policy:fail")]
    assert second.calls == 1


def test_evidence_resends_once(new_service, simulator):
    """Receipts are put into their table, as the webhook will; three later messages of the same
    number have theirs."""
    service = new_service(UNKNOWN_POLICY="evidence", UNKNOWN_QUARANTINE_SECONDS=1)
    outlet = {"tenant_id": new_message()["tenant_id"], "outlet_id": new_message()["outlet_id"]}
    lost = Lost(service, simulator, times=2, **outlet)
    for _ in range(3):
        reply = service.ask("POST", SEND, json.dumps(new_message(**outlet)).encode())
        assert reply.status == 200
        service.database.query(
            "INSERT INTO message_sender.receipt (message_id, attempt, status, number, wamid, at)"
            " SELECT message_id, attempt, 'sent', number, wamid, now()"
            " FROM message_sender.attempt WHERE message_id = %s",
            json.loads(reply.body)["message_id"])
    # Sent again once; the second reply is lost too, and kept for a person.
    work = lost.wait_looked_at("evidence", wait=4)
    assert work["attempt"] == 2
    assert lost.calls == 2
    assert lost.decisions == [(1, "resend", "policy:evidence")]
    assert_healthy(service)


def test_a_receipt_of_its_own_settles_it_as_sent(new_service, simulator):
    service = new_service(UNKNOWN_POLICY="resend", UNKNOWN_QUARANTINE_SECONDS=3)
    lost = Lost(service, simulator)
    lost.receipt()
    row = lost.wait_state("sent")
    assert row["wamid"] == "wamid.1"
    wait_until(lambda: not lost.work, SETTLED, "its copy was stored")
    assert lost.calls == 1
    assert lost.decisions == []
    assert_healthy(service)


def test_tenant_commands(new_service):
    service = new_service()
    tenant = "tenant-1"
    assert "policy of the service" in run(service, "tenant", "show", tenant)
    run(service, "tenant", "set", tenant, "--unknown-policy", "fail", "--quarantine", "604800",
        "--why", "a bank", "--by", "ari")
    shown = run(service, "tenant", "show", tenant).splitlines()[1].split("  ")
    assert [word for word in shown if word][:3] == ["fail", "604800", "ari"]
    set_policy(service, tenant, "hold")
    assert pwd.getpwuid(os.getuid()).pw_name in run(service, "tenant", "show", tenant)
    assert "of the service again" in run(service, "tenant", "unset", tenant)
    assert "had no policy" in run(service, "tenant", "unset", tenant)
    for words in (["--unknown-policy", "never"], ["--unknown-policy", "hold", "--quarantine", "0"],
                  ["--unknown-policy", "hold", "--quarantine", "604801"],
                  ["--unknown-policy", "hold", "--quarantine", "1s"], []):
        run(service, "tenant", "set", tenant, *words, status=2)
    run(service, "tenant", "set", "x" * 129, "--unknown-policy", "hold", status=2)
    run(service, "tenant", "set", "x" * 128, "--unknown-policy", "hold")
