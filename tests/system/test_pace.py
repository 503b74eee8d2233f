"""Pace: Meta's limits are kept before Meta refuses, and nobody waits for another's backlog.

The simulator enforces Meta's throughput and pair rules (Simulator.limits) and counts what it had to
refuse; how fast messages went is what its journal says."""

import datetime
import os
import time
import uuid

import pytest

from harness import burst
from harness.api import BULK, Api, batch_path, new_message
from harness.service import command
from harness.wait import wait_until

ASYNC = {"Prefer": "respond-async"}
NUMBER_RATE = 80


def run(service, *words, status=0):
    done = command(*words, env={name: str(value) for name, value in service.settings.items()
                                 if value is not None})
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def metric(service, name):
    """The sum over the labels."""
    return sum(float(line.split()[-1]) for line in run(service, "metrics").splitlines()
               if line.startswith(f"message_sender_{name}"))


class Sender:
    """One outlet, and what it sends."""

    def __init__(self, tenant_id=None, **fields):
        self.fields = {"tenant_id": tenant_id or str(uuid.uuid4()), "outlet_id": str(uuid.uuid4()),
                       "conversation_id": None, **fields}

    @property
    def names(self):
        return self.fields["tenant_id"], self.fields["outlet_id"]

    def messages(self, count, **fields):
        return [new_message(**{**self.fields, **fields}) for _ in range(count)]


class Taken:
    """What the Graph API took, by the simulator's journal."""

    def __init__(self, path):
        self.path = path

    def times(self, ids):
        """When it took messages of these ids, in seconds."""
        wanted = set(ids)
        found = []
        for line in self.path.read_text().splitlines():
            ms, service, callback, what = line.split()[:4]
            if service == "graph" and what == "taken" and callback.split(":")[0] in wanted:
                found.append(int(ms) / 1000)
        return sorted(found)

    def all_of(self, ids, seconds=30):
        def whole():
            times = self.times(ids)
            return times if len(times) == len(ids) else None

        return wait_until(whole, seconds, f"{len(ids)} messages taken")


@pytest.fixture
def enforcing(new_simulator, work):
    """enforcing(number_rate=80, ...) starts a simulator that enforces these limits."""

    def start(**rules):
        path = work / f"journal-{uuid.uuid4().hex}"
        simulator = new_simulator(journal=path)
        simulator.taken = Taken(path)
        simulator.limits(**rules)
        return simulator

    return start


def accept(web, messages):
    """All at once; their ids, in order."""
    answers = burst.send_all(web.port, messages, headers=ASYNC)
    assert {one.status for one in answers} == {202}, [one.body for one in answers][:3]
    return [one.json()["message_id"] for one in answers]


def expect_no_refusals(simulator):
    counts = simulator.counts()
    assert counts["refused_throughput"] == 0 and counts["refused_pair"] == 0, counts
    assert counts["duplicates"] == 0


def test_numbers_are_used_up_and_never_refused(enforcing, new_service, new_web, sockets):
    """More than they may send waits for two numbers: each goes at 98 % of what Meta allows, at
    least, and Meta has nothing to refuse."""
    simulator = enforcing(number_rate=NUMBER_RATE, pair_seconds=6)
    service = new_service(simulator=simulator, NUMBER_RATE=None, PAIR_SECONDS=None,
                          MANAGEMENT_SOCKET=sockets / "pace-used-up.sock")
    senders = [Sender(), Sender()]
    mixed = [one for both in zip(*(s.messages(5 * NUMBER_RATE) for s in senders)) for one in both]
    ids = accept(new_web(service), mixed)
    for n in range(2):
        times = simulator.taken.all_of(ids[n::2])
        rate = (len(times) - 1) / (times[-1] - times[0])
        assert rate >= 0.98 * NUMBER_RATE, rate
    expect_no_refusals(simulator)
    assert metric(service, "limit_refusals_total") == 0
    assert metric(service, "pace_waits_total") > 0


