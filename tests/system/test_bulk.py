"""POST /api/v1/messages/bulk and what a batch can be asked for."""

import concurrent.futures
import json
import os
import signal
import time
import uuid

import pytest

from harness.api import BULK, Api, batch_path, bulk_of, new_message, numbers
from harness.service import command
from harness.shape import assert_problem
from harness.wait import wait_until
from harness.web import Web

ITEMS_MAX = 10_000
BODY_MAX = 8 * 1024 * 1024
NOBODY = "01900000-0000-7000-8000-000000000000"


def cli(service, *words):
    return command(*words, env={"DATABASE_URL": service.database.url})


def item(**fields):
    """What differs between the messages of one call."""
    return {"to": f"+628{next(numbers):010d}", **fields}


def call(count=3, items=None, **defaults):
    """A bulk call of a tenant of its own."""
    return bulk_of(items or [item() for _ in range(count)],
                   defaults={"outlet_id": str(uuid.uuid4()), "message": "Sale!", **defaults})


def post(api, body, key=None, **more):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    return api.request("POST", BULK, data=body, headers=headers, **more)


def taken(answer, count, refused=0):
    """The answer of a call all of whose items are told of, each once and in order."""
    assert answer.status_code == 202, answer.text[:2000]
    body = answer.json()
    assert set(body) == {"batch_id", "accepted", "refused", "results"}
    assert answer.headers["Location"] == batch_path(body["batch_id"])
    assert (body["accepted"], body["refused"]) == (count - refused, refused)
    assert [r["index"] for r in body["results"]] == list(range(count))
    ids = [r["message_id"] for r in body["results"] if "message_id" in r]
    assert len(ids) == count - refused
    return body


def statuses(api, batch_id):
    answer = api.get(batch_path(batch_id))
    assert answer.status_code == 200, answer.text
    return answer.json()["statuses"]


def wait_status(api, batch_id, status, count, seconds=20):
    wait_until(lambda: statuses(api, batch_id)[status] == count, seconds,
               f"{count} {status} in {batch_id}")


# --- what is taken


def test_messages_are_taken_and_sent(api, simulator, database):
    """Defaults for what an item does not say; one quota check; every message as if it was sent
    alone; the batch counts them."""
    body = call(items=[item(), item(message="Yours alone"), item(conversation_id="c-1")])
    before = simulator.calls()
    answer = taken(post(api, body), 3)
    assert all(r["status"] == "queued" for r in answer["results"])
    wait_status(api, answer["batch_id"], "sent", 3)
    after = simulator.calls()
    assert after["quota"] - before["quota"] == 1
    assert after["graph_calls"] - before["graph_calls"] == 3
    texts = [json.loads(row["payload"])["body"] for row in database.messages(body["tenant_id"])]
    assert sorted(texts) == ["Sale!", "Sale!", "Yours alone"]
    for result, sent in zip(answer["results"], body["messages"]):
        assert simulator.recipient(sent["to"])["accepted"] == 1
        assert api.status(result["message_id"]).json()["status"] == "sent"
    batch = api.get(batch_path(answer["batch_id"])).json()
    assert batch["statuses"]["queued"] == 0 and batch["estimated_end"] is None
    assert (batch["messages"], batch["accepted"], batch["refused"]) == (3, 3, 0)
    assert batch["complete"] is True and batch["cancelled_at"] is None
    assert batch["tenant_id"] == body["tenant_id"]
    assert 0.3 <= batch["sent_per_second"] <= 3


def test_items_are_judged_one_by_one(api, database):
    """What is wrong with an item is said with its place, and costs only itself."""
    body = call(items=[
        item(), item(to="0812345678"), item(tenant_id="x"), item(outlet="x"), "text", {},
        item(message=None), item(message=""), item(message="x" * 4097), item(message="x" * 4096),
        item(message_type="fax"), item(idempotency_key=""), item(idempotency_key=7)])
    answer = taken(post(api, body), 13, refused=11)
    said = {r["index"]: r["message"] for r in answer["results"] if "error" in r}
    assert [i for i in range(13) if i not in said] == [0, 9]
    assert said[1].startswith("messages[1].to: ")
    assert said[2].startswith("messages[2].tenant_id: ")
    assert said[3].startswith("messages[3].outlet: is not a member")
    assert said[4].startswith("messages[4]: is a string; send a JSON object")
    assert said[5].startswith("messages[5].to: is missing")
    assert said[6].startswith("messages[6].message: ")
    assert said[10].startswith("messages[10].message_type: ")
    assert said[11].startswith("messages[11].idempotency_key: ")
    assert said[12].startswith("messages[12].idempotency_key: is a number; write a string")
    for result in answer["results"]:
        if "error" in result:
            assert (result["error"], result["code"]) == ("invalid_request", "INVALID_REQUEST")
    assert len(database.messages(body["tenant_id"])) == 2


