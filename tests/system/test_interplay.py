"""Two mechanisms at once: a held token and lanes that move, a pause and a policy."""

import itertools
import os
import signal

import pytest

from harness.api import new_message
from harness.wait import wait_until
from test_holds import cli, held
from test_lanes import post_async
from test_settling import Lost

NUMBER = itertools.count(800000000000000)


@pytest.mark.parametrize("how", ["killed", "reloaded"])
def test_the_probe_of_a_token_is_under_way_when_its_lane_moves(new_service, simulator, how):
    """Nobody sends it a second time, and the hold ends all the same: by the probe's outcome, which
    its worker records whoever has the lane, or, when that is lost, by another probe."""
    service = new_service(WORKERS=1, TOKEN_PROBE_SECONDS=1, UNKNOWN_POLICY="hold")
    database, number = service.database, str(next(NUMBER))
    outlet = new_message()
    simulator.script("outlet", outlet["outlet_id"], "ok", number=number, token="t")
    messages = [{**outlet, "to": new_message()["to"]} for _ in range(4)]
    ids = [post_async(service, message) for message in messages]
    wait_until(lambda: held(database) == 4, 10, "all are held")
    for message in messages:
        simulator.script("graph", message["to"], "ok", latency_ms=1500)
    simulator.script("outlet", outlet["outlet_id"], "ok", number=number)
    probe = wait_until(lambda: next(
        (message_id for message_id, message in zip(ids, messages)
         if simulator.recipient(message["to"])["accepted"]), None), 10, "a probe is under way")
    assert database.message(probe)["state"] == "sending"
    for message in messages:
        simulator.script("graph", message["to"], "ok")
    if how == "killed":
        os.kill(service.workers()[0], signal.SIGKILL)
        database.wait_state(probe, "unknown", 15)
    else:
        service.reload()
    for message_id in ids:
        if (message_id, how) != (probe, "killed"):
            database.wait_state(message_id, "sent", 20)
    for message in messages:
        assert simulator.recipient(message["to"])["accepted"] <= 1
    row, = database.query("SELECT * FROM message_sender.hold")
    assert row["reason"] == "token" and row["released_by"] == "message-sender"
    assert held(database) == 0
    cli(database, "check")


def test_a_policy_decides_what_is_paused(new_service, simulator):
    """What it sends again waits for the resume."""
    service = new_service(WORKERS=1, UNKNOWN_POLICY="resend", UNKNOWN_QUARANTINE_SECONDS=1)
    lost = Lost(service, simulator)
    tenant = ("--tenant", lost.message["tenant_id"])
    cli(service.database, "pause", *tenant, "--by", "rani")
    wait_until(lambda: held(service.database) == 1, 10, "it is decided, and held")
    assert lost.decisions == [(1, "resend", "policy:resend")]
    assert "paused by rani" in lost.explained()["summary"]
    assert lost.event("waiting")["for"] == "the end of a hold"
    looked = service.database.query("SELECT clock_timestamp() AS now")[0]["now"]
    # Two looks at what is due later it waits all the same.
    wait_until(lambda: service.database.query(
        "SELECT 1 FROM message_sender.beacon WHERE ticked_at > %s + interval '2 s'", looked), 10,
        "two seconds")
    assert held(service.database) == 1 and lost.calls == 1
    cli(service.database, "resume", *tenant)
    lost.wait_state("sent")
    assert lost.calls == 2
    cli(service.database, "check")
