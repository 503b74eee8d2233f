"""Idempotency-Key: one message and one answer, whoever repeats the request, when and where."""

import asyncio
import concurrent.futures
import json
import os
import signal
import socket
import time
import uuid

import psycopg
import pytest

from harness.api import SEND, new_message, status_path
from harness.burst import request
from harness.shape import assert_invalid, assert_problem
from harness.wait import wait_until

REPLAYED = "Idempotency-Replayed"


def new_key():
    return str(uuid.uuid4())


def body_of(message):
    return json.dumps(message).encode()


def repeat(api, message, key, **headers):
    return api.send_raw(body_of(message), {"Idempotency-Key": key, **headers})


def direct(service, message, key, headers=None, seconds=70):
    """Straight to the socket, so that any of the workers may get it."""
    return service.ask("POST", SEND, body_of(message),
                       {"Idempotency-Key": key, **(headers or {})}, seconds)


def assert_again(first, again):
    """Byte for byte, and marked."""
    assert again.status_code == first.status_code, again.text
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers.get("Location") == first.headers.get("Location")
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"


def keys(database, tenant):
    return database.query("SELECT * FROM message_sender.idempotency_key WHERE tenant_id = %s",
                          tenant)


# --- the first answer again


def test_200_again(api, simulator, database):
    message, key = new_message(), new_key()
    first = repeat(api, message, key)
    assert first.status_code == 200, first.text
    before = simulator.calls()
    for _ in range(3):
        assert_again(first, repeat(api, message, key))
    assert simulator.calls() == before, "no neighbour was asked again"
    assert len(database.messages(message["tenant_id"])) == 1
    row = keys(database, message["tenant_id"])[0]
    assert (row["answer_status"], row["answer_body"]) == (200, first.text)
    assert (row["expires_at"] - row["created_at"]).days == 7


def test_202_again(api, simulator, database):
    """Also when the message has been sent meanwhile: the answer is the first one."""
    message, key = new_message(), new_key()
    first = repeat(api, message, key, Prefer="respond-async")
    assert first.status_code == 202, first.text
    assert_again(first, repeat(api, message, key, Prefer="respond-async"))
    database.wait_state(first.json()["message_id"], "sent")
    assert_again(first, repeat(api, message, key))
    assert simulator.recipient(message["to"])["calls"] == 1


def test_202_of_a_wait_that_ran_out_again(api, simulator, database):
    message, key = new_message(), new_key()
    simulator.script("graph", message["to"], "ok", latency_ms=2500)
    first = repeat(api, message, key, Prefer="wait=1")
    assert first.status_code == 202, first.text
    assert_again(first, repeat(api, message, key))
    database.wait_state(first.json()["message_id"], "sent")
    assert_again(first, repeat(api, message, key))


def test_500_again(api, simulator):
    message, key = new_message(), new_key()
    simulator.script("graph", message["to"], "error", code=131026, times=1)
    first = repeat(api, message, key)
    assert_problem(first, 500, "send_failed", "SEND_FAILED")
    assert_again(first, repeat(api, message, key))
    assert simulator.recipient(message["to"])["calls"] == 1


def test_500_without_credentials_again(api, simulator):
    message, key = new_message(), new_key()
    simulator.script("outlet", message["outlet_id"], "http", status=404, times=1)
    first = repeat(api, message, key)
    assert_problem(first, 500, "send_failed", "SEND_FAILED")
    assert_again(first, repeat(api, message, key))
    assert simulator.recipient(message["to"])["calls"] == 0


def test_lost_reply_again(api, simulator):
    """What is in doubt is not sent again for the asking."""
    message, key = new_message(), new_key()
    simulator.script("graph", message["to"], "cut_reply")
    first = repeat(api, message, key)
    assert first.status_code == 202 and first.json()["state_detail"] == "outcome_unknown"
    assert_again(first, repeat(api, message, key))
    assert simulator.recipient(message["to"])["calls"] == 1


def test_quoted_and_bare_are_the_same(api):
    message, key = new_message(), new_key()
    first = repeat(api, message, f'"{key}"')
    assert_again(first, repeat(api, message, key))


