"""GET and POST /api/v1/webhooks/whatsapp: who is let in, what is taken, and when it is answered."""

import hashlib
import hmac
import json
import random
import time

import pytest

from harness import fcgi
from harness.api import SEND, Api, new_message
from harness.process import TOP
from harness.shape import assert_problem
from harness.wait import wait_until

PATH = "/api/v1/webhooks/whatsapp"
FIXTURES = TOP / "tests" / "fixtures" / "graph" / "webhooks"
# Of the fixtures' signatures.
SECRET = "test-app-secret-not-real"
TOKEN = "verify-me"
BODY_MAX = 4 * 1024 * 1024


def signature(body, secret=SECRET):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(api, body, secret=SECRET, header=None):
    """The body as it is, signed, or with this header ("": none)."""
    header = signature(body, secret) if header is None else header
    return api.request("POST", PATH, data=body, timeout=20, headers={
        "Content-Type": "application/json", **({"X-Hub-Signature-256": header} if header else {})})


def webhook(*statuses, number="109876543210987"):
    """As Meta writes it: compact, with escapes that JSON does not need."""
    body = {"object": "whatsapp_business_account", "entry": [{"id": "210987654321098", "changes": [
        {"value": {"messaging_product": "whatsapp", "metadata": {
            "display_phone_number": "6281100009000", "phone_number_id": number},
            "statuses": list(statuses)}, "field": "messages"}]}]}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def status_of(sent, status, at=None, **more):
    """What Meta reports of a message that the service has sent."""
    return {"id": sent["whatsapp_message_id"], "status": status,
            "timestamp": str(int(at or time.time())), "recipient_id": "628123456789",
            "biz_opaque_callback_data": f"{sent['message_id']}:1", **more}


def padded(size):
    """A webhook of exactly so many bytes."""
    body = webhook({"id": "wamid.nobody", "status": "sent", "timestamp": "1795392010"})
    return body + b" " * (size - len(body))


@pytest.fixture(scope="module")
def hooked(new_module_service):
    """A service that takes webhooks signed with either of two secrets."""
    return new_module_service(WHATSAPP_APP_SECRET=f"another-secret,{SECRET}",
                              WHATSAPP_VERIFY_TOKEN=f"old-token,{TOKEN}")


@pytest.fixture
def hook(hooked, new_web):
    return Api(new_web(hooked).url)


# --- the handshake


def handshake(api, **parameters):
    return api.get(PATH, params={name.replace("_", ".", 1): value
                                 for name, value in parameters.items()})


def test_handshake(hook):
    for token in (TOKEN, "old-token"):
        answer = handshake(hook, hub_mode="subscribe", hub_challenge="1158201444",
                           hub_verify_token=token)
        assert (answer.status_code, answer.text) == (200, "1158201444")
        assert answer.headers["Content-Type"].split(";")[0] == "text/plain"
    for token in ("verify-m", "verify-me,", f"old-token,{TOKEN}", ""):
        answer = handshake(hook, hub_mode="subscribe", hub_challenge="1", hub_verify_token=token)
        assert_problem(answer, 403, "forbidden", "FORBIDDEN")
    assert hook.get(PATH).status_code == 403


def test_without_settings_nobody_is_let_in(api):
    """The session's service has neither secret nor token."""
    assert_problem(post(api, webhook()), 403, "forbidden", "FORBIDDEN")
    answer = handshake(api, hub_mode="subscribe", hub_challenge="1", hub_verify_token="")
    assert_problem(answer, 403, "forbidden", "FORBIDDEN")


# --- the signature


