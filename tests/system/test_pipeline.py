"""The steps around the Graph call: quota, credentials, waiting and not waiting, storing with the
Conversation Service - each branch, and what happens when a neighbour is down."""

import concurrent.futures
import json
import time

import pytest

from harness.api import SEND, new_message, status_path
from harness.process import free_port
from harness.shape import assert_problem
from harness.wait import wait_until


def post(service, message, headers=None, seconds=70):
    """Straight to the socket: (status, body, seconds it took)."""
    began = time.monotonic()
    reply = service.ask("POST", SEND, json.dumps(message).encode(), headers, seconds)
    return reply.status, json.loads(reply.body), time.monotonic() - began


def post_all(service, messages):
    with concurrent.futures.ThreadPoolExecutor(len(messages)) as pool:
        return list(pool.map(lambda message: post(service, message), messages))


# --- quota


FAILING_CHECK = {
    "500": ("http", {"status": 500}),
    "404": ("http", {"status": 404}),
    "no JSON": ("bad_json", {}),
    "another JSON": ("http", {"status": 200, "body": "{}"}),
    "wrong type": ("http", {"status": 200, "body": '{"can_send_message":"no"}'}),
    "closed": ("cut_before", {}),
    "cut": ("cut_reply", {}),
}


@pytest.mark.parametrize("name", FAILING_CHECK)
def test_failing_quota_check_allows(quota_service, simulator, name):
    kind, behaviour = FAILING_CHECK[name]
    message = new_message()
    simulator.script("quota", message["tenant_id"], kind, **behaviour)
    status, body, _ = post(quota_service, message)
    assert status == 200, body
    # A passing check after it, so that failures never come five in a row.
    assert post(quota_service, new_message())[0] == 200
    warnings = quota_service.events("quota_unchecked", tenant_id=message["tenant_id"])
    assert [line["level"] for line in warnings] == ["warning"]


@pytest.fixture(scope="module")
def quota_service(new_module_service):
    return new_module_service(WORKERS=1)


def test_hanging_quota_check_is_waited_for_a_second(new_service, simulator):
    service = new_service(QUOTA_TIMEOUT_MS=1000)
    message = new_message()
    simulator.script("quota", message["tenant_id"], "hang")
    status, body, seconds = post(service, message)
    assert status == 200, body
    assert 1.0 <= seconds < 1.8


def test_quota_check_is_skipped_after_five_failures(new_service, simulator):
    """The service is down: the sixth caller does not wait for it, and is warned of once a
    second; when it is back it counts again."""
    service = new_service(WORKERS=1, QUOTA_TIMEOUT_MS=300)
    tenant = new_message()["tenant_id"]
    simulator.script("quota", tenant, "hang")
    for _ in range(5):
        assert post(service, new_message(tenant_id=tenant))[0] == 200
    before = simulator.counts()["quota"]
    warned = len(service.events("quota_unchecked"))
    assert warned == 5, "each failure is warned of"
    began = time.monotonic()
    results = [post(service, new_message(tenant_id=tenant)) for _ in range(20)]
    lasted = time.monotonic() - began
    assert [status for status, _, _ in results] == [200] * 20
    assert sum(seconds < 0.25 for _, _, seconds in results) >= 20 - 1 - lasted
    assert simulator.counts()["quota"] - before <= 1 + lasted
    # Those that were skipped: one warning a second; besides, the probes that failed.
    warned = len(service.events("quota_unchecked")) - warned
    assert 1 <= warned <= 2 * (1 + lasted)

    simulator.script("quota", tenant, "deny")
    wait_until(lambda: post(service, new_message(tenant_id=tenant))[0] == 429, 5,
               "the quota counts again")


def test_identical_quota_checks_in_flight_are_one(new_service, simulator):
    service = new_service(WORKERS=1)
    tenant = new_message()["tenant_id"]
    simulator.script("quota", tenant, "ok", latency_ms=700)
    before = simulator.counts()["quota"]
    results = post_all(service, [new_message(tenant_id=tenant) for _ in range(10)])
    assert [status for status, _, _ in results] == [200] * 10
    assert simulator.counts()["quota"] - before == 1