def test_another_key_is_another_message(api, simulator):
    message = new_message()
    first, second = repeat(api, message, new_key()), repeat(api, message, new_key())
    assert first.json()["message_id"] != second.json()["message_id"]
    assert simulator.recipient(message["to"])["calls"] == 2


def test_without_key_nothing_is_kept(api, database):
    message = new_message()
    first, second = api.send(message), api.send(message)
    assert first.json()["message_id"] != second.json()["message_id"]
    assert REPLAYED not in second.headers
    assert keys(database, message["tenant_id"]) == []


def test_tenants_do_not_share_keys(api, simulator):
    key = new_key()
    one, two = new_message(), new_message()
    first, second = repeat(api, one, key), repeat(api, two, key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert REPLAYED not in second.headers
    assert_again(first, repeat(api, one, key))
    assert_again(second, repeat(api, two, key))


# --- another body, a bad key


def test_another_body(api, simulator, database):
    """Every byte counts, also one that means nothing."""
    message, key = new_message(), new_key()
    body = body_of(message)
    assert api.send_raw(body, {"Idempotency-Key": key}).status_code == 200
    mutants = [body + b" ", b" " + body, body.replace(b"Hello", b"hello"),
               body_of({**message, "to": new_message()["to"]}),
               body_of(dict(reversed(message.items())))]
    for mutant in mutants:
        answer = api.send_raw(mutant, {"Idempotency-Key": key})
        assert_problem(answer, 422, "idempotency_key_reused", "IDEMPOTENCY_KEY_REUSED")
        assert REPLAYED not in answer.headers
    assert len(database.messages(message["tenant_id"])) == 1
    assert api.send_raw(body, {"Idempotency-Key": key}).headers[REPLAYED] == "true"


@pytest.mark.parametrize("key", ["k", "k" * 254, "k" * 255, '"' + "k" * 255 + '"', "!~,;=\\"])
def test_keys_that_are_keys(api, key):
    message = new_message()
    first = repeat(api, message, key)
    assert first.status_code == 200, first.text
    assert_again(first, repeat(api, message, key))


@pytest.mark.parametrize("key", ['""', "k" * 256, '"' + "k" * 256 + '"', "two words", '"open',
                                 '"a" "b"', "caf\xe9"])
def test_keys_that_are_none(api, database, key):
    message = new_message()
    answer = repeat(api, message, key)
    assert_invalid(answer, "Idempotency-Key")
    assert database.messages(message["tenant_id"]) == []


def test_an_invalid_request_does_not_use_up_its_key(api):
    message, key = new_message(), new_key()
    assert_invalid(repeat(api, {**message, "to": "nobody"}, key), "to")
    first = repeat(api, message, key)
    assert first.status_code == 200 and REPLAYED not in first.headers


# --- quota


def test_replay_comes_before_the_quota(api, simulator):
    message, key = new_message(), new_key()
    first = repeat(api, message, key)
    simulator.script("quota", message["tenant_id"], "deny")
    assert_again(first, repeat(api, message, key))
    assert repeat(api, message, new_key()).status_code == 429


def test_a_429_is_not_kept(api, simulator):
    message, key = new_message(), new_key()
    simulator.script("quota", message["tenant_id"], "deny", times=1)
    assert repeat(api, message, key).status_code == 429
    first = repeat(api, message, key)
    assert first.status_code == 200 and REPLAYED not in first.headers


# --- at the same time


def test_while_the_first_runs(new_service, simulator):
    """409 with Retry-After, from every worker; then the answer."""
    service = new_service(WORKERS=2)
    message, key = new_message(), new_key()
    simulator.script("graph", message["to"], "ok", latency_ms=1500)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(direct, service, message, key)
        wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
        for _ in range(10):
            reply = direct(service, message, key)
            assert reply.status == 409
            assert json.loads(reply.body)["code"] == "IDEMPOTENCY_KEY_IN_USE"
            assert int(reply.headers["retry-after"]) >= 1
        other = direct(service, {**message, "message": "other"}, key)
        assert other.status == 422
        first = running.result()
    assert first.status == 200
    for _ in range(10):
        again = direct(service, message, key)
        assert (again.status, again.body) == (200, first.body)
        assert again.headers["idempotency-replayed"] == "true"
    assert simulator.recipient(message["to"])["calls"] == 1


@pytest.mark.parametrize("count, more", [(500, {}), (100, {"Prefer": "respond-async"})])
def test_50_at_once_of_each_key(web, simulator, database, count, more):
    """500 keys: exactly 500 messages."""
    requests = [(new_message(), new_key()) for _ in range(count)]
    tenants = [message["tenant_id"] for message, _ in requests]

    async def all_of(message, key):
        return await asyncio.gather(*(
            request(web.port, "POST", SEND, body_of(message), {"Idempotency-Key": key, **more})
            for _ in range(50)))

    async def run():
        answers = []
        for start in range(0, len(requests), 10):
            answers += await asyncio.gather(*(all_of(*each)
                                              for each in requests[start:start + 10]))
        return answers

    for (message, key), answers in zip(requests, asyncio.run(run())):
        good = {answer.body for answer in answers if answer.status in (200, 202)}
        assert {answer.status for answer in answers} <= {200, 202, 409}
        assert len(good) == 1, good
        firsts = [answer for answer in answers if answer.status in (200, 202)
                  and "idempotency-replayed" not in answer.headers]
        assert len(firsts) == 1
        for answer in answers:
            if answer.status == 409:
                assert int(answer.headers["retry-after"]) >= 1

    rows = database.query("SELECT tenant_id, count(*) AS n FROM message_sender.message"
                          " WHERE tenant_id = ANY (%s) GROUP BY 1", tenants)
    assert [row["n"] for row in rows] == [1] * count
    for message, _ in requests:
        wait_until(lambda: simulator.recipient(message["to"])["accepted"] == 1, 10, "sent")
        assert simulator.recipient(message["to"])["calls"] == 1


# --- after a restart, a crash


def test_after_a_restart_and_from_another_worker(new_service):
    service = new_service(WORKERS=2)
    message, key = new_message(), new_key()
    first = direct(service, message, key)
    assert first.status == 200
    for restart in (service.reload, lambda: (service.stop(), service.start())):
        workers = service.workers()
        restart()
        wait_until(lambda: not set(workers) & set(service.workers()), 20, "new workers")
        wait_until(service.healthy, 10, "healthy")
        for _ in range(8):
            again = direct(service, message, key)
            assert (again.status, again.body) == (200, first.body)


def test_after_a_restart_of_the_database(own_postgres, new_service, simulator):
    service = new_service(database=own_postgres.database())
    message, key = new_message(), new_key()
    first = direct(service, message, key)
    assert first.status == 200
    own_postgres.stop(signal.SIGQUIT)
    assert direct(service, message, key).status == 503
    own_postgres.start()
    again = wait_until(lambda: (lambda reply: reply if reply.status != 503 else None)(
        direct(service, message, key)), 10, "it is back")
    assert (again.status, again.body) == (200, first.body)
    assert simulator.recipient(message["to"])["calls"] == 1


def test_an_answer_that_was_never_given(new_service, simulator):
    """The worker dies between commit and answer.  Until the first request's time is over it is
    under way; then the answer is the message's state, and stays that."""
    service = new_service(WORKERS=1, SYNC_WAIT_SECONDS=1)
    message, key = new_message(), new_key()
    simulator.script("graph", message["to"], "ok", latency_ms=700)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(direct, service, message, key)
        wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(Exception):
            running.result()
    wait_until(service.healthy, 10, "another worker")
    assert direct(service, message, key).status == 409
    reply = wait_until(lambda: (lambda reply: reply if reply.status != 409 else None)(
        direct(service, message, key)), 12, "its time is over")
    body = json.loads(reply.body)
    assert reply.status == 202 and body["state_detail"] == "outcome_unknown", body
    again = direct(service, message, key)
    assert (again.status, again.body) == (reply.status, reply.body)
    assert simulator.recipient(message["to"])["calls"] == 1


def test_a_503_is_repeated_with_its_key(own_postgres, new_service, simulator):
    """The database hangs in the middle: 503 "may have been taken"; the same request again gives
    the one message's answer, and it is sent once."""
    service = new_service(database=own_postgres.database())
    assert direct(service, new_message(), new_key()).status == 200
    pairs = [(new_message(), new_key()) for _ in range(8)]
    own_postgres.freeze()
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda pair: direct(service, *pair, seconds=10), pairs))
    finally:
        own_postgres.thaw()
    assert {reply.status for reply in replies} == {503}
    for message, key in pairs:
        reply = wait_until(lambda: (lambda r: r if r.status not in (409, 503) else None)(
            direct(service, message, key)), 15, "an answer")
        assert reply.status in (200, 202), reply.body
        message_id = json.loads(reply.body)["message_id"]
        service.database.wait_state(message_id, "sent")
        again = direct(service, message, key)
        assert (again.status, again.body) == (reply.status, reply.body)
        assert len(service.database.messages(message["tenant_id"])) == 1
        assert simulator.recipient(message["to"])["calls"] == 1


