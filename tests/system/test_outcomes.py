"""What an attempt may come to, and what follows: every behaviour of the Graph API, the exact
retry schedule, lost replies that are never sent again.

All cases run at the same time, as the long ones wait 7 s between their attempts; the looks at
them come afterwards, so that a lost message had those seconds to be sent again by mistake.  Those
that end a whole HTTP/2 connection would take others' calls with them: they have a service of their
own and run one after the other."""

import concurrent.futures
import itertools
import json
import time

import pytest

from harness.api import SEND, Api, new_message, status_path
from harness.shape import assert_problem
from harness.web import Web

# Transient: refused once, then taken.  name: (kind, behaviour)
TRANSIENT = {
    "code 2, 503": ("error", {"code": 2, "status": 503}),
    "code 1, 500": ("error", {"code": 1, "status": 500}),
    "code 131000": ("error", {"code": 131000, "status": 500}),
    "code 131016": ("error", {"code": 131016, "status": 500}),
    "code 131057": ("error", {"code": 131057, "status": 500}),
    "code 130429, 429": ("error", {"code": 130429, "status": 429}),
    "code 130429, 400": ("error", {"code": 130429, "status": 400}),
    "code 131056": ("error", {"code": 131056, "status": 400}),
    "code 4": ("error", {"code": 4, "status": 429}),
    "code 80007": ("error", {"code": 80007, "status": 429}),
    "unknown code, 500": ("error", {"code": 999999, "status": 500}),
    "500": ("http", {"status": 500}),
    "503": ("http", {"status": 503}),
    "429": ("http", {"status": 429}),
}

# Permanent: one call, 500 send_failed.
PERMANENT = {
    "code 100": ("error", {"code": 100, "status": 400}),
    "code 131008": ("error", {"code": 131008, "status": 400}),
    "code 131026": ("error", {"code": 131026, "status": 400}),
    "code 131047": ("error", {"code": 131047, "status": 400}),
    "code 131051": ("error", {"code": 131051, "status": 400}),
    "code 368": ("error", {"code": 368, "status": 403}),
    "code 131031": ("error", {"code": 131031, "status": 403}),
    "code 10": ("error", {"code": 10, "status": 403}),
    "code 3, though 500": ("error", {"code": 3, "status": 500}),
    "code 131045, though 500": ("error", {"code": 131045, "status": 500}),
    "code 133010": ("error", {"code": 133010, "status": 400}),
    "code 1, though 400": ("error", {"code": 1, "status": 400}),
    "unknown code, 400": ("error", {"code": 999999, "status": 400}),
    "400": ("http", {"status": 400}),
    "401": ("http", {"status": 401}),
    "403": ("http", {"status": 403}),
    "404": ("http", {"status": 404}),
}

# The reply is lost: 202, unknown, one call.
LOST = {
    "reply dropped": ("drop_reply", {}),
    "cut before it was taken": ("cut_before", {}),
    "reply cut": ("cut_reply", {}),
    "502 of a gateway": ("html_502", {}),
    "504 of a gateway": ("html_504", {}),
    "2xx without id": ("no_id", {}),
    "2xx that is no JSON": ("bad_json", {}),
    "never answered": ("hang", {}),
    "408": ("http", {"status": 408}),
    "501": ("http", {"status": 501}),
}

# The same when the whole connection ends instead of one stream.
CLOSED = {
    "closed after it was taken": ("drop_reply", {"how": "close"}),
    "closed before it was taken": ("cut_before", {"how": "close"}),
    "closed in the reply": ("cut_reply", {"how": "close"}),
}

# HTTP/2's ways to say "not taken": sent in the end, or unknown, never twice.
NOT_TAKEN = {
    "REFUSED_STREAM": ("refused_stream", {}),
    "GOAWAY": ("goaway", {}),
}

FAILING = {"for ever": ("error", {"code": 131016, "status": 500})}
TWICE_THEN_OK = {"twice": ("error", {"code": 131016, "status": 500, "times": 2})}

