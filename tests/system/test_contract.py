"""Every body of the contract, compared with the real answer, and what the neighbours get."""

import datetime
import json
import subprocess

import pytest

from harness.api import SEND, new_message, status_path
from harness.process import BUILD
from harness.shape import assert_like, assert_message_id, assert_problem, assert_time
from harness.wait import wait_until

SENT = {
    "message_id": "msg-uuid", "whatsapp_message_id": "wamid.HBgN", "status": "sent",
    "sent_at": "2025-11-04T10:30:00Z", "conversation_id": "conv-uuid",
}
PENDING = {**SENT, "whatsapp_message_id": None, "status": "queued", "sent_at": None,
           "state_detail": "outcome_unknown"}
STATUS = {
    "message_id": "msg-uuid", "whatsapp_message_id": "wamid.xxx", "status": "sent",
    "delivered_at": "2025-11-04T10:30:05Z", "read_at": None, "failure_reason": "",
}


def test_health(api):
    answer = api.get("/health")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    version = subprocess.run([BUILD / "message-sender", "version"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.split()[-1]
    assert answer.json() == {"status": "healthy", "service": "message-sender-service",
                             "version": version, "environment": "development"}


def test_health_names_the_environment(new_service):
    service = new_service(ENVIRONMENT="staging")
    assert json.loads(service.ask("GET", "/health").body)["environment"] == "staging"


def test_sent(api, database):
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    message = new_message()
    answer = api.send(message)
    after = datetime.datetime.now(datetime.timezone.utc)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    body = answer.json()
    assert_like(body, SENT)
    assert body["status"] == "sent"
    assert body["conversation_id"] == message["conversation_id"]
    assert body["whatsapp_message_id"].startswith("wamid.")
    assert_message_id(body["message_id"])
    assert_time(body["sent_at"])
    sent_at = datetime.datetime.fromisoformat(body["sent_at"].replace("Z", "+00:00"))
    assert before <= sent_at <= after

    row = database.message(body["message_id"])
    assert row["tenant_id"] == message["tenant_id"]
    assert row["outlet_id"] == message["outlet_id"]
    assert row["conversation_id"] == message["conversation_id"]
    assert row["recipient"] == message["to"]
    assert row["message_type"] == "text"
    assert row["state"] == "sent"
    assert row["wamid"] == body["whatsapp_message_id"]


def test_sent_without_conversation(api, simulator):
    answer = api.send(new_message(conversation_id=None))
    assert answer.status_code == 200, answer.text
    assert_like(answer.json(), SENT, nullable=("conversation_id",))
    assert answer.json()["conversation_id"] is None
    assert simulator.message(answer.json()["message_id"])["conversation"] == 0


def test_accepted_without_conversation(api):
    answer = api.send(new_message(conversation_id=None), headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    assert_like(answer.json(), PENDING, nullable=("conversation_id",))
    assert answer.json()["conversation_id"] is None


def test_message_type_defaults_to_text(api):
    assert api.send(new_message(message_type=None)).status_code == 200


def test_accepted_when_the_caller_does_not_wait(api, database):
    message = new_message()
    answer = api.send(message, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert_like(body, PENDING)
    assert body["status"] == "queued"
    assert body["whatsapp_message_id"] is None
    assert body["sent_at"] is None
    assert body["conversation_id"] == message["conversation_id"]
    assert_message_id(body["message_id"])
    assert answer.headers["Location"].endswith(status_path(body["message_id"]))
    database.wait_state(body["message_id"], "sent")


def test_the_location_of_a_202_is_its_status(api, database):
    answer = api.send(new_message(), headers={"Prefer": "respond-async"})
    location = answer.headers["Location"]
    path = location[location.index("/api/"):]
    body = api.get(path).json()
    assert body["message_id"] == answer.json()["message_id"]


def test_quota_exceeded(api, simulator, database):
    message = new_message()
    simulator.script("quota", message["tenant_id"], "deny")
    answer = api.send(message)
    body = assert_problem(answer, 429, "quota_exceeded", "QUOTA_EXCEEDED", more=("details",))
    assert body["message"] == ("Message quota exceeded. Please upgrade your plan or wait for quota"
                               " reset.")
    assert body["details"], "the Tenant Service's reason belongs here"
    assert database.messages(message["tenant_id"]) == []
    assert simulator.recipient(message["to"])["calls"] == 0


def test_send_failed(api, simulator):
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131026)
    answer = api.send(message)
    body = assert_problem(answer, 500, "send_failed", "SEND_FAILED")
    assert body["message"] == "Failed to send message"
    assert_message_id(body["message_id"])
    details = json.dumps(body["details"])
    assert "131026" in details
    assert api.status(body["message_id"]).json()["status"] == "failed"


def test_status_of_a_sent_message(api):
    sent = api.send(new_message()).json()
    answer = api.status(sent["message_id"])
    assert answer.status_code == 200
    assert_like(answer.json(), STATUS, nullable=("delivered_at", "read_at"),
                more=("state_detail",))
    body = answer.json()
    assert body["message_id"] == sent["message_id"]
    assert body["whatsapp_message_id"] == sent["whatsapp_message_id"]
    assert body["status"] == "sent"
    assert body["delivered_at"] is None
    assert body["read_at"] is None
    assert body["failure_reason"] == ""


def test_status_of_a_failed_message(api, simulator):
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131047)
    message_id = api.send(message).json()["message_id"]
    body = api.status(message_id).json()
    assert_like(body, STATUS, nullable=("whatsapp_message_id", "delivered_at", "read_at"),
                more=("state_detail",))
    assert body["status"] == "failed"
    assert body["whatsapp_message_id"] is None
    assert body["failure_reason"]


def test_status_of_a_waiting_message(api, simulator, database):
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=1500)
    message_id = api.send(message, headers={"Prefer": "respond-async"}).json()["message_id"]
    body = api.status(message_id).json()
    assert_like(body, STATUS, nullable=("whatsapp_message_id", "delivered_at", "read_at"),
                more=("state_detail",))
    assert body["status"] == "queued"
    assert body["whatsapp_message_id"] is None
    assert body["failure_reason"] == ""
    database.wait_state(message_id, "sent")


@pytest.mark.parametrize("message_id", [
    "0193e6c0-0000-7000-8000-000000000000", "123e4567-e89b-12d3-a456-426614174000"])
def test_status_of_an_unknown_message(api, message_id):
    assert_problem(api.status(message_id), 404, "not_found", "NOT_FOUND")


def test_graph_call(api, simulator):
    message = new_message(message='Quotes " and \\ and \u00e9\U0001f600\nnew line')
    sent = api.send(message).json()
    call = simulator.last("graph")
    assert call["method"] == "POST"
    version, number = call["path"].strip("/").split("/")[:2]
    assert call["path"] == f"/{version}/{number}/messages"
    assert version == "v25.0"
    assert number.isdigit()
    assert call["headers"]["authorization"].startswith("Bearer ")
    assert call["headers"]["content-type"].split(";")[0] == "application/json"
    assert "expect" not in call["headers"]
    body = json.loads(call["body"])
    assert body.pop("biz_opaque_callback_data") == f"{sent['message_id']}:1"
    text = body.pop("text")
    assert text.pop("body") == message["message"]
    assert set(text) <= {"preview_url"}
    assert body == {"messaging_product": "whatsapp", "recipient_type": "individual",
                    "to": message["to"], "type": "text"}


def test_quota_call(api, simulator):
    message = new_message(tenant_id="tenant/with?odd&characters%")
    assert api.send(message).status_code == 200
    call = simulator.last("quota")
    assert call["method"] == "GET"
    assert call["path"] == ("/api/v1/tenants/tenant%2Fwith%3Fodd%26characters%25/quota/check")
    assert call["headers"]["x-tenant-id"] == message["tenant_id"]


def test_outlet_call(api, simulator):
    message = new_message(outlet_id="outlet#1/../2")
    assert api.send(message).status_code == 200
    call = simulator.last("outlet")
    assert call["method"] == "GET"
    assert call["path"] == "/api/v1/outlets/outlet%231%2F..%2F2"
    assert call["headers"]["x-tenant-id"] == message["tenant_id"]


@pytest.mark.parametrize("sender_type", [None, "llm", "agent"])
def test_conversation_call(api, simulator, sender_type):
    message = new_message(sender_type=sender_type)
    sent = api.send(message).json()
    call = simulator.last("conversation")
    assert (call["method"], call["path"]) == ("POST", "/api/v1/messages")
    assert call["headers"]["x-tenant-id"] == message["tenant_id"]
    assert call["headers"]["idempotency-key"] == sent["message_id"]
    assert call["headers"]["content-type"].split(";")[0] == "application/json"
    assert json.loads(call["body"]) == {
        "conversation_id": message["conversation_id"], "sender_type": sender_type or "llm",
        "content": message["message"], "whatsapp_message_id": sent["whatsapp_message_id"]}


def test_request_id_is_returned(api):
    for path, send in (("/health", api.get), (status_path("x"), api.get)):
        answer = send(path, headers={"X-Request-Id": "trace-42.a_b"})
        assert answer.headers["X-Request-Id"] == "trace-42.a_b"
    answer = api.send(new_message(), headers={"X-Request-Id": "trace-43"})
    assert answer.headers["X-Request-Id"] == "trace-43"


def test_request_id_is_made(api):
    made = {api.get("/health").headers["X-Request-Id"] for _ in range(3)}
    assert len(made) == 3 and all(made)


@pytest.mark.parametrize("bad", ["x" * 129, "with space", "tab\there"])
def test_unfit_request_id_is_replaced(api, bad):
    answer = api.get("/health", headers={"X-Request-Id": bad})
    assert answer.headers["X-Request-Id"] not in ("", bad)


def test_longest_request_id(api):
    answer = api.get("/health", headers={"X-Request-Id": "x" * 128})
    assert answer.headers["X-Request-Id"] == "x" * 128


def test_request_id_is_logged(api, service):
    api.send({"tenant_id": ""}, headers={"X-Request-Id": "trace-refused"})
    message = new_message()
    api.send(message, headers={"X-Request-Id": "trace-logged"})
    wait_until(lambda: service.lines_about("trace-logged"), 5, "the line of the message")


def test_health_needs_no_dependency(new_service, own_postgres):
    """It answers, and at once, while every neighbour and the database are gone."""
    database = own_postgres.database()
    service = new_service(database=database, TENANT_SERVICE_URL="http://127.0.0.1:1",
                          CONVERSATION_SERVICE_URL="http://127.0.0.1:1",
                          GRAPH_API_URL="https://127.0.0.1:1")
    own_postgres.freeze()
    try:
        assert service.ask("GET", "/health", seconds=1).status == 200
    finally:
        own_postgres.thaw()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_send_is_post_only(api, method):
    answer = api.request(method, SEND)
    assert_problem(answer, 405, "method_not_allowed", "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/health", status_path("0193e6c0-0000-7000-8000-000000000000")])
def test_reading_is_get_only(api, path):
    answer = api.request("POST", path, data=b"{}")
    assert_problem(answer, 405, "method_not_allowed", "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", [
    "/", "/api", "/api/v1/message", "/api/v1/messages/", "/api/v1/messages/send/x",
    "/api/v2/messages/send", "/healthz", "/health/", "/API/V1/MESSAGES/SEND",
    "/api/v1/messages/x/y/status"])
def test_unknown_path(api, path):
    assert_problem(api.get(path), 404, "not_found", "NOT_FOUND")


def test_a_query_does_not_change_the_route(api):
    assert api.get("/health?x=1").status_code == 200
    answer = api.request("POST", SEND + "?a=b", json=new_message())
    assert answer.status_code == 200


def test_head_of_health(api):
    answer = api.request("HEAD", "/health")
    assert (answer.status_code, answer.content) == (200, b"")