SLOW_ACCEPT = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$",
    "CREATE TRIGGER slow AFTER INSERT ON message_sender.idempotency_key"
    " FOR EACH STATEMENT EXECUTE FUNCTION slow()")


def test_in_doubt_and_repeated(own_postgres, new_service, simulator):
    """The database hangs in the accepting commit: 503 "may have been taken" with the message's id.  With a
    key it is not cancelled: it is sent, once, and who repeats the request gets its answer."""
    service = new_service(database=own_postgres.database(), WORKERS=1)
    pairs = [(new_message(), new_key()) for _ in range(8)]
    for statement in SLOW_ACCEPT:
        service.database.query(statement)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(direct, service, *pair, seconds=10) for pair in pairs]
        wait_until(lambda: service.database.query(
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), 5, "the commit")
        own_postgres.freeze()
        try:
            replies = [each.result() for each in running]
        finally:
            own_postgres.thaw()
    service.database.query("DROP TRIGGER slow ON message_sender.idempotency_key")
    assert {reply.status for reply in replies} == {503}
    doubted = 0
    for (message, key), reply in zip(pairs, replies):
        body = json.loads(reply.body)
        again = wait_until(lambda: (lambda r: r if r.status not in (409, 503) else None)(
            direct(service, message, key)), 15, "an answer")
        assert again.status in (200, 202), again.body
        message_id = json.loads(again.body)["message_id"]
        if "details" in body:  # the others waited behind it, and were certainly not taken
            doubted += 1
            assert "same Idempotency-Key" in body["message"]
            assert body["details"]["message_id"] == message_id
            assert again.headers["idempotency-replayed"] == "true"
        service.database.wait_state(message_id, "sent")
        assert len(service.database.messages(message["tenant_id"])) == 1
        assert simulator.recipient(message["to"])["calls"] == 1
    assert doubted > 0


