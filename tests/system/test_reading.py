"""What callers and operators may ask of a message: the whole of it, its timeline, what holds it,
the messages of a tenant; and what operators may decide when a reply was lost."""

import concurrent.futures
import json
import threading
import urllib.parse
import uuid

import psycopg
import pytest

from harness.api import SEND, Api, new_message
from harness.service import command
from harness.shape import assert_invalid, assert_problem, assert_time
from harness.wait import wait_until

ASYNC = {"Prefer": "respond-async"}
NOBODY = "01900000-0000-7000-8000-000000000000"
WHOLE = {
    "message_id", "tenant_id", "outlet_id", "conversation_id", "to", "message_type", "sender_type",
    "priority", "send_at", "deliver_between", "expires_at", "batch_id",
    "status", "state_detail", "whatsapp_message_id", "number", "attempts", "accepted_at",
    "sent_at", "delivered_at", "read_at", "failed_at", "failure_reason"}
EXPLAIN = {
    "message_id", "status", "state_detail", "summary", "next", "since", "until", "estimated_at",
    "expires_at", "position", "ahead_to_recipient", "attempt", "code", "title", "action"}


def path(message_id, what=""):
    return f"/api/v1/messages/{message_id}" + (f"/{what}" if what else "")


def listed(api, tenant_id, **parameters):
    query = urllib.parse.urlencode({"tenant_id": tenant_id, **parameters}, safe=":")
    answer = api.get(f"/api/v1/messages?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def sent(api, **fields):
    message = new_message(**fields)
    answer = api.send(message)
    assert answer.status_code == 200, answer.text
    return message, answer.json()


def get(api, message_id, what=""):
    answer = api.get(path(message_id, what))
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_kind(events, kind):
    return [event for event in events if event["event"] == kind]


# -- one message --------------------------------------------------------------------------


def test_a_sent_message_is_told_whole(api):
    message, answer = sent(api)
    body = get(api, answer["message_id"])
    assert set(body) == WHOLE | {"payload", "failure", "replay_of", "replayed_by"}
    for name in ("tenant_id", "outlet_id", "conversation_id", "to", "message_type"):
        assert body[name] == message[name]
    assert body["payload"]["body"] == message["message"]
    assert (body["status"], body["state_detail"]) == ("sent", "sent")
    assert body["whatsapp_message_id"] == answer["whatsapp_message_id"]
    assert body["sent_at"] == answer["sent_at"]
    assert body["attempts"] == 1 and body["number"] and body["sender_type"] == "llm"
    assert body["priority"] == "normal" and body["deliver_between"] is None
    assert_time(body["accepted_at"])
    assert body["delivered_at"] is body["read_at"] is body["failed_at"] is body["failure"] is None
    assert body["failure_reason"] == ""


def test_texts_come_back_as_they_were_sent(api):
    text = "“Grüße” \\ \" \t 🎉\nzwei</script>"
    _, answer = sent(api, message=text)
    assert get(api, answer["message_id"])["payload"]["body"] == text


def test_timeline_of_a_sent_message(api):
    _, answer = sent(api)
    body = get(api, answer["message_id"], "events")
    assert (body["status"], body["state_detail"]) == ("sent", "sent")
    assert [event["event"] for event in body["events"]] == [
        "accepted", "attempt_begun", "attempt_ended", "sent"]
    begun, ended = body["events"][1:3]
    assert begun["attempt"] == ended["attempt"] == 1
    assert begun["worker"] and begun["node"] and begun["number"]
    assert ended["outcome"] == "accepted" and ended["http_status"] == 200
    assert ended["whatsapp_message_id"] == answer["whatsapp_message_id"]
    assert [event["at"] for event in body["events"]] == sorted(
        event["at"] for event in body["events"])


def test_explanation_of_a_sent_message(api):
    _, answer = sent(api)
    body = get(api, answer["message_id"], "explain")
    assert set(body) == EXPLAIN
    assert "accepted" in body["summary"] and body["status"] == "sent"
    assert body["since"] == answer["sent_at"] and body["attempt"] == 1
    assert body["position"] is body["until"] is body["code"] is None


def test_a_failed_message_says_why_and_what_to_do(api, simulator):
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131026, status=400)
    message_id = api.send(message).json()["message_id"]
    body = get(api, message_id)
    assert (body["status"], body["failure"]["code"]) == ("failed", 131026)
    assert body["failure"]["title"] and body["failure"]["action"]
    assert_time(body["failed_at"])
    events = get(api, message_id, "events")["events"]
    assert of_kind(events, "attempt_ended")[0]["code"] == 131026
    assert of_kind(events, "attempt_ended")[0]["outcome"] == "refused"
    assert events[-1]["event"] == "failed" and events[-1]["code"] == 131026
    explained = get(api, message_id, "explain")
    assert explained["code"] == 131026 and explained["action"] == body["failure"]["action"]
    assert "failed after 1 attempt" in explained["summary"]


