"""What WhatsApp accepts and then reports as failed, for now: sent again, once, as any retry."""

import json
import os
import signal

import pytest

from harness.api import new_message
from harness.hooked import QUICK, SECONDS, Hooked
from harness.service import command
from harness.wait import wait_until

NOW = {"statuses": ["sent"], "fail": 100, "code": 131000}
ONCE = [{**NOW, "times": 1}, {"statuses": QUICK}]
RANK = ["queued", "sent", "delivered", "read"]


@pytest.fixture(scope="module", name="stack")
def hooked_stack(work, sockets, postgres, web_kind):
    stack = Hooked(work, sockets, postgres, web_kind, "resends", MAX_RETRIES=1, WORKERS=2)
    yield stack
    stack.end()


@pytest.fixture
def hooked(stack):
    stack.again()
    yield stack
    stack.wait_healthy()


def ordered(hooked, plan):
    """A message of which this will be reported."""
    message = new_message()
    hooked.simulator.receipts(plan, to=message["to"])
    return message


def sent(hooked, message_id):
    """How often Meta was asked to send it, and has taken it."""
    seen = hooked.simulator.message(message_id)
    return seen["calls"], seen["accepted"]


def lines(hooked, message_id):
    reply = hooked.service.ask("GET", f"/api/v1/messages/{message_id}/events")
    assert reply.status == 200, reply.body
    return json.loads(reply.body)["events"]


def seen_until(hooked, message_id, status):
    """All statuses that a caller sees until then."""
    seen = []

    def look():
        told = hooked.status(message_id)
        seen.append((told["status"], told["state_detail"]))
        return told["status"] == status

    wait_until(look, SECONDS, f"{message_id} is {status}")
    return seen


@pytest.mark.parametrize("how", [{}, {"duplicate": 100, "duplicate_ms": 50},
                                 {"callback": "not_failed"}],
                         ids=["once", "twice", "wamid"])
def test_sent_again_once_and_delivered(hooked, how):
    """However often the failure is told, and whether or not it says of which message."""
    hooked.simulator.webhooks(deaf=50 if how else 0, retry_ms=20)
    message_id = hooked.send(ordered(hooked, [{**ONCE[0], **how}, ONCE[1]]))
    first = hooked.status(message_id)["whatsapp_message_id"]
    seen = seen_until(hooked, message_id, "read")
    ranks = [RANK.index(status) for status, _ in seen]
    assert ranks == sorted(ranks) and ranks[0] > 0
    assert ("sent", "retrying") in seen
    hooked.simulator.wait_reported()
    assert sent(hooked, message_id) == (2, 2)
    assert hooked.status(message_id)["whatsapp_message_id"] != first
    attempts = hooked.simulator.message(message_id)["attempts"]
    assert attempts == [f"{message_id}:1", f"{message_id}:2"]
    wait_until(lambda: hooked.is_over(message_id), SECONDS, "its work is over")
    assert hooked.simulator.message(message_id)["stored"] == 1
    resolved, = [line for line in lines(hooked, message_id) if line["event"] == "resolved"]
    assert (resolved["by"], resolved["as"], resolved["attempt"]) == ("policy:receipt", "resend", 1)
    told, = hooked.service.events("reported_failed", message_id=message_id)
    assert (told["code"], told["next"]) == ("131000", "again")


def test_it_is_told_why_it_waits(hooked):
    message_id = hooked.send(ordered(hooked, ONCE))

    def look():
        reply = hooked.service.ask("GET", f"/api/v1/messages/{message_id}/explain")
        told = json.loads(reply.body)
        return told if "reported later that it has failed" in told["summary"] else None

    told = wait_until(look, SECONDS, "explain tells it")
    assert (told["status"], told["state_detail"]) == ("sent", "retrying")
    assert "Something went wrong" in told["summary"]
    hooked.wait_status(message_id, "read")


def test_retries_used_up(hooked):
    message_id = hooked.send(ordered(hooked, NOW))
    told = hooked.wait_status(message_id, "failed")
    assert "Something went wrong" in told["failure_reason"]
    assert sent(hooked, message_id) == (2, 2)
    assert hooked.is_over(message_id)


def test_for_good(hooked):
    message_id = hooked.send(ordered(hooked, {**NOW, "code": 131026}))
    hooked.wait_status(message_id, "failed")
    assert hooked.is_over(message_id)
    assert sent(hooked, message_id) == (1, 1)


def test_delivered_after_all(hooked):
    """Before it was sent again: it is not, and the timeline keeps what contradicts itself."""
    message_id = hooked.send(ordered(hooked, {"code": 131000, "statuses": [
        {"status": "failed", "after_ms": 0}, {"status": "delivered", "after_ms": 300}]}))
    assert seen_until(hooked, message_id, "delivered")
    wait_until(lambda: hooked.is_over(message_id), SECONDS, "its work is over")
    assert sent(hooked, message_id) == (1, 1)
    assert [line["status"] for line in hooked.timeline(message_id) if line["contradicts"]] == [
        "failed"]