CASES = {
    **{name: (kind, {"times": 1, **more}) for name, (kind, more) in
       {**TRANSIENT, **NOT_TAKEN}.items()},
    **PERMANENT, **LOST, **CLOSED, **FAILING, **TWICE_THEN_OK,
}
APART = ["GOAWAY", *CLOSED]


class Result:
    def __init__(self, service, message, answer, seconds):
        self.service = service
        self.message = message
        self.answer = answer
        self.seconds = seconds
        self.message_id = answer.json().get("message_id")


@pytest.fixture(scope="module")
def outcomes(new_module_service, simulator, web_kind, work):
    """Results by the name of their case."""
    service = new_module_service(REQUEST_TIMEOUT_SECONDS=3)
    apart = new_module_service()
    server = Web(web_kind, work, "web-outcomes", service.socket)
    server_apart = Web(web_kind, work, "web-outcomes-apart", apart.socket)

    def send(name, service=service, server=server):
        kind, behaviour = CASES[name]
        message = new_message()
        simulator.script("graph", message["to"], kind, **behaviour)
        began = time.monotonic()
        answer = Api(server.url).send(message)
        return Result(service, message, answer, time.monotonic() - began)

    together = [name for name in CASES if name not in APART]
    with concurrent.futures.ThreadPoolExecutor(len(together)) as pool:
        answers = pool.map(send, together)
        results = {name: send(name, apart, server_apart) for name in APART}
        results.update(zip(together, answers))
    server.stop()
    server_apart.stop()
    yield results


@pytest.fixture
def case(outcomes, simulator):
    def get(name):
        result = outcomes[name]
        database = result.service.database
        result.seen = simulator.recipient(result.message["to"])
        result.attempts = database.attempts(result.message_id)
        result.row = database.message(result.message_id)
        return result

    return get


@pytest.mark.parametrize("name", TRANSIENT)
def test_transient_is_tried_again(case, name):
    result = case(name)
    assert result.answer.status_code == 200, result.answer.text
    assert result.seen["calls"] == 2
    assert [row["outcome"] for row in result.attempts] == ["refused", "accepted"]
    assert result.row["state"] == "sent"
    assert result.seconds >= 1


@pytest.mark.parametrize("name", PERMANENT)
def test_permanent_fails_at_once(case, name):
    result = case(name)
    body = assert_problem(result.answer, 500, "send_failed", "SEND_FAILED")
    assert result.seen["calls"] == 1
    assert [row["outcome"] for row in result.attempts] == ["refused"]
    assert result.row["state"] == "failed"
    code = PERMANENT[name][1].get("code")
    if code:
        assert str(code) in str(body["details"])
        assert result.attempts[0]["code"] == code
    assert result.attempts[0]["http_status"] == PERMANENT[name][1]["status"]


@pytest.mark.parametrize("name", [*LOST, *CLOSED])
def test_lost_reply_is_unknown_and_never_sent_again(case, name):
    result = case(name)
    assert result.answer.status_code == 202, result.answer.text
    body = result.answer.json()
    assert body["state_detail"] == "outcome_unknown"
    assert body["status"] == "queued"
    assert body["whatsapp_message_id"] is None
    assert result.answer.headers["Location"].endswith(f"/{result.message_id}/status")
    assert result.seen["calls"] == 1
    assert [row["outcome"] for row in result.attempts] == ["lost"]
    assert result.row["state"] == "unknown"
    assert result.row["wamid"] in (None, "")


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_not_taken_is_never_sent_twice(case, name):
    result = case(name)
    assert result.seen["accepted"] <= 1
    assert result.attempts[0]["outcome"] in ("not_sent", "lost")
    if result.attempts[0]["outcome"] == "not_sent":
        assert result.answer.status_code == 200, result.answer.text
        assert result.seen["accepted"] == 1
    else:
        assert result.answer.status_code == 202, result.answer.text
        assert result.answer.json()["state_detail"] == "outcome_unknown"
        assert result.seen["calls"] == 1