@pytest.mark.parametrize("body, says", [
    (b"", "body: is empty"),
    (b"[]", "body: is no JSON object"),
    (b"{", "body: not valid JSON: the name of a member"),
    (b'{"tenant_id":"t","messages":[{"to":"+6281"},]}', "body: not valid JSON: a value"),
    (b'{"tenant_id":"t","messages":[{"to":"+6281"}]} x', "body: not valid JSON: nothing may"),
    (b'{"tenant_id":"t","messages":[{"to":"\xff"}]}', "body: not valid JSON: not UTF-8"),
    (b'{"messages":[{}]}', "tenant_id: is missing"),
    (b'{"tenant_id":7,"messages":[{}]}', "tenant_id: is a number"),
    (b'{"tenant_id":"t"}', "messages: is missing"),
    (b'{"tenant_id":"t","messages":[]}', "messages: are none"),
    (b'{"tenant_id":"t","messages":{}}', "messages: is no array"),
    (b'{"tenant_id":"t","tenant_id":"t","messages":[{}]}', "tenant_id: is given twice"),
    (b'{"tenant_id":"t","messages":[{}],"messages":[{}]}', "messages: is given twice"),
    (b'{"tenant_id":"t","messages":[{}],"defaults":[]}', "defaults: is an array"),
    (b'{"tenant_id":"t","messages":[{}],"defaults":7}', "defaults: is a number"),
    (b'{"tenant_id":"t","messages":[{}],"defaults":{"tenant_id":"t"}}', "defaults.tenant_id: "),
    (b'{"tenant_id":"t","messages":[{}],"defaults":{"idempotency_key":"t"}}',
     "defaults.idempotency_key: "),
    (b'{"tenant_id":"t","messages":[{}],"more":1}', "more: is not a member"),
])
def test_a_call_that_cannot_be_read(api, body, says):
    answer = post(api, body)
    assert_problem(answer, 400, "invalid_request", "INVALID_REQUEST")
    assert answer.json()["message"].startswith(says), answer.text


def test_members_may_stand_in_any_order(api):
    body = call(2)
    turned = {"messages": body["messages"], "defaults": body["defaults"],
              "tenant_id": body["tenant_id"]}
    taken(post(api, turned), 2)


# --- limits


@pytest.fixture(scope="module")
def closed_service(new_module_service):
    """Nothing leaves it: its Graph API is on hold."""
    service = new_module_service(WORKERS="2")
    assert cli(service, "pause", "--all", "--why", "a test").returncode == 0
    return service


@pytest.fixture(scope="module")
def closed(closed_service, web_kind, work):
    server = Web(web_kind, work, "web-bulk", closed_service.socket)
    yield Api(server.url)
    server.stop()


@pytest.mark.parametrize("count", [ITEMS_MAX - 1, ITEMS_MAX, ITEMS_MAX + 1])
def test_how_many_items(closed, closed_service, count):
    body = call(count)
    answer = post(closed, body)
    if count > ITEMS_MAX:
        assert "messages: are more than 10000" in assert_problem(
            answer, 400, "invalid_request", "INVALID_REQUEST")["message"]
        return
    found = taken(answer, count)
    rows = closed_service.database.query(
        "SELECT m.message_id::text, m.recipient, w.seq FROM message_sender.message m"
        " JOIN message_sender.work w USING (message_id) WHERE m.batch_id = %s ORDER BY w.seq",
        found["batch_id"])
    assert [row["message_id"] for row in rows] == [r["message_id"] for r in found["results"]]
    assert [row["recipient"] for row in rows] == [m["to"] for m in body["messages"]]


@pytest.mark.parametrize("size", [BODY_MAX - 1, BODY_MAX, BODY_MAX + 1])
def test_how_many_bytes(closed, size):
    body = json.dumps(call(2)).encode()
    body += b" " * (size - len(body))
    answer = post(closed, body)
    if size <= BODY_MAX:
        taken(answer, 2)
    else:
        problem = assert_problem(answer, 413, "body_too_large", "BODY_TOO_LARGE")
        assert str(BODY_MAX) in problem["message"]


def test_only_bulk_calls_may_be_long(closed):
    answer = closed.send_raw(b" " * (256 * 1024 + 1))
    assert_problem(answer, 413, "body_too_large", "BODY_TOO_LARGE")


def test_others_are_not_kept_waiting(closed):
    """While a full call is read, checked and written."""
    body = json.dumps(call(ITEMS_MAX)).encode()
    slowest = 0.0
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = closed.another()
        running = pool.submit(post, other, body)
        message = new_message()
        while not running.done():
            begun = time.monotonic()
            assert closed.send(message, {"Prefer": "respond-async"}).status_code == 202
            slowest = max(slowest, time.monotonic() - begun)
        taken(running.result(), ITEMS_MAX)
    # Sanitizers and a shared machine: without slices it is seconds.
    assert slowest < 0.5, slowest