def test_a_message_without_credentials(api, simulator):
    message = new_message()
    simulator.script("outlet", message["outlet_id"], "error", status=404)
    answer = api.send(message)
    assert answer.status_code == 500
    message_id = answer.json()["message_id"]
    body = get(api, message_id)
    assert body["status"] == "failed" and body["failure"]["code"] is None
    assert body["failure"]["action"] and body["attempts"] == 0
    assert "before any attempt" in get(api, message_id, "explain")["summary"]


def test_a_waiting_message_says_until_when(api, simulator, database):
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131056, status=400)
    message_id = api.send(message, headers=ASYNC).json()["message_id"]
    database.wait_state(message_id, "retrying")
    body = get(api, message_id)
    assert (body["status"], body["state_detail"]) == ("queued", "retrying")
    explained = get(api, message_id, "explain")
    assert explained["code"] == 131056 and explained["action"]
    assert_time(explained["until"])
    assert explained["estimated_at"] == explained["until"]
    assert "attempt 2" in explained["summary"] and "131056" in explained["summary"]
    assert explained["position"] >= 1
    waiting = of_kind(get(api, message_id, "events")["events"], "waiting")
    assert len(waiting) == 1 and waiting[0]["code"] == 131056
    assert waiting[0]["until"] and waiting[0]["for"] == "attempt 2"


def test_waits_that_are_over(api, simulator):
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131016, status=500, times=1)
    message_id = api.send(message).json()["message_id"]
    # On a busy machine it may also have waited for attempt 1.
    events = [event for event in get(api, message_id, "events")["events"]
              if event.get("for") != "attempt 1"]
    assert [event["event"] for event in events] == [
        "accepted", "attempt_begun", "attempt_ended", "waited", "attempt_begun", "attempt_ended",
        "sent"]
    assert events[3]["until"] == events[4]["at"] and events[3]["code"] == 131016


def test_waits_for_credentials(api, simulator, database):
    message = new_message()
    simulator.script("outlet", message["outlet_id"], "http", status=503)
    message_id = api.send(message, headers=ASYNC).json()["message_id"]
    database.wait_state(message_id, "retrying")
    events = get(api, message_id, "events")["events"]
    assert [event["event"] for event in events] == ["accepted", "waiting"]
    assert "503" in events[1]["reason"] and events[1]["until"] > events[1]["at"]
    simulator.script("outlet", message["outlet_id"], "ok")
    database.wait_state(message_id, "sent", 15)
    events = get(api, message_id, "events")["events"]
    assert [event["event"] for event in events] == [
        "accepted", "waited", "attempt_begun", "attempt_ended", "sent"]
    assert "503" in events[1]["reason"] and events[1]["for"] == "attempt 1"


def test_an_attempt_under_way(new_service, new_web, simulator):
    service = new_service(REQUEST_TIMEOUT_SECONDS=4)
    api = Api(new_web(service).url)
    message = new_message()
    simulator.script("graph", message["to"], "hang")
    message_id = api.send(message, headers=ASYNC).json()["message_id"]
    service.database.wait_state(message_id, "sending")
    assert get(api, message_id)["state_detail"] == "sending"
    events = get(api, message_id, "events")["events"]
    assert [event["event"] for event in events] == ["accepted", "attempt_begun"]
    explained = get(api, message_id, "explain")
    assert "Attempt 1 is under way since" in explained["summary"]
    assert events[1]["incarnation"] in explained["summary"]
    assert explained["since"] and explained["until"]

    behind = new_message(tenant_id=message["tenant_id"], outlet_id=message["outlet_id"],
                         to=message["to"])
    behind_id = api.send(behind, headers=ASYNC).json()["message_id"]
    explained = get(api, behind_id, "explain")
    assert explained["ahead_to_recipient"] == 1 and explained["position"] == 2
    assert "1 earlier message to this recipient" in explained["summary"]