def test_before_its_own_answer(hooked):
    """The failure overtakes the answer to the call; it waits until that is there."""
    message = ordered(hooked, [{"early": 100, "code": 131000, "times": 1, "statuses": [
        {"status": "failed", "after_ms": 0}]}, {"statuses": QUICK}])
    hooked.simulator.script("graph", message["to"], "ok", latency_ms=600, times=1)
    message_id = hooked.send(message)
    hooked.wait_status(message_id, "read")
    assert sent(hooked, message_id) == (2, 2)


def test_a_lost_reply_that_failed(hooked):
    """The failure is the evidence that settles it; the policy is `hold`."""
    message = ordered(hooked, ONCE)
    hooked.simulator.script("graph", message["to"], "drop_reply", times=1)
    message_id = hooked.send(message)
    hooked.wait_status(message_id, "read")
    assert sent(hooked, message_id) == (2, 2)


def test_its_copy_is_under_way(hooked):
    """The Conversation Service is slow: the failure comes while it has the copy."""
    message = ordered(hooked, ONCE)
    hooked.simulator.script("conversation", message["conversation_id"], "ok", latency_ms=900,
                            times=1)
    message_id = hooked.send(message)
    hooked.wait_status(message_id, "read")
    assert sent(hooked, message_id) == (2, 2)
    wait_until(lambda: hooked.is_over(message_id), SECONDS, "its work is over")


def test_the_workers_die_while_it_waits(hooked):
    ids = [hooked.send(ordered(hooked, ONCE)) for _ in range(3)]
    for message_id in ids:
        wait_until(lambda of=message_id: hooked.status(of)["state_detail"] != "sent", SECONDS,
                   "it has failed")
    for pid in hooked.service.workers():
        os.kill(pid, signal.SIGKILL)
    for message_id in ids:
        hooked.wait_status(message_id, "read")
        assert sent(hooked, message_id) == (2, 2)


def test_not_when_it_is_switched_off(work, sockets, postgres, web_kind):
    stack = Hooked(work, sockets, postgres, web_kind, "no-resends", RETRY_FAILED_RECEIPTS="no")
    message_id = stack.send(ordered(stack, NOW))
    told = stack.wait_status(message_id, "failed")
    assert "Something went wrong" in told["failure_reason"]
    assert stack.is_over(message_id)
    assert sent(stack, message_id) == (1, 1)
    stack.end()


def test_a_lost_reply_that_is_kept_is_settled(hooked):
    """Kept for a person, whom the receipt spares the decision."""
    message = ordered(hooked, {"statuses": ["sent"], "delay": 100, "delay_ms": 2000})
    hooked.simulator.script("graph", message["to"], "drop_reply", times=1)
    message_id = hooked.send(message)

    def kept():
        return [row["wait"] for row in hooked.database.work(message_id)] == [4]

    wait_until(kept, SECONDS, "it is kept for a person")
    assert hooked.status(message_id)["state_detail"] == "outcome_unknown"
    told = hooked.wait_status(message_id, "sent")
    assert told["whatsapp_message_id"].startswith("wamid.")
    wait_until(lambda: hooked.is_over(message_id), SECONDS, "its work is over")
    assert sent(hooked, message_id) == (1, 1)


def test_a_duplicate_by_policy_is_seen(hooked):
    """The policy `resend` sends again what was taken: both are delivered, and told as such."""
    message = ordered(hooked, [
        {"statuses": ["delivered"], "delay": 100, "delay_ms": 4000, "times": 1},
        {"statuses": ["delivered"]}])
    done = command("tenant", "set", message["tenant_id"], "--unknown-policy", "resend",
                   "--quarantine", "1", env={"DATABASE_URL": hooked.database.url})
    assert done.returncode == 0, done.stderr
    hooked.simulator.script("graph", message["to"], "drop_reply", times=1)
    message_id = hooked.send(message)
    hooked.wait_status(message_id, "delivered")
    hooked.simulator.wait_reported()
    wait_until(lambda: len(hooked.timeline(message_id)) == 2, SECONDS, "both are reported")
    told = hooked.timeline(message_id)
    assert [(line["attempt"], line["status"], line["duplicate"]) for line in told] == [
        (1, "delivered", True), (2, "delivered", True)]
    resolved, = [line for line in lines(hooked, message_id) if line["event"] == "resolved"]
    assert (resolved["by"], resolved["as"]) == ("policy:resend", "resend")