@pytest.mark.skipif("PACE_RATE" not in os.environ, reason="a measurement: PACE_RATE=1000, quiet")
def test_one_number_is_used_up(enforcing, new_service, new_web):
    """The same with one number and ten seconds of work that is there before it begins."""
    rate = int(os.environ["PACE_RATE"])
    simulator = enforcing(number_rate=rate, pair_seconds=6)
    service = new_service(simulator=simulator, NUMBER_RATE=rate, PAIR_SECONDS=6)
    web = new_web(service)
    sender = Sender()
    run(service, "pause", "--tenant", sender.fields["tenant_id"])
    ids = [one for _ in range(20) for one in accept(web, sender.messages(rate // 2))]
    run(service, "resume", "--tenant", sender.fields["tenant_id"])
    times = simulator.taken.all_of(ids, seconds=60)
    reached = (len(times) - 1) / (times[-1] - times[0])
    print(f"{reached:.1f} of {rate} a second; {simulator.counts()}")
    assert reached >= 0.98 * rate, reached
    expect_no_refusals(simulator)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def within(estimated, actual, asked):
    """A fifth of the wait, and a second for a machine that is busy."""
    return abs(estimated - actual) <= 0.2 * (actual - asked) + 1


def test_who_waits_is_told_his_place_and_his_time(enforcing, new_service, new_web):
    """The last message of a bulk call that its number holds up for 6 s, and the batch's end."""
    simulator = enforcing(number_rate=NUMBER_RATE, pair_seconds=6)
    service = new_service(simulator=simulator, NUMBER_RATE=None)
    api = Api(new_web(service).url)
    sender = Sender()
    count = 6 * NUMBER_RATE
    items = [{"to": one["to"]} for one in sender.messages(count)]
    tenant_id, outlet_id = sender.names
    answer = api.request("POST", BULK, json={
        "tenant_id": tenant_id, "defaults": {"outlet_id": outlet_id, "message": "Sale!"},
        "messages": items}).json()
    ids = [result["message_id"] for result in answer["results"]]
    asked = time.time()
    told = api.get(f"/api/v1/messages/{ids[-1]}/explain").json()
    assert told["state_detail"] == "queued" and 1 < told["position"] <= count, told
    shown = run(service, "message", "explain", ids[-1])
    assert "estimated 20" in shown, shown
    simulator.taken.all_of(ids[:count // 3])
    batch_asked = time.time()
    batch = api.get(batch_path(answer["batch_id"])).json()
    end = simulator.taken.all_of(ids)[-1]
    assert within(instant(told["estimated_at"]), end, asked), (told, end)
    assert within(instant(batch["estimated_end"]), end, batch_asked), (batch, end)


def test_a_rate_that_is_set_counts_within_a_second(enforcing, new_service, new_web):
    simulator = enforcing()
    service = new_service(simulator=simulator, NUMBER_RATE=20)
    sender = Sender()
    ids = accept(new_web(service), sender.messages(150))
    began = time.time()
    assert "1000 messages a second" in run(service, "outlet", "set", *sender.names,
                                           "--number-rate", "1000")
    times = simulator.taken.all_of(ids)
    slow = [at for at in times if at <= began]
    assert len(slow) < 120, "too late to tell"
    assert times[-1] - began < 2, "it still went at 20 a second"


def test_high_and_other_tenants_do_not_wait_for_a_backlog(enforcing, new_service, new_web):
    """A number with five seconds of bulk before it, and a tenant whose rate is used up."""
    simulator = enforcing(number_rate=NUMBER_RATE)
    service = new_service(simulator=simulator, NUMBER_RATE=NUMBER_RATE, WORKERS=1)
    web = new_web(service)
    busy = Sender()
    ids = accept(web, busy.messages(5 * NUMBER_RATE, priority="bulk"))
    api = Api(web.url)
    for message in (*busy.messages(3, priority="high"), *Sender().messages(3)):
        answer = api.send(message)
        assert answer.status_code == 200, answer.text
        assert answer.elapsed.total_seconds() < 0.5
    assert len(simulator.taken.times(ids)) < 5 * NUMBER_RATE, "the backlog is gone already"
    expect_no_refusals(simulator)


def test_a_pair_waits_and_nobody_else_does(enforcing, new_service, new_web):
    """PAIR_BURST at once, the others one by one; after the start none are lent."""
    simulator = enforcing(pair_seconds=1, pair_burst=3)
    service = new_service(simulator=simulator, PAIR_SECONDS=1, PAIR_BURST=3)
    web = new_web(service)
    sender = Sender()
    one = new_message()["to"]
    ids = accept(web, sender.messages(3, to=one))
    others = accept(web, sender.messages(10))
    times = simulator.taken.all_of(ids)
    assert all(later - earlier >= 0.9 for earlier, later in zip(times, times[1:])), times
    assert simulator.taken.all_of(others)[-1] < times[1]
    time_of_start = times[0]
    wait_until(lambda: time.time() > time_of_start + 3.2, 5, "what was not lent")
    two = new_message()["to"]
    ids = accept(web, sender.messages(4, to=two))
    times = simulator.taken.all_of(ids)
    assert times[2] - times[0] < 0.9 <= times[3] - times[0], times
    expect_no_refusals(simulator)


def test_a_number_that_is_refused_all_the_same_slows_down(enforcing, new_service, new_web, sockets):
    """Meta allows less than we believe: everything is sent, and few are refused."""
    simulator = enforcing(number_rate=20)
    service = new_service(simulator=simulator, NUMBER_RATE=NUMBER_RATE,
                          MANAGEMENT_SOCKET=sockets / "pace-refused.sock")
    ids = accept(new_web(service), Sender().messages(60))
    simulator.taken.all_of(ids)
    refused = simulator.counts()["refused_throughput"]
    assert 0 < refused < 60, refused
    assert metric(service, 'limit_refusals_total{limit="throughput"}') == refused


def test_rates_are_set_shown_and_taken_back(new_service):
    service = new_service(WORKERS=1)
    tenant, outlet = Sender().names
    for rate in ("1", "80", "1000"):
        run(service, "outlet", "set", tenant, outlet, "--number-rate", rate, "--by", "rani",
            "--why", "upgraded")
        shown = run(service, "outlet", "show", tenant, outlet)
        assert f"{rate} messages a second" in shown and "rani" in shown and "upgraded" in shown
    for rate in ("0", "1001", "-1", "x", "80.5"):
        run(service, "outlet", "set", tenant, outlet, "--number-rate", rate, status=2)
    assert "NUMBER_RATE says again" in run(service, "outlet", "unset", tenant, outlet)
    assert "no rate" in run(service, "outlet", "unset", tenant, outlet)
    assert "as NUMBER_RATE says" in run(service, "outlet", "show", tenant, outlet)

    run(service, "tenant", "set", tenant, "--rate", "100000", "--weight", "100")
    run(service, "tenant", "set", tenant, "--unknown-policy", "hold")
    shown = run(service, "tenant", "show", tenant)
    assert "100000 messages a second, weight 100" in shown and "hold" in shown
    run(service, "tenant", "set", tenant, "--weight", "1")
    assert "100000 messages a second, weight 1\n" in run(service, "tenant", "show", tenant)
    assert "no limit of its own" in run(service, "tenant", "set", tenant, "--rate", "0")
    for words in (("--rate", "100001"), ("--weight", "0"), ("--weight", "101"),
                  ("--quarantine", "60"), ()):
        run(service, "tenant", "set", tenant, *words, status=2)
    assert "of the service again" in run(service, "tenant", "unset", tenant)
    assert "weight" not in run(service, "tenant", "show", tenant)