def test_a_copy_in_the_conversation_services_queue(api, simulator, database):
    message = new_message()
    simulator.script("conversation", message["conversation_id"], "error", status=503)
    answer = api.send(message)
    message_id = answer.json()["message_id"]

    def tried():
        rows = database.work(message_id)
        return rows and rows[0]["conversation_tries"] > 0

    wait_until(tried, 10, "a try at the Conversation Service")
    explained = get(api, message_id, "explain")
    assert explained["status"] == "sent" and "Conversation Service's queue" in explained["summary"]
    waiting = of_kind(get(api, message_id, "events")["events"], "waiting")
    assert waiting and waiting[0]["for"] == "the Conversation Service"


@pytest.mark.parametrize("what", ["", "events", "explain"])
@pytest.mark.parametrize("message_id", [NOBODY, "nonsense", "%41", "x" * 200])
def test_unknown_ids(api, what, message_id):
    assert_problem(api.get(path(message_id, what)), 404, "not_found", "NOT_FOUND")


def test_unknown_and_malformed_ids_answer_alike(api):
    one, other = (api.get(path(i)).json() for i in (str(uuid.uuid4()), "nonsense"))
    assert one == other


@pytest.mark.parametrize("where", [path(NOBODY), path(NOBODY, "events"),
                                   path(NOBODY, "explain"), "/api/v1/messages"])