def test_tampered_webhooks(hook, hooked):
    """None of 300 is taken, through the web server; the genuine one is."""
    random.seed(4711)
    body = (FIXTURES / "status_sent.json").read_bytes()
    good = signature(body)
    kept = hooked.database.query("SELECT count(*) AS n FROM message_sender.webhook")[0]["n"]
    for i in range(300):
        changed, header = bytearray(body), good
        if i % 3 == 0:
            changed[random.randrange(len(body))] ^= 1 << random.randrange(8)
        elif i % 3 == 1:
            at = len("sha256=") + random.randrange(64)
            header = good[:at] + ("7" if good[at] != "7" else "8") + good[at + 1:]
        else:
            changed = changed[:random.randrange(len(body))]
        assert post(hook, bytes(changed), header=header).status_code == 401
    assert_problem(post(hook, body, header=""), 401, "bad_signature", "BAD_SIGNATURE")
    assert_problem(post(hook, body, secret="third"), 401, "bad_signature", "BAD_SIGNATURE")
    assert post(hook, body).status_code == 200
    assert post(hook, body, secret="another-secret").status_code == 200
    now = hooked.database.query("SELECT count(*) AS n FROM message_sender.webhook")[0]["n"]
    assert now - kept == 2


def test_unsigned_for_development(new_service):
    service = new_service(WEBHOOK_UNSIGNED="allow")
    headers = {"Content-Type": "application/json"}
    assert service.ask("POST", PATH, webhook(), headers).status == 200


# --- what is taken


@pytest.fixture
def signatures():
    rows = (FIXTURES / "signatures.tsv").read_text().splitlines()[1:]
    return {row.split("\t")[0]: row.split("\t")[2] for row in rows}


def test_every_shape_is_taken(hook, hooked, signatures):
    """With Meta's own signature; one line in the log, without numbers and texts."""
    assert len(signatures) == 46
    for name, header in signatures.items():
        answer = post(hook, (FIXTURES / name).read_bytes(), header=header)
        assert answer.status_code == 200, f"{name}: {answer.text}"
    lines = hooked.events("webhook", status=200)
    assert len(lines) >= 46
    assert all(line["bytes"] for line in lines)
    for secret in ("628123456789", "ID.7301", "Apakah", SECRET, TOKEN):
        assert not hooked.lines_about(secret)


def test_what_is_no_json_is_kept(hook, hooked):
    body = b'{"object":"whatsapp_business_account","entry":[' + b"\xff\x00"
    assert post(hook, body).status_code == 200
    rows = hooked.database.query("SELECT body FROM message_sender.webhook")
    assert body in [bytes(row["body"]) for row in rows]


@pytest.mark.parametrize("count", [1, 999, 1000, 1001])
def test_batches(hook, hooked, count):
    """So many statuses of nobody's messages."""
    body = webhook(*({"id": f"wamid.{count}.{i}", "status": "delivered",
                      "timestamp": "1795392010", "recipient_id": "628123456789"}
                     for i in range(count)))
    answer = post(hook, body)
    assert answer.json() == {"statuses": count, "changes": 0}
    hooked.wait_event("webhook", statuses=count)


@pytest.mark.parametrize("kind", ["lighttpd", "nginx"])
def test_limits_of_the_body(hooked, new_web, kind):
    api = Api(new_web(hooked, kind).url)
    assert post(api, padded(BODY_MAX - 1)).status_code == 200
    assert post(api, padded(BODY_MAX)).status_code == 200
    assert_problem(post(api, padded(BODY_MAX + 1)), 413, "body_too_large", "BODY_TOO_LARGE")
    assert post(api, padded(BODY_MAX + 512 * 1024)).status_code == 413