def test_an_answer_is_durable_before_it_leaves(new_service, simulator):
    """Law 1: somebody holds the key's row.  The message is sent and its outcome committed, and
    still there is no answer: not before it is kept, and 503 when that takes too long."""
    service = new_service()
    for held, status in ((0.8, 200), (2.5, 503)):
        message, key = new_message(), new_key()
        simulator.script("graph", message["to"], "ok", latency_ms=500)
        with concurrent.futures.ThreadPoolExecutor(1) as pool, \
                psycopg.connect(service.database.url) as holder:
            running = pool.submit(direct, service, message, key)
            wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
            holder.execute("SELECT FROM message_sender.idempotency_key WHERE tenant_id = %s"
                           " FOR UPDATE", [message["tenant_id"]])
            row = wait_until(lambda: service.database.messages(message["tenant_id"]), 5, "row")[0]
            service.database.wait_state(row["message_id"], "sent")
            try:
                early = running.result(held)
            except concurrent.futures.TimeoutError:
                early = None
            assert early is None or early.status == 503, early.body
            holder.rollback()
            first = running.result()
        assert first.status == status, first.body
        again = wait_until(lambda: (lambda r: r if r.status == 200 else None)(
            direct(service, message, key)), 5, "the answer is kept")
        assert json.loads(again.body)["message_id"] == str(row["message_id"])
        assert again.headers["idempotency-replayed"] == "true"
        if status == 200:
            assert again.body == first.body
        assert simulator.recipient(message["to"])["calls"] == 1