def test_reading_is_get(api, where):
    answer = api.request("POST", where)
    assert_problem(answer, 405, "method_not_allowed", "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["Allow"]


# -- the list -----------------------------------------------------------------------------


def test_list_of_a_tenant(api):
    tenant = str(uuid.uuid4())
    ids = [sent(api, tenant_id=tenant)[1]["message_id"] for _ in range(3)]
    _, other = sent(api)
    body = listed(api, tenant)
    assert [message["message_id"] for message in body["messages"]] == sorted(ids, reverse=True)
    assert body["next_cursor"] is None
    assert other["message_id"] not in str(body)
    for message in body["messages"]:
        assert set(message) == WHOLE
    one = get(api, ids[0])
    assert body["messages"][-1] == {name: one[name] for name in WHOLE}


def test_list_of_a_tenant_without_messages(api):
    assert listed(api, "nobody") == {"messages": [], "next_cursor": None}


def test_list_by_status(api, simulator):
    tenant = str(uuid.uuid4())
    message = new_message(tenant_id=tenant)
    simulator.script("graph", message["to"], "error", code=131026, status=400)
    failed = api.send(message).json()["message_id"]
    _, good = sent(api, tenant_id=tenant)
    for status, wanted in (("failed", [failed]), ("sent", [good["message_id"]]), ("queued", []),
                           ("delivered", []), ("read", [])):
        found = listed(api, tenant, status=status)["messages"]
        assert [entry["message_id"] for entry in found] == wanted, status


def fill(database, tenant, count, state="sent", first=0):
    """Messages as they are stored, one a second from 2025 on."""
    database.query("""
        INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, recipient,
            message_type, payload, sender_type, state, accepted_at)
        SELECT (substr(message_sender.id_floor(t)::text, 1, 14) || '7'
                || substr(gen_random_uuid()::text, 16))::uuid, %s, 'o', '+628123', 'text',
            '{"body":"x"}', 'llm', %s, t
        FROM (SELECT timestamptz '2025-01-01Z' + (i + %s) * interval '1 second' AS t
            FROM generate_series(0, %s - 1) AS i) AS times""", tenant, state, first, count)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages(api, database, limit):
    tenant = str(uuid.uuid4())
    fill(database, tenant, 7)
    wanted = [str(row["message_id"]) for row in reversed(database.messages(tenant))]
    seen, more, pages = [], {}, 0
    while more is not None:
        body = listed(api, tenant, limit=limit, **more)
        assert len(body["messages"]) <= limit
        seen += [message["message_id"] for message in body["messages"]]
        more = {"cursor": body["next_cursor"]} if body["next_cursor"] else None
        pages += 1
    assert seen == wanted
    assert pages == -(-7 // limit)


def test_default_and_largest_page(api, database):
    tenant = str(uuid.uuid4())
    fill(database, tenant, 201)
    assert len(listed(api, tenant)["messages"]) == 50
    assert len(listed(api, tenant, limit=200)["messages"]) == 200


def test_since(api, database):
    tenant = str(uuid.uuid4())
    fill(database, tenant, 10)
    for since, count in (("2025-01-01T00:00:00Z", 10), ("2025-01-01T00:00:04Z", 6),
                         ("2025-01-01T00:00:04.001Z", 5), ("2025-01-01T07:00:09%2B07:00", 1),
                         ("2025-01-01T00:00:10Z", 0)):
        answer = api.get(f"/api/v1/messages?tenant_id={tenant}&since={since}")
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["messages"]) == count, since


def test_a_rare_status_among_many(api, database):
    """A page looks at no more than 5,000 messages, and says where to go on."""
    tenant = str(uuid.uuid4())
    fill(database, tenant, 3, "failed")
    fill(database, tenant, 12000, first=3)
    pages, cursor, found = 0, {}, []
    while cursor is not None:
        body = listed(api, tenant, status="failed", **cursor)
        found += body["messages"]
        pages += 1
        cursor = {"cursor": body["next_cursor"]} if body["next_cursor"] else None
    assert len(found) == 3 and pages == 3


def test_pages_while_messages_come_in(api, database):
    """Every message that was there at the first page comes once."""
    tenant = str(uuid.uuid4())
    there = [sent(api, tenant_id=tenant)[1]["message_id"] for _ in range(20)]
    stop = threading.Event()
    count = 0

    def send_on():
        mine = api.another()
        made = 0
        while not stop.is_set() or made < 5:
            assert mine.send(new_message(tenant_id=tenant)).status_code == 200
            made += 1
        return made

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        senders = [pool.submit(send_on) for _ in range(2)]
        try:
            for _ in range(5):
                seen, cursor = [], {}
                while cursor is not None:
                    body = listed(api, tenant, limit=3, **cursor)
                    seen += [message["message_id"] for message in body["messages"]]
                    cursor = {"cursor": body["next_cursor"]} if body["next_cursor"] else None
                assert len(seen) == len(set(seen))
                assert seen == sorted(seen, reverse=True)
                assert [i for i in seen if i in there] == sorted(there, reverse=True)
                count = max(count, len(seen))
        finally:
            stop.set()
        assert sum(sender.result() for sender in senders) >= 10
    assert count > 20


@pytest.mark.parametrize("query, field", [
    ("", "tenant_id"), ("tenant_id=", "tenant_id"), ("tenant_id", "tenant_id"),
    ("tenant_id=a&tenant_id=b", "tenant_id"), 
    
    ("tenant_id=%20", "tenant_id"), ("tenant_id=%c3%a4", "tenant_id"),
    ("tenant_id=" + "a" * 129, "tenant_id"),
    ("tenant_id=a&status=unknown", "status"), ("tenant_id=a&status=SENT", "status"),
    ("tenant_id=a&status=", "status"), ("tenant_id=a&since=yesterday", "since"),
    ("tenant_id=a&since=2025-02-29T00:00:00Z", "since"),
    ("tenant_id=a&since=2025-01-01T00:00:00", "since"),
    ("tenant_id=a&limit=0", "limit"), ("tenant_id=a&limit=201", "limit"),
    ("tenant_id=a&limit=-1", "limit"), ("tenant_id=a&limit=1e2", "limit"),
    ("tenant_id=a&cursor=abc", "cursor"), ("tenant_id=a&limit=1&limit=1", "limit"),
    ("tenant_id=a&state=sent", "state"), ("tenant_id=a&Tenant_id=a", "Tenant_id"),
])
def test_parameters_that_are_wrong(api, query, field):
    assert_invalid(api.get(f"/api/v1/messages?{query}"), field)


@pytest.mark.parametrize("value", ["%", "%4", "%zz", "a%", "a%4", "%00", "%0a", "%ff", "%c3"])
def test_percent_signs_that_are_wrong(service, value):
    """Straight to the socket: clients and web servers mend or refuse some of these."""
    reply = service.ask("GET", f"/api/v1/messages?tenant_id={value}")
    assert reply.status == 400, reply.body
    assert json.loads(reply.body)["message"].startswith("tenant_id: ")


@pytest.mark.parametrize("query", [
    "tenant_id=" + "a" * 128, "tenant_id=a%2Fb%26c", "&tenant_id=a&", "tenant_i%64=a",
    "tenant_id=a&limit=200", "tenant_id=a&limit=1"])
def test_parameters_that_are_right(api, query):
    assert api.get(f"/api/v1/messages?{query}").status_code == 200


def test_tenants_with_signs_in_their_names(api):
    tenant = f"a/b&c=d%41+{uuid.uuid4()}"
    _, answer = sent(api, tenant_id=tenant)
    assert [m["message_id"] for m in listed(api, tenant)["messages"]] == [answer["message_id"]]


def as_reader(database, *statements):
    """What role reader sees: the last statement's first value."""
    with psycopg.connect(database.url) as connection:
        connection.execute("SET ROLE message_sender_reader")
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchone()[0]


def test_the_database_itself_keeps_tenants_apart(api, database):
    message, _ = sent(api)
    tenant = message["tenant_id"]
    count = "SELECT count(*) FROM message_sender.message"
    setting = "SELECT set_config('message_sender.tenant', '%s', true)"
    assert as_reader(database, count) == 0
    assert as_reader(database, setting % "somebody else",
                     f"{count} WHERE tenant_id = '{tenant}'") == 0
    assert as_reader(database, setting % tenant, count) == 1


def test_the_list_leaves_no_tenant_behind(api, database):
    message, _ = sent(api)
    page = f"SELECT message_sender.message_list('{message['tenant_id']}', NULL, NULL, NULL, 5)"
    assert as_reader(database, page)["messages"]
    assert as_reader(database, page, "SELECT count(*) FROM message_sender.message") == 0


def test_reader_may_read_nothing_else(database):
    for table in ("work", "attempt", "decision", "incarnation", "message_default"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_reader(database, f"SELECT count(*) FROM message_sender.{table}")


def test_words_of_states_are_the_programs(api, database):
    """The same table in SQL and in the program: the status of each state."""
    _, answer = sent(api)
    message_id = answer["message_id"]
    for state in ("queued", "sending", "retrying", "unknown", "sent", "delivered", "read",
                  "failed", "cancelled", "expired", "scheduled"):
        database.query("UPDATE message_sender.message SET state = %s WHERE message_id = %s",
                       state, message_id)
        status, whole = api.status(message_id).json(), get(api, message_id)
        explained = get(api, message_id, "explain")
        for name in ("status", "state_detail"):
            assert status[name] == whole[name] == explained[name], state


def test_list_while_the_database_is_away(own_postgres, new_service, new_web):
    database = own_postgres.database()
    service = new_service(database=database)
    api = Api(new_web(service).url)
    assert listed(api, "a")["messages"] == []
    own_postgres.freeze()
    try:
        for where in ("/api/v1/messages?tenant_id=a", path(uuid.uuid4()),
                      path(uuid.uuid4(), "events"), path(uuid.uuid4(), "explain")):
            assert_problem(api.get(where), 503, "store_unavailable", "STORE_UNAVAILABLE")
    finally:
        own_postgres.thaw()


# -- replies that were lost, and the command line -------------------------------------------


class Lost:
    """A message whose reply was lost, and the service it belongs to."""

    def __init__(self, service, simulator, kind="drop_reply", **fields):
        self.service = service
        self.simulator = simulator
        self.message = new_message(**fields)
        simulator.script("graph", self.message["to"], kind, times=1)
        reply = service.ask("POST", SEND, json.dumps(self.message).encode())
        assert reply.status == 202, reply.body
        self.id = json.loads(reply.body)["message_id"]

    def get(self, what=""):
        reply = self.service.ask("GET", path(self.id, what))
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def calls(self):
        return self.simulator.recipient(self.message["to"])["calls"]

    def command(self, *words):
        return run(self.service.database, *words)

    def resolve(self, decision, why="seen in WhatsApp Manager", by="rani"):
        return self.command("queue", "resolve", self.id, "--as", decision, "--why", why, "--by", by)


def run(database, *words):
    return command(*words, env={"DATABASE_URL": database.url})


@pytest.fixture(scope="module")
def own(new_module_service):
    return new_module_service()


@pytest.fixture
def lost(own, simulator):
    return Lost(own, simulator)


def test_a_lost_reply_is_explained(lost):
    body = lost.get()
    assert (body["status"], body["state_detail"]) == ("queued", "outcome_unknown")
    explained = lost.get("explain")
    assert "may or may not have it" in explained["summary"] and explained["action"]
    assert "queue resolve" in explained["next"]
    events = lost.get("events")["events"]
    assert of_kind(events, "attempt_ended")[0]["outcome"] == "lost"
    assert of_kind(events, "waiting")[0]["for"] == "evidence or a decision"


def resolved(lost, decision):
    assert (done := lost.resolve(decision)).returncode == 0, done.stderr
    assert lost.id in done.stdout
    event, = of_kind(lost.get("events")["events"], "resolved")
    assert (event["as"], event["by"], event["why"], event["attempt"]) == (
        decision, "rani", "seen in WhatsApp Manager", 1)


def test_resolve_as_sent(lost):
    resolved(lost, "sent")
    body = lost.get()
    assert body["status"] == "sent" and body["whatsapp_message_id"] is None
    assert_time(body["sent_at"])
    assert "rani decided that it was sent" in lost.get("explain")["summary"]
    assert lost.service.database.work(lost.id) == []
    assert lost.calls() == 1


def test_resolve_as_sent_with_the_id_of_whatsapp(lost):
    """Then the Conversation Service gets its copy."""
    done = lost.command("queue", "resolve", lost.id, "--as", "sent", "--why", "w", "--by", "b",
                        "--wamid", "wamid.X")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: lost.service.database.work(lost.id) == [], 15, "the copy is stored")
    assert lost.simulator.message(lost.id)["stored"] == 1
    copy = json.loads(lost.simulator.last("conversation")["body"])
    assert copy["whatsapp_message_id"] == "wamid.X"
    assert lost.get()["whatsapp_message_id"] == "wamid.X"
    assert lost.calls() == 1


def test_resolve_as_failed(lost):
    resolved(lost, "failed")
    body = lost.get()
    assert body["status"] == "failed" and body["failure_reason"]
    assert "rani decided that it was not sent" in lost.get("explain")["summary"]
    assert lost.service.database.work(lost.id) == []
    assert lost.calls() == 1


def test_resolve_as_resend(lost):
    assert lost.calls() == 1
    resolved(lost, "resend")
    lost.service.database.wait_state(lost.id, "sent")
    assert lost.calls() == 2
    attempts = lost.service.database.attempts(lost.id)
    assert [row["outcome"] for row in attempts] == ["lost", "accepted"]
    assert lost.get()["whatsapp_message_id"]
    assert [event["event"] for event in lost.get("events")["events"]] == [
        "accepted", "attempt_begun", "attempt_ended", "resolved", "waited", "attempt_begun",
        "attempt_ended", "sent"]


def test_resend_is_one_call_more_however_often_it_is_asked_for(own, simulator):
    lost = Lost(own, simulator)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: lost.resolve("resend"), range(4)))
    assert sorted(one.returncode for one in done) == [0, 1, 1, 1]
    own.database.wait_state(lost.id, "sent")
    assert lost.resolve("resend").returncode == 1
    assert lost.calls() == 2