def test_other_methods_and_types(hook):
    assert hook.request("PUT", PATH, data=b"{}").status_code == 405
    answer = hook.request("POST", PATH, data=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


# --- what comes of it


def test_a_message_is_delivered_and_read(hook, simulator):
    """In one webhook, out of order and twice."""
    sent = hook.send(new_message()).json()
    at = time.time()
    body = webhook(status_of(sent, "read", at + 2), status_of(sent, "delivered", at + 1),
                   status_of(sent, "sent", at), status_of(sent, "read", at + 2))
    assert post(hook, body).json() == {"statuses": 4, "changes": 0}
    status = hook.status(sent["message_id"]).json()
    assert status["status"] == "read"
    assert status["delivered_at"] and status["read_at"]


def test_a_message_fails(hook, simulator):
    sent = hook.send(new_message()).json()
    fault = {"code": 131026, "title": "Message undeliverable", "message": "Message undeliverable",
             "error_data": {"details": "Not on WhatsApp."}}
    assert post(hook, webhook(status_of(sent, "failed", errors=[fault]))).status_code == 200
    status = hook.status(sent["message_id"]).json()
    assert status["status"] == "failed"
    assert "Message undeliverable" in status["failure_reason"]


def test_one_bad_status_spoils_nothing(hook, simulator):
    sent = hook.send(new_message()).json()
    body = webhook(7, {"id": 1}, {"status": "sent"}, status_of(sent, "delivered", new={"x": []}),
                   {"id": "w", "status": "beamed", "timestamp": "1795392010"})
    assert post(hook, body).status_code == 200
    assert hook.status(sent["message_id"]).json()["status"] == "delivered"


# --- Meta keeps what we do not


def test_while_the_database_is_away(own_postgres, new_service):
    """503 with Retry-After; sent again, it is taken."""
    service = new_service(database=own_postgres.database(), WHATSAPP_APP_SECRET=SECRET)
    body = webhook({"id": "wamid.later", "status": "sent", "timestamp": "1795392010"})
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature(body)}
    assert service.ask("POST", PATH, body, headers).status == 200
    own_postgres.freeze()
    try:
        reply = service.ask("POST", PATH, body, headers)
    finally:
        own_postgres.thaw()
    assert reply.status == 503, reply.body
    assert int(reply.headers["retry-after"]) >= 1
    wait_until(lambda: service.ask("POST", PATH, body, headers).status == 200, 10, "taken again")


def test_what_comes_is_counted(new_service, sockets):
    service = new_service(MANAGEMENT_SOCKET=str(sockets / "webhook.sock"),
                          WHATSAPP_APP_SECRET=SECRET)

    def send(body, secret=SECRET):
        return service.ask("POST", PATH, body, {"Content-Type": "application/json",
                                                "X-Hub-Signature-256": signature(body, secret)})

    body = webhook({"id": "w", "status": "read", "timestamp": "1795392010"},
                   {"id": "w", "status": "beamed", "timestamp": "1795392010", "new": 1}, 7)
    sent = json.loads(service.ask("POST", SEND, json.dumps(new_message()).encode()).body)
    ours = webhook(status_of(sent, "delivered"))
    assert [send(data).status for data in (body, ours, ours)] == [200, 200, 200]
    assert send(body, "another").status == 401
    assert send((FIXTURES / "unknown_field.json").read_bytes()).status == 200
    assert send((FIXTURES / "inbound_text.json").read_bytes()).status == 200
    text = fcgi.ask(service.settings["MANAGEMENT_SOCKET"], "GET", "/metrics", seconds=5).body
    now = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line[0] != "#")
    expected = {
        'requests_total{route="webhook",class="2xx"}': 5,
        'requests_total{route="webhook",class="4xx"}': 1,
        'webhooks_total{end="kept"}': 5,
        'webhooks_total{end="bad_signature"}': 1,
        'receipts_total{status="read"}': 1,
        'receipts_total{status="other"}': 1,
        'receipts_total{status="delivered"}': 2,
        'receipts_kept_total{as="fresh"}': 1,
        'receipts_kept_total{as="repeated"}': 1,
        'receipts_kept_total{as="orphan"}': 2,
        'webhook_changes_total{field="messages"}': 1,
        'webhook_changes_total{field="other"}': 1,
        'webhook_unknown_total{what="field"}': 1,
        'webhook_unknown_total{what="status"}': 1,
        'webhook_unknown_total{what="member"}': 1,
        'webhook_unknown_total{what="shape"}': 1,
    }
    assert {name: float(now["message_sender_" + name]) for name in expected} == expected