def test_quota_is_asked_for_every_message_by_default(new_service, simulator):
    service = new_service(WORKERS=1)
    message = new_message()
    before = simulator.counts()["quota"]
    for _ in range(3):
        assert post(service, {**message, "to": new_message()["to"]})[0] == 200
    assert simulator.counts()["quota"] - before == 3


def test_quota_cache(new_service, simulator):
    service = new_service(WORKERS=1, QUOTA_CACHE_SECONDS=30)
    message = new_message()
    before = simulator.counts()["quota"]
    for _ in range(3):
        assert post(service, {**message, "to": new_message()["to"]})[0] == 200
    assert simulator.counts()["quota"] - before == 1


# --- credentials


def test_identical_lookups_in_flight_are_one(new_service, simulator):
    service = new_service(WORKERS=1)
    message = new_message()
    simulator.script("outlet", message["outlet_id"], "ok", latency_ms=700)
    before = simulator.counts()["outlet"]
    results = post_all(service, [{**message, "to": new_message()["to"]} for _ in range(10)])
    assert [status for status, _, _ in results] == [200] * 10
    assert simulator.counts()["outlet"] - before == 1


def test_credentials_are_cached(new_service, simulator):
    service = new_service(WORKERS=1)
    message = new_message()
    before = simulator.counts()["outlet"]
    for _ in range(3):
        assert post(service, {**message, "to": new_message()["to"]})[0] == 200
    assert simulator.counts()["outlet"] - before == 1


def test_credentials_of_one_tenant_are_not_anothers(new_service, simulator):
    service = new_service(WORKERS=1)
    outlet = new_message()["outlet_id"]
    before = simulator.counts()["outlet"]
    for _ in range(2):
        assert post(service, new_message(outlet_id=outlet))[0] == 200
    assert simulator.counts()["outlet"] - before == 2


def test_stale_credentials_serve_while_the_service_is_down(new_service, simulator):
    service = new_service(WORKERS=1, CREDENTIALS_CACHE_SECONDS=1)
    message = new_message()
    assert post(service, message)[0] == 200
    simulator.script("outlet", message["outlet_id"], "http", status=503)
    before = simulator.counts()["outlet"]

    def asked_again():
        status, body, _ = post(service, {**message, "to": new_message()["to"]})
        assert status == 200, body
        return simulator.counts()["outlet"] > before

    wait_until(asked_again, 10, "the cached credentials ran out")
    assert post(service, {**message, "to": new_message()["to"]})[0] == 200