def test_an_expired_key_is_free(api, database, simulator):
    message, key = new_message(), new_key()
    first = repeat(api, message, key)
    database.query("UPDATE message_sender.idempotency_key SET expires_at = now()"
                   " WHERE tenant_id = %s", message["tenant_id"])
    second = repeat(api, message, key)
    assert second.status_code == 200 and REPLAYED not in second.headers
    assert second.json()["message_id"] != first.json()["message_id"]
    assert_again(second, repeat(api, message, key))
    row = keys(database, message["tenant_id"])[0]
    assert str(row["message_id"]) == second.json()["message_id"]


def test_expired_keys_are_purged(new_service):
    service = new_service(WORKERS=1)
    service.database.query(
        "INSERT INTO message_sender.idempotency_key SELECT 't', i::text, '\\x00',"
        " overlay(gen_random_uuid()::text placing '0190000' from 1 for 7)::uuid,"
        " now() - interval '8 days', now() - interval '8 days',"
        " now() + CASE WHEN i %% 10 = 0 THEN interval '1 day' ELSE interval '-1 day' END"
        " FROM generate_series(1, 3000) i")
    service.stop()
    service.start()
    left = "SELECT count(*) AS n FROM message_sender.idempotency_key"

    def purged():
        direct(service, new_message(), new_key())
        return service.database.query(left + " WHERE expires_at <= now()")[0]["n"] == 0

    wait_until(purged, 20, "the expired ones are gone")
    assert service.database.query(left + " WHERE tenant_id = 't'")[0]["n"] == 300


# --- Prefer: wait


def test_wait_runs_out(new_service, simulator):
    service = new_service()
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=2500)
    began = time.monotonic()
    reply = service.ask("POST", SEND, body_of(message), {"Prefer": "respond-async, wait=1"})
    assert 1.0 <= time.monotonic() - began < 1.6
    assert reply.status == 202
    assert reply.headers["preference-applied"] == "respond-async, wait=1"
    message_id = json.loads(reply.body)["message_id"]
    service.database.wait_state(message_id, "sent")


def test_wait_is_long_enough(api):
    answer = api.send(new_message(), headers={"Prefer": "wait=20"})
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_wait_is_capped(new_service, simulator):
    service = new_service(SYNC_WAIT_SECONDS=1)
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=2500)
    began = time.monotonic()
    reply = service.ask("POST", SEND, body_of(message), {"Prefer": "wait=30"})
    assert 1.0 <= time.monotonic() - began < 1.6
    assert (reply.status, reply.headers["preference-applied"]) == (202, "wait=1")


@pytest.mark.parametrize("prefer", ["wait=0", "respond-async", "respond-async, wait=0"])
def test_not_waiting(api, simulator, prefer):
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=2000)
    began = time.monotonic()
    answer = api.send(message, headers={"Prefer": prefer})
    assert time.monotonic() - began < 1
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == prefer


def test_no_preference_is_not_applied(api):
    assert "Preference-Applied" not in api.send(new_message()).headers
    answer = api.send(new_message(), headers={"Prefer": "wait=soon"})
    assert answer.status_code == 200 and "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("key", [None, "left-alone"])
def test_a_caller_that_leaves_loses_nothing(api, web, simulator, database, key):
    """The connection closes in the middle of the wait: the message is sent once, and who comes
    back with the key gets its answer."""
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=1000)
    body = body_of(message)
    head = [f"POST {SEND} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
            f"Content-Length: {len(body)}"] + ([f"Idempotency-Key: {key}"] if key else [])
    with socket.create_connection(("127.0.0.1", web.port)) as caller:
        caller.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
    rows = wait_until(lambda: [row for row in database.messages(message["tenant_id"])
                               if row["state"] == "sent"], 10, "sent")
    assert len(rows) == 1
    assert simulator.recipient(message["to"])["calls"] == 1
    assert api.get(status_path(rows[0]["message_id"])).json()["status"] == "sent"
    if key:
        wait_until(lambda: keys(database, message["tenant_id"])[0]["answer_status"], 5, "kept")
        again = repeat(api, message, key)
        assert (again.status_code, again.headers[REPLAYED]) == (200, "true")
        assert again.json()["message_id"] == str(rows[0]["message_id"])