def test_all_or_nothing_of_the_backlog(new_service, new_web):
    service = new_service(WORKERS="1", MAX_BACKLOG_PER_TENANT="10")
    api = Api(new_web(service).url)
    assert cli(service, "pause", "--all", "--why", "a test").returncode == 0
    for count, full in ((11, True), (10, False)):
        answer = post(api, call(count))
        assert answer.status_code == (429 if full else 202), answer.text
    answer = assert_problem(post(api, call(11)), 429, "queue_full", "QUEUE_FULL")
    assert answer["details"] == {"limit": "MAX_BACKLOG_PER_TENANT", "allowed": 10, "waiting": 0}
    body = call(9)
    taken(post(api, body), 9)
    assert post(api, {**body, "messages": [item(), item()]}).status_code == 429
    taken(post(api, {**body, "messages": [item()]}), 1)


def test_quota_is_asked_once_and_refuses_all(api, simulator, database):
    body = call(3)
    simulator.script("quota", body["tenant_id"], "deny")
    assert_problem(post(api, body), 429, "quota_exceeded", "QUOTA_EXCEEDED")
    assert database.messages(body["tenant_id"]) == []


# --- repeated


def test_the_same_call_again(api, simulator, database):
    body, key = call(5), str(uuid.uuid4())
    body["messages"][2]["to"] = "wrong"
    first = post(api, body, key)
    answer = taken(first, 5, refused=1)
    again = post(api, body, key)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    wait_status(api, answer["batch_id"], "sent", 4)
    assert len(database.messages(body["tenant_id"])) == 4
    other = json.dumps(body).encode() + b" "
    assert_problem(post(api, other, key), 422, "idempotency_key_reused", "IDEMPOTENCY_KEY_REUSED")
    assert_problem(api.send_raw(json.dumps(new_message(tenant_id=body["tenant_id"])).encode(),
                                {"Idempotency-Key": key}),
                   422, "idempotency_key_reused", "IDEMPOTENCY_KEY_REUSED")


def test_without_a_key_it_is_another_call(api):
    body = call(1)
    assert taken(post(api, body), 1)["batch_id"] != taken(post(api, body), 1)["batch_id"]


def test_items_with_keys_of_their_own(api, simulator, database):
    """Repeated in whatever call: the message that was taken first; another text: refused."""
    keyed = [item(idempotency_key=f"k{n}") for n in range(3)]
    body = call(items=keyed)
    first = taken(post(api, body), 3)
    wait_status(api, first["batch_id"], "sent", 3)
    changed = {**keyed[1], "message": "another"}
    second = taken(post(api, {**body, "messages": [keyed[0], changed, item(), keyed[2]]}), 4,
                   refused=1)
    results = second["results"]
    assert results[0] == {"index": 0, "message_id": first["results"][0]["message_id"],
                          "status": "sent", "replayed": True}
    assert results[1]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert "replayed" not in results[2]
    assert results[3]["message_id"] == first["results"][2]["message_id"]
    assert len(database.messages(body["tenant_id"])) == 4
    assert all(simulator.recipient(m["to"])["accepted"] == 1 for m in keyed)


def test_one_key_twice_in_a_call(api, database):
    twin = item(idempotency_key="twin")
    body = call(items=[twin, twin, {**twin, "message": "not the same"}])
    results = taken(post(api, body), 3, refused=1)["results"]
    assert results[0]["message_id"] == results[1]["message_id"]
    assert results[1]["replayed"] is True
    assert results[2]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(database.messages(body["tenant_id"])) == 1


def test_killed_in_the_middle_and_repeated(new_service, new_web, simulator):
    """Whatever is there of it stays, what is missing is added, under the same ids."""
    service = new_service(WORKERS="1", SYNC_WAIT_SECONDS="5")
    api = Api(new_web(service).url)
    assert cli(service, "pause", "--all", "--why", "a test").returncode == 0
    body, key = call(5000), str(uuid.uuid4())
    count = "SELECT count(*) AS n FROM message_sender.message WHERE tenant_id = %s"

    def rows():
        return service.database.query(count, body["tenant_id"])[0]["n"]

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(post, api.another(), body, key)
        wait_until(lambda: rows() > 0, 20, "the first rows")
        os.kill(service.workers()[0], signal.SIGKILL)
        assert running.result().status_code >= 500
    there = rows()
    assert 0 < there < 5000
    early = post(api, body, key)
    assert early.status_code == 409, early.text
    # Its time is SYNC_WAIT_SECONDS and a little more.
    service.database.query("UPDATE message_sender.idempotency_key SET runs_until = now()")
    answer = taken(post(api, body, key), 5000)
    found = service.database.query(
        "SELECT message_id::text, recipient FROM message_sender.message WHERE tenant_id = %s",
        body["tenant_id"])
    assert {row["message_id"]: row["recipient"] for row in found} == {
        r["message_id"]: m["to"] for r, m in zip(answer["results"], body["messages"])}
    assert len(found) == 5000
    assert cli(service, "check").returncode == 0