def test_status_of_an_unknown_message(case):
    """It shows as queued, with the exact state beside it."""
    result = case("reply dropped")
    body = json.loads(result.service.ask("GET", status_path(result.message_id)).body)
    assert (body["status"], body["state_detail"]) == ("queued", "outcome_unknown")


def assert_schedule(times_ms, waits):
    """Each wait as ordered; jitter lengthens by at most 10 %, the machine by a little."""
    gaps = [(after - before) / 1000 for before, after in itertools.pairwise(times_ms)]
    assert len(gaps) == len(waits), gaps
    for gap, wait in zip(gaps, waits):
        assert wait <= gap <= wait * 1.1 + 0.35, f"{gaps} for {waits}"


def test_retries_used_up(case):
    """At once, then after 1, 2 and 4 s; then a final failure."""
    result = case("for ever")
    assert_problem(result.answer, 500, "send_failed", "SEND_FAILED")
    assert result.seen["calls"] == 4
    assert_schedule(result.seen["times_ms"], [1, 2, 4])
    assert [row["outcome"] for row in result.attempts] == ["refused"] * 4
    assert [row["attempt"] for row in result.attempts] == [1, 2, 3, 4]
    assert result.row["state"] == "failed"


def test_third_attempt_succeeds(case):
    result = case("twice")
    assert result.answer.status_code == 200, result.answer.text
    assert_schedule(result.seen["times_ms"], [1, 2])
    assert result.row["attempts"] == 3


def test_every_attempt_names_itself(case, simulator):
    """Meta's callback string is "<message_id>:<attempt>"."""
    result = case("twice")
    assert simulator.message(result.message_id)["attempts"] == [
        f"{result.message_id}:{attempt}" for attempt in (1, 2, 3)]


def test_schedule_follows_the_settings(new_service, simulator):
    service = new_service(MAX_RETRIES=4, INITIAL_BACKOFF_SECONDS=1, MAX_BACKOFF_SECONDS=2)
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131016, status=500)
    reply = service.ask("POST", SEND, json.dumps(message).encode())
    assert reply.status == 500
    assert_schedule(simulator.recipient(message["to"])["times_ms"], [1, 2, 2, 2])


def test_no_retries(new_service, simulator):
    service = new_service(MAX_RETRIES=0)
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131016, status=500)
    reply = service.ask("POST", SEND, json.dumps(message).encode())
    assert reply.status == 500
    assert simulator.recipient(message["to"])["calls"] == 1


def test_ambiguous_5xx_may_be_unknown(new_service, simulator):
    service = new_service(GRAPH_AMBIGUOUS_5XX="unknown")
    for behaviour in ({"kind": "error", "code": 131000, "status": 500},
                      {"kind": "http", "status": 503}):
        message = new_message()
        simulator.script("graph", message["to"], **behaviour)
        reply = service.ask("POST", SEND, json.dumps(message).encode())
        assert reply.status == 202, reply.body
        assert json.loads(reply.body)["state_detail"] == "outcome_unknown"
        assert simulator.recipient(message["to"])["calls"] == 1


def test_graph_unreachable(new_service):
    """Never reached Meta: tried again as ordered, then failed, and nothing is unknown."""
    service = new_service(GRAPH_API_URL="https://127.0.0.1:1", MAX_RETRIES=1)
    message = new_message()
    reply = service.ask("POST", SEND, json.dumps(message).encode())
    assert reply.status == 500, reply.body
    message_id = json.loads(reply.body)["message_id"]
    assert [row["outcome"] for row in service.database.attempts(message_id)] == ["not_sent"] * 2


def test_failures_are_logged_with_context_and_without_secrets(case, work):
    result = case("code 131026")
    text = "\n".join(log.read_text() for log in work.glob("service-*.log"))
    lines = [line for line in text.splitlines() if result.message_id in line]
    assert any("131026" in line and result.message["tenant_id"] in line for line in lines), lines
    assert result.message["to"] not in text
    assert result.message["message"] not in text
    assert "EAA" not in text