def test_resend_may_be_lost_again(own, simulator):
    lost = Lost(own, simulator)
    simulator.script("graph", lost.message["to"], "drop_reply", times=1)
    assert lost.resolve("resend").returncode == 0

    def lost_again():
        row = own.database.message(lost.id)
        return row["state"] == "unknown" and row["attempts"] == 2

    wait_until(lost_again, 15, "the second reply is lost")
    assert lost.resolve("failed").returncode == 0
    assert [event["as"] for event in of_kind(lost.get("events")["events"], "resolved")] == [
        "resend", "failed"]


def test_decisions_break_no_invariant(own, simulator):
    for decision in ("sent", "failed", "resend"):
        lost = Lost(own, simulator)
        assert lost.resolve(decision).returncode == 0
    own.database.wait_state(lost.id, "sent")
    done = run(own.database, "check")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("as_word, what", [("sent", "sent"), ("resend", "sent")])
def test_what_is_not_unknown_is_not_decided(own, simulator, as_word, what):
    message = new_message()
    reply = own.ask("POST", SEND, json.dumps(message).encode())
    message_id = json.loads(reply.body)["message_id"]
    done = run(own.database, "queue", "resolve", message_id, "--as", as_word, "--why", "w",
               "--by", "b")
    assert done.returncode == 1 and f"its state is {what}" in done.stderr
    assert own.database.query("SELECT * FROM message_sender.decision WHERE message_id = %s",
                              message_id) == []
    assert simulator.recipient(message["to"])["calls"] == 1