UNUSABLE = {
    "500": ("http", {"status": 500}),
    "no JSON": ("bad_json", {}),
    "no token": ("http", {"status": 200, "body": '{"id":"x","waba_phone_number_id":"1"}'}),
    "empty token": ("http", {"status": 200, "body":
                             '{"id":"x","waba_phone_number_id":"1","waba_access_token":""}'}),
    "token with a line end": ("http", {"status": 200, "body":
                                       '{"id":"x","waba_phone_number_id":"1",'
                                       '"waba_access_token":"a\\r\\nX-Evil: 1"}'}),
    "number that is a path": ("http", {"status": 200, "body":
                                       '{"id":"x","waba_phone_number_id":"1/../2",'
                                       '"waba_access_token":"EAAG"}'}),
    "unknown outlet": ("http", {"status": 404}),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_no_credentials_at_all(api, simulator, name):
    """A caller who waits is told that it failed, and nothing was sent."""
    kind, behaviour = UNUSABLE[name]
    message = new_message()
    simulator.script("outlet", message["outlet_id"], kind, **behaviour)
    assert_problem(api.send(message), 500, "send_failed", "SEND_FAILED")
    assert simulator.recipient(message["to"])["calls"] == 0


def test_no_credentials_for_now_keeps_an_asynchronous_message(api, simulator, database):
    message = new_message()
    simulator.script("outlet", message["outlet_id"], "http", status=503, times=2)
    answer = api.send(message, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    database.wait_state(answer.json()["message_id"], "sent", 30)


def test_changed_token_is_used_after_a_token_error(api, simulator, database):
    """Code 190: the credentials are looked up once more; a new token is tried at once."""
    message = new_message()
    simulator.script("outlet", message["outlet_id"], "ok", token="EAAGold", times=1)
    assert api.send({**message, "to": new_message()["to"]}).status_code == 200
    simulator.script("outlet", message["outlet_id"], "ok", token="EAAGnew")
    simulator.script("graph", message["to"], "error", code=190, status=401, times=1)
    answer = api.send(message)
    assert answer.status_code == 200, answer.text
    assert simulator.recipient(message["to"])["calls"] == 2
    outcomes = [row["outcome"] for row in database.attempts(answer.json()["message_id"])]
    assert outcomes == ["refused", "accepted"]
    assert simulator.last("graph")["headers"]["authorization"] == "Bearer EAAGnew"


def test_unchanged_token_is_not_tried_again(new_service, simulator):
    service = new_service(WORKERS=1)
    message = new_message()
    assert post(service, {**message, "to": new_message()["to"]})[0] == 200
    simulator.script("graph", message["to"], "error", code=190, status=401)
    before = simulator.counts()["outlet"]
    status, body, _ = post(service, message)
    assert (status, body["code"]) == (500, "SEND_FAILED"), body
    assert "190" in json.dumps(body["details"])
    assert simulator.recipient(message["to"])["calls"] == 1
    assert simulator.counts()["outlet"] - before == 1


# --- waiting


def test_the_wait_runs_out(new_service, simulator):
    """202, and the message goes on: the caller learns the rest from its status."""
    service = new_service(SYNC_WAIT_SECONDS=2)
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=4000)
    began = time.monotonic()
    reply = service.ask("POST", SEND, json.dumps(message).encode())
    assert 2 <= time.monotonic() - began < 2.6
    body = json.loads(reply.body)
    assert reply.status == 202, body
    assert body["status"] == "queued" and body["whatsapp_message_id"] is None
    assert body["state_detail"] not in ("", "outcome_unknown")
    assert reply.headers["location"].endswith(status_path(body["message_id"]))
    service.database.wait_state(body["message_id"], "sent")
    assert simulator.recipient(message["to"])["calls"] == 1


def test_the_wait_runs_out_between_attempts(new_service, simulator):
    service = new_service(SYNC_WAIT_SECONDS=2)
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131016, status=500, times=2)
    status, body, _ = post(service, message)
    assert status == 202, body
    assert body["state_detail"] == "retrying"
    row = service.database.wait_state(body["message_id"], "sent", 15)
    assert row["attempts"] == 3


def test_asynchronous_is_answered_before_the_call_ends(api, simulator, database):
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=2000)
    began = time.monotonic()
    answer = api.send(message, headers={"Prefer": "respond-async"})
    assert time.monotonic() - began < 1
    assert answer.status_code == 202
    message_id = answer.json()["message_id"]
    assert database.message(message_id) is not None
    database.wait_state(message_id, "sent")


@pytest.mark.parametrize("prefer", ["respond-async", "Respond-Async", "wait=0, respond-async",
                                    "respond-async; x=1"])
def test_prefer_spellings(api, prefer):
    assert api.send(new_message(), headers={"Prefer": prefer}).status_code == 202


@pytest.mark.parametrize("prefer", ["wait=5", "wait=5, respond-async", "respond-asynchronously",
                                    "", "return=minimal"])
def test_other_preferences_wait(api, prefer):
    assert api.send(new_message(), headers={"Prefer": prefer}).status_code == 200


def test_asynchronous_quota_is_checked_at_once(api, simulator):
    message = new_message()
    simulator.script("quota", message["tenant_id"], "deny")
    assert api.send(message, headers={"Prefer": "respond-async"}).status_code == 429


def test_asynchronous_failure_shows_in_the_status(api, simulator, database):
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131026, status=400)
    message_id = api.send(message, headers={"Prefer": "respond-async"}).json()["message_id"]
    database.wait_state(message_id, "failed")
    body = api.status(message_id).json()
    assert body["status"] == "failed" and body["failure_reason"]