# --- batches


def test_an_unknown_batch(api):
    for path in (batch_path(NOBODY), batch_path("nonsense")):
        for method in ("GET", "DELETE"):
            answer = api.request(method, path)
            assert "batch_id" in assert_problem(answer, 404, "not_found", "NOT_FOUND")["message"]
    answer = api.request("POST", batch_path(NOBODY))
    assert answer.status_code == 405 and answer.headers["Allow"] == "GET, HEAD, DELETE"


def test_cancel_what_is_not_sent(new_service, new_web, new_simulator):
    """While it is being sent: each message is either sent once or cancelled, and never both; what
    is held is cancelled as well."""
    simulator = new_simulator(latency_ms=200)
    service = new_service(WORKERS="2", simulator=simulator)
    api = Api(new_web(service).url)
    held = str(uuid.uuid4())
    body = call(items=[item(**({"outlet_id": held} if n % 2 else {})) for n in range(1000)])
    assert cli(service, "pause", "--tenant", body["tenant_id"], "--outlet", held, "--why",
               "a test").returncode == 0
    batch_id = taken(post(api, body), 1000)["batch_id"]
    wait_until(lambda: statuses(api, batch_id)["sent"] > 0, 20, "the first are sent")
    answer = api.request("DELETE", batch_path(batch_id))
    assert answer.status_code == 200, answer.text
    assert answer.json()["cancelled_at"]
    wait_until(lambda: statuses(api, batch_id)["queued"] == 0, 20, "an end")
    end = statuses(api, batch_id)
    assert end["sent"] > 0 and end["cancelled"] >= 500
    assert end["sent"] + end["cancelled"] == 1000
    again = api.request("DELETE", batch_path(batch_id))
    assert again.status_code == 200 and again.json()["statuses"] == end
    calls = [simulator.recipient(m["to"])["calls"] for m in body["messages"]]
    assert max(calls) == 1 and sum(calls) == end["sent"]
    assert cli(service, "check").returncode == 0


def test_a_cancelled_batch_takes_no_more(closed, closed_service):
    """Of a call that is taken up again."""
    body, key = call(2), str(uuid.uuid4())
    batch_id = taken(post(closed, body, key), 2)["batch_id"]
    database = closed_service.database
    database.query("UPDATE message_sender.idempotency_key SET answer_status = NULL,"
                     " answer_body = NULL, runs_until = now() WHERE message_id = %s", batch_id)
    database.query("DELETE FROM message_sender.work USING message_sender.message m WHERE"
                     " work.message_id = m.message_id AND m.tenant_id = %s", body["tenant_id"])
    database.query("DELETE FROM message_sender.message WHERE tenant_id = %s", body["tenant_id"])
    assert closed.request("DELETE", batch_path(batch_id)).status_code == 200
    results = taken(post(closed, body, key), 2, refused=2)["results"]
    assert [r["code"] for r in results] == ["BATCH_CANCELLED", "BATCH_CANCELLED"]
    assert database.messages(body["tenant_id"]) == []


def test_the_command_line(closed, closed_service):
    batch_id = taken(post(closed, call(300)), 300)["batch_id"]
    shown = cli(closed_service, "batch", "show", batch_id)
    assert shown.returncode == 0 and "  queued         300" in shown.stdout, shown.stdout
    shown = json.loads(cli(closed_service, "batch", "show", batch_id, "--json").stdout)
    assert shown["statuses"]["queued"] == 300
    cancelled = cli(closed_service, "batch", "cancel", batch_id, "--json")
    assert json.loads(cancelled.stdout)["statuses"]["cancelled"] == 300
    for words in (("show", NOBODY), ("cancel", NOBODY)):
        assert cli(closed_service, "batch", *words).returncode == 1
    assert cli(closed_service, "batch", "show", "nonsense").returncode == 2


def test_many_calls_at_once(closed, closed_service):
    """Some wait for their turn; beyond the bound they are told so, and lose nothing."""
    body = json.dumps(call(500)).encode()
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda n: post(closed.another(), body), range(24)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) <= {202, 503} and codes.count(202) >= 3, codes
    for answer in answers:
        if answer.status_code == 202:
            taken(answer, 500)
        else:
            assert_problem(answer, 503, "overloaded", "OVERLOADED")