def test_unknown_messages_are_listed(own, simulator):
    lost, other = Lost(own, simulator), Lost(own, simulator)
    tenant = lost.message["tenant_id"]
    done = run(own.database, "queue", "unknown", "--tenant", tenant)
    assert done.returncode == 0 and lost.id in done.stdout and other.id not in done.stdout
    done = run(own.database, "queue", "unknown", "--json")
    body = json.loads(done.stdout)
    assert body["more"] is False
    entry, = [entry for entry in body["messages"] if entry["message_id"] == lost.id]
    assert (entry["tenant_id"], entry["to"], entry["attempt"]) == (tenant, lost.message["to"], 1)
    assert_time(entry["lost_at"])
    assert "no reply is missing" in run(own.database, "queue", "unknown", "--tenant=x").stdout


def test_queue_status(own, simulator, postgres):
    Lost(own, simulator)
    done = run(own.database, "queue", "status")
    assert done.returncode == 0, done.stderr
    line, = [line for line in done.stdout.splitlines() if line.startswith("unknown ")]
    assert int(line.split()[1]) >= 1
    assert run(postgres.database(), "queue", "status").stdout == "nothing is left to do\n"


def test_message_show(lost):
    done = lost.command("message", "show", lost.id)
    assert done.returncode == 0, done.stderr
    assert lost.message["to"] in done.stdout and lost.message["message"] in done.stdout
    assert "outcome_unknown" in done.stdout and "attempt_ended" in done.stdout
    done = lost.command("message", "show", lost.id, "--json")
    assert json.loads(done.stdout) == lost.get()