def test_messages_to_one_recipient_keep_their_order(api, simulator, database):
    """The second waits while the first is between its attempts."""
    first = new_message()
    second = {**first, "message": "second"}
    simulator.script("graph", first["to"], "error", code=131016, status=500, times=1)
    ids = [api.send(message, headers={"Prefer": "respond-async"}).json()["message_id"]
           for message in (first, second)]
    rows = [database.wait_state(message_id, "sent", 15) for message_id in ids]
    assert rows[0]["sent_at"] <= rows[1]["sent_at"]
    assert simulator.recipient(first["to"])["calls"] == 3
    assert [row["attempts"] for row in rows] == [2, 1]


def test_no_work_is_left_of_a_finished_message(api, database):
    message_id = api.send(new_message()).json()["message_id"]
    wait_until(lambda: not database.work(message_id), 5, "the work row is gone")


# --- storing with the Conversation Service


def stored(simulator, message_id):
    """How often the Conversation Service took the message."""
    return simulator.message(message_id)["stored"]


def posts(simulator, message_id):
    """How often it was asked to."""
    return simulator.message(message_id)["conversation"]


def test_stored_before_the_answer(api, simulator):
    message_id = api.send(new_message()).json()["message_id"]
    assert stored(simulator, message_id) == 1


def test_refusing_conversation_service(api, simulator, service):
    """Warn and go on: the customer has the message.  It is stored later."""
    message = new_message()
    simulator.script("conversation", message["conversation_id"], "http", status=500, times=2)
    answer = api.send(message)
    assert answer.status_code == 200, answer.text
    message_id = answer.json()["message_id"]
    wait_until(lambda: stored(simulator, message_id) == 1, 20, "it is stored later")
    assert simulator.last("conversation")["headers"]["idempotency-key"] == message_id
    assert [line for line in service.lines_about(message_id) if line["level"] == "warning"]


def test_hanging_conversation_service_is_waited_for_a_second(new_service, simulator):
    service = new_service()
    message = new_message()
    simulator.script("conversation", message["conversation_id"], "ok", latency_ms=3000)
    status, body, seconds = post(service, message)
    assert status == 200, body
    assert 1.0 <= seconds < 1.8
    message_id = body["message_id"]
    wait_until(lambda: not service.database.work(message_id), 10, "the call ran on to its end")
    assert stored(simulator, message_id) == 1
    assert posts(simulator, message_id) == 1, "repeated only when it has failed"


def test_unreachable_conversation_service(new_service):
    service = new_service(CONVERSATION_SERVICE_URL=f"http://127.0.0.1:{free_port()}")
    status, body, seconds = post(service, new_message())
    assert status == 200, body
    assert seconds < 2
    row = service.database.work(body["message_id"])
    assert len(row) == 1, "it is remembered that it has to be stored"


def test_storing_survives_a_restart(new_service, simulator):
    service = new_service()
    message = new_message()
    simulator.script("conversation", message["conversation_id"], "http", status=503)
    status, body, _ = post(service, message)
    assert status == 200, body
    assert service.stop() == 0
    assert stored(simulator, body["message_id"]) == 0
    simulator.script("conversation", message["conversation_id"], "ok")
    service.start()
    wait_until(lambda: stored(simulator, body["message_id"]) == 1, 40, "it is stored later")
    assert simulator.last("conversation")["headers"]["idempotency-key"] == body["message_id"]
    wait_until(lambda: not service.database.work(body["message_id"]), 5, "the work is done")
    assert simulator.recipient(message["to"])["calls"] == 1


def test_message_settled_without_its_caller_is_stored(new_service, simulator):
    service = new_service(SYNC_WAIT_SECONDS=1)
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=2500)
    status, body, _ = post(service, message)
    assert status == 202, body
    wait_until(lambda: stored(simulator, body["message_id"]) == 1, 10, "it is stored")


def test_failed_message_is_not_stored(api, simulator):
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131026, status=400)
    message_id = api.send(message).json()["message_id"]
    assert posts(simulator, message_id) == 0


# --- a tenant service that is down altogether


def test_tenant_service_down(new_service, simulator):
    """Quota: allowed.  Credentials: none at hand, so a caller who waits is told."""
    service = new_service(TENANT_SERVICE_URL=f"http://127.0.0.1:{free_port()}")
    message = new_message()
    status, body, seconds = post(service, message)
    assert (status, body["code"]) == (500, "SEND_FAILED"), body
    assert simulator.recipient(message["to"])["calls"] == 0
    assert seconds < 8