def test_message_explain(lost):
    done = lost.command("message", "explain", lost.id)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("outcome_unknown: The reply to attempt 1 was lost")

    def same():  # its lane's owner may look at it between the two
        done = lost.command("message", "explain", "--json", lost.id)
        return json.loads(done.stdout) == lost.get("explain")

    wait_until(same, 10, "the same explanation on both ways")


@pytest.mark.parametrize("words", [
    ("message", "show"), ("message", "show", "nonsense"), ("message", "show", "a", "b"),
    ("message", "explain", "nonsense"), ("queue", "resolve", NOBODY),
    ("queue", "resolve", NOBODY, "--as", "sent", "--why", "x"),
    ("queue", "resolve", NOBODY, "--as", "done", "--why", "x", "--by", "y"),
    ("queue", "resolve", NOBODY, "--as", "sent", "--why", "", "--by", "y"),
    ("queue", "resolve", NOBODY, "--as", "sent", "--why", "x" * 501, "--by", "y"),
    ("queue", "resolve", NOBODY, "--as", "failed", "--why", "x", "--by", "y",
     "--wamid", "z"),
    ("queue", "unknown", "--tenant"), ("queue", "unknown", "--json=1"),
    ("queue", "unknown", "--json", "--json"), ("queue", "status", "more"), ("queue",),
], ids=" ".join)
def test_usage(database, words):
    done = run(database, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == "" and done.stderr


def test_commands_about_no_message(database):
    nobody = str(uuid.uuid4())
    for words in (("message", "show", nobody), ("message", "explain", nobody),
                  ("queue", "resolve", nobody, "--as", "sent", "--why", "w", "--by", "b")):
        done = run(database, *words)
        assert done.returncode == 1 and "there is no message" in done.stderr, words


def test_help_of_each_command(database):
    for words in (("message", "show"), ("message", "explain"), ("queue", "status"),
                  ("queue", "unknown"), ("queue", "resolve")):
        done = run(database, *words, "--help")
        assert done.returncode == 0 and done.stdout.startswith("usage: "), words


def test_commands_without_a_database(postgres):
    name = postgres.empty_database()
    for url, word in ((postgres.url(name), "db migrate"), ("host=/nonexistent", "database")):
        done = command("queue", "status", env={"DATABASE_URL": url})
        assert done.returncode == 1 and word in done.stderr, done.stderr
