"""The simulator's webhooks by themselves, against a small receiver: what tests of the service
rely on must be true of them."""

import hashlib
import hmac
import json
import time
import urllib.parse

import pytest
import requests

from harness.foreign import CLOSE
from harness.wait import wait_until
from test_simulator import MESSAGE_ID, Sim, message

SECRET = "test-app-secret-not-real"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
NUMBER = "109876543210987"
QUICK = [{"status": "sent"}, {"status": "delivered", "after_ms": 20},
         {"status": "read", "after_ms": 40}]


class Hooks:
    """A simulator that sends webhooks to a receiver, which keeps them."""

    def __init__(self, sim, foreign):
        self.sim = sim
        self.replies = []    # played first; then always 200
        self.receiver = foreign(lambda request: self.replies.pop(0) if self.replies else OK)
        self.set(url=f"http://127.0.0.1:{self.receiver.port}/api/v1/webhooks/whatsapp",
                 secret=SECRET, batch=100, gather_ms=10, connections=4, retry_ms=1000, deaf=0)

    def post(self, path, **body):
        return requests.post(f"{self.sim.plain}/_sim/{path}", json=body, timeout=10)

    def set(self, **rules):
        answer = self.post("webhooks", **rules)
        assert answer.status_code == 200, answer.text

    def plan(self, receipts, to=None):
        answer = self.post("receipts", receipts=receipts, **({"recipient": to} if to else {}))
        assert answer.status_code == 200, answer.text

    def send(self, to="+628123456789", number=NUMBER, **more):
        body = message(to, **more)
        if not to:
            del body["to"]
        answer = requests.post(f"{self.sim.plain}/v25.0/{number}/messages", timeout=5, json=body,
                               headers={"Authorization": "Bearer EAAG-x"})
        assert answer.status_code == 200, answer.text
        return answer.json()["messages"][0]["id"]

    def counts(self):
        return self.sim.get("webhooks")

    def settled(self):
        """The counts, once nothing is waiting any more."""
        def look():
            counts = self.counts()
            return counts if counts["waiting"] == counts["open"] == 0 else None
        return wait_until(look, 10, "all webhooks are answered 200")

    def values(self, requests_=None):
        """The `value` of every change that came, each signed over its raw bytes."""
        found = []
        for request in requests_ or self.receiver.requests:
            mac = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
            assert request.headers["x-hub-signature-256"] == f"sha256={mac}"
            body = request.json()
            assert body["object"] == "whatsapp_business_account"
            found += [change["value"] for entry in body["entry"] for change in entry["changes"]]
        return found

    def statuses(self, requests_=None):
        return [status for value in self.values(requests_) for status in value["statuses"]]

    def names(self):
        return [status["status"] for status in self.statuses()]


@pytest.fixture(scope="module", name="process")
def start(tmp_path_factory):
    sim = Sim(tmp_path_factory.mktemp("simulator"), "--journal",
              tmp_path_factory.mktemp("journal") / "journal")
    yield sim
    sim.stop()


@pytest.fixture(name="hooks")
def fresh(process, foreign):
    requests.post(f"{process.plain}/_sim/reset", timeout=5)
    hooks = Hooks(process, foreign)
    yield hooks
    hooks.set(url="")


def test_what_follows_an_accepted_message(hooks):
    hooks.plan({"statuses": QUICK})
    before = int(time.time())
    wamid = hooks.send()
    counts = hooks.settled()
    assert (counts["statuses"], counts["taken"], counts["last_status"]) == (3, 3, 200)
    assert 0 < counts["median_ms"] <= counts["p99_ms"] <= counts["max_ms"] < 5000
    sent, delivered, read = hooks.statuses()
    for status, name in (sent, "sent"), (delivered, "delivered"), (read, "read"):
        assert (status["id"], status["status"], status["recipient_id"],
                status["biz_opaque_callback_data"]) == (
                    wamid, name, "628123456789", f"{MESSAGE_ID}:1")
        assert before <= int(status["timestamp"]) <= time.time()
        assert status["recipient_user_id"].startswith("ID.")
    assert sent["pricing"] == delivered["pricing"] == {
        "billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    assert "pricing" not in read and "conversation" not in sent
    value = hooks.values()[0]
    assert value["metadata"]["phone_number_id"] == NUMBER
    assert value["contacts"] == [{"wa_id": "628123456789",
                                  "user_id": sent["recipient_user_id"]}]


def test_bytes_are_as_meta_writes_them(hooks):
    hooks.plan({"statuses": ["failed"], "identity": "user", "callback": "never"})
    hooks.send()
    hooks.plan({"statuses": ["delivered"], "identity": "user"})
    hooks.send()
    hooks.settled()
    raw = b"".join(request.body for request in hooks.receiver.requests)
    assert raw.isascii() and b"\n" not in raw and b'": ' not in raw and b', "' not in raw
    assert rb"Andr\u00e9 \ud83d\ude42" in raw
    assert rb'"href":"\/documentation\/business-messaging\/' in raw


def test_failure_of_any_code_with_or_without_callback(hooks):
    hooks.plan({"fail": 100, "code": 131049, "callback": "not_failed",
                "statuses": [{"status": "sent"}, "delivered"]}, to="+62 812-3456-789")
    hooks.send()
    hooks.send("+99901310001234")
    hooks.settled()
    by_recipient = {}
    for status in hooks.statuses():
        by_recipient.setdefault(status["recipient_id"], []).append(status)
    sent, failed = by_recipient["628123456789"]
    assert (sent["status"], failed["status"]) == ("sent", "failed")
    assert "biz_opaque_callback_data" in sent and "biz_opaque_callback_data" not in failed
    assert "recipient_user_id" not in failed and "pricing" not in failed
    assert failed["errors"] == [{
        "code": 131049, "title": "Not delivered, ecosystem health",
        "message": "Not delivered, ecosystem health",
        "error_data": {"details": "Made by the simulator."},
        "href": "/documentation/business-messaging/whatsapp/support/error-codes"}]
    assert [(s["status"], s.get("errors", [{}])[0].get("code"))
            for s in by_recipient["99901310001234"]] == [("sent", None), ("failed", 131000)]


def test_legacy_shape_and_user_ids_only(hooks):
    hooks.plan({"statuses": ["sent", "delivered"], "legacy": True}, to="+628000000001")
    hooks.plan({"statuses": [{"status": "read", "after_ms": 0}], "identity": "user",
                "category": "service"}, to="+628000000002")
    hooks.send("+628000000001")
    hooks.settled()
    hooks.send("+628000000002")
    hooks.send(to=None, recipient="ID.123")
    hooks.settled()
    sent, delivered, read, other, *_ = hooks.statuses()
    assert sent["pricing"] == {"billable": True, "pricing_model": "CBP", "category": "utility"}
    assert sent["conversation"]["id"] == delivered["conversation"]["id"]
    assert int(sent["conversation"]["expiration_timestamp"]) > time.time()
    assert "expiration_timestamp" not in delivered["conversation"]
    assert "recipient_user_id" not in sent
    assert "recipient_id" not in read and read["recipient_user_id"].startswith("ID.")
    assert read["pricing"]["category"] == "service"
    assert other["recipient_user_id"] == "ID.123" and "recipient_id" not in other


@pytest.mark.parametrize("plan, names", [
    ({"reorder": 100}, ["read", "delivered", "sent"]),
    ({"duplicate": 100}, ["sent", "sent", "delivered", "delivered", "read", "read"]),
    ({"drop": 100}, []),
    ({"silent": 100}, []),
    ({"delay": 100, "delay_ms": 50}, ["sent", "delivered", "read"]),
    ({"statuses": ["delivered", {"status": "failed", "after_ms": 210}, "whatever"]},
     ["whatever", "delivered", "failed"]),
])
def test_disorder(hooks, plan, names):
    hooks.set(connections=1)
    hooks.plan({"statuses": QUICK, **plan})
    began = time.monotonic()
    hooks.send()
    counts = hooks.settled()
    assert hooks.names() == names
    assert counts["duplicated"] == (3 if "duplicate" in plan else 0)
    assert counts["dropped"] == (0 if names else 3)
    if "delay" in plan:
        assert time.monotonic() - began >= 0.09


def test_plans_are_played_one_after_the_other(hooks):
    hooks.plan([{"statuses": ["failed"], "code": 131000, "times": 1}, {"statuses": ["sent"]}])
    for _ in range(3):
        hooks.send()
        hooks.settled()
    assert hooks.names() == ["failed", "sent", "sent"]


def test_early_comes_before_the_answer(hooks):
    hooks.plan({"statuses": ["sent"], "early": 100})
    hooks.sim.script(service="graph", behaviour={"kind": "ok", "latency_ms": 400, "times": 1})
    began = time.monotonic()
    hooks.receiver.reply = lambda request: seen.append(time.monotonic() - began) or OK
    seen = []
    hooks.send()
    assert seen and seen[0] < time.monotonic() - began
    hooks.plan({"statuses": ["sent"]})
    hooks.sim.script(service="graph", behaviour={"kind": "ok", "latency_ms": 100, "times": 1})
    began = time.monotonic()
    hooks.send()
    hooks.settled()
    assert seen[1] >= 0.1


def test_a_lost_reply_is_reported_all_the_same(hooks):
    hooks.plan({"statuses": ["sent"]})
    hooks.sim.script(service="graph", behaviour={"kind": "drop_reply", "times": 1})
    with pytest.raises(requests.ConnectionError):
        hooks.send()
    hooks.settled()
    assert [s["biz_opaque_callback_data"] for s in hooks.statuses()] == [f"{MESSAGE_ID}:1"]
    hooks.sim.script(service="graph", behaviour={"kind": "cut_before", "times": 1})
    with pytest.raises(requests.ConnectionError):
        hooks.send()
    assert hooks.settled()["statuses"] == 1, "what was not accepted has no receipt"


def test_batches(hooks):
    """Full ones go at once, what is left after gather_ms; numbers have changes of their own."""
    hooks.set(batch=1000, gather_ms=60000, connections=1)
    hooks.plan({"statuses": [{"status": "sent"}] * 8})
    for i in range(125):
        hooks.send(number=f"10987654321098{i % 2}")
    counts = hooks.settled()
    sizes = [len(hooks.statuses([request])) for request in hooks.receiver.requests]
    assert sizes == [1000] and counts["statuses"] == 1000
    assert hooks.receiver.connections == 1, "kept alive"
    assert {value["metadata"]["phone_number_id"] for value in hooks.values()} == {
        "109876543210980", "109876543210981"}
    hooks.receiver.requests.clear()
    hooks.set(batch=10, batch_min=1, gather_ms=300)
    for _ in range(10):
        hooks.send()
    hooks.settled()
    sizes = {len(hooks.statuses([request])) for request in hooks.receiver.requests}
    assert min(sizes) >= 1 and max(sizes) <= 10 and len(sizes) > 3


def test_sent_again_until_it_is_answered_200(hooks):
    hooks.set(retry_ms=300)
    hooks.plan({"statuses": ["sent"]})
    hooks.replies = [BUSY, CLOSE, b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n"]
    times = []
    inner = hooks.receiver.reply
    hooks.receiver.reply = lambda request: times.append(time.monotonic()) or inner(request)
    hooks.send()
    counts = hooks.settled()
    assert (counts["posts"], counts["tries"], counts["refused"], counts["unanswered"]) == (
        1, 4, 2, 1)
    assert len({request.body for request in hooks.receiver.requests}) == 1
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[0] < 0.3 <= gaps[1] and gaps[2] >= 0.6


def test_an_answer_that_is_not_heard(hooks):
    hooks.set(deaf=100, retry_ms=20)
    hooks.plan({"statuses": ["sent"]})
    hooks.send()
    wait_until(lambda: hooks.counts()["unheard"] >= 2, 5, "it is sent again")
    hooks.set(deaf=0)
    counts = hooks.settled()
    assert counts["taken"] == 1 and len(hooks.receiver.requests) == counts["unheard"] + 1


def test_nobody_there(hooks):
    url = hooks.counts()["url"]
    hooks.set(url="http://localhost:1/", retry_ms=20)
    hooks.plan({"statuses": ["sent"]})
    hooks.send()
    wait_until(lambda: hooks.counts()["unanswered"] >= 3, 5, "it is tried")
    hooks.set(url=url)
    assert hooks.settled()["taken"] == 1


def test_ordered_webhooks(hooks):
    echo = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n123"
    hooks.replies = [echo, BUSY, OK]
    answer = hooks.post("handshake", token="a b/ü", challenge="123").json()
    assert answer == {"status": 200, "type": "text/plain", "body": "123"}
    query = hooks.receiver.requests[0].path.partition("?")[2]
    assert urllib.parse.parse_qs(query) == {
        "hub.mode": ["subscribe"], "hub.challenge": ["123"], "hub.verify_token": ["a b/ü"]}
    answer = hooks.post("webhook", body={"text": "ü/"}, signature="sha256=00").json()
    assert (answer["status"], answer["body"]) == (503, "abc")
    assert hooks.receiver.requests[1].body == rb'{"text":"\u00fc\/"}'
    assert hooks.receiver.requests[1].headers["x-hub-signature-256"] == "sha256=00"
    hooks.post("webhook", body="no JSON")
    assert hooks.receiver.requests[2].body == b"no JSON"
    assert len(hooks.receiver.requests) == 3, "none is sent again"


def test_inbound(hooks):
    hooks.post("inbound", number=NUMBER, **{"from": "+628123456789"}, text="Halo/ü")
    hooks.post("inbound", number=NUMBER, **{"from": "ID.77"},
               message={"type": "reaction", "reaction": {"message_id": "wamid.x"}})
    text, reaction = hooks.values()
    assert text["contacts"][0]["wa_id"] == text["messages"][0]["from"] == "628123456789"
    assert text["messages"][0]["text"] == {"body": "Halo/ü"}
    assert text["messages"][0]["id"].startswith("wamid.")
    assert reaction["messages"][0]["from_user_id"] == reaction["contacts"][0]["user_id"] == "ID.77"
    assert "from" not in reaction["messages"][0] and "wa_id" not in reaction["contacts"][0]
    assert reaction["messages"][0]["reaction"] == {"message_id": "wamid.x"}


def test_what_was_taken_is_in_the_journal(hooks, process):
    journal = process.process.args[-1]
    hooks.replies = [BUSY, OK]
    hooks.plan({"statuses": ["sent"], "callback": "never"})
    wamid = hooks.send()
    hooks.settled()
    lines = [line.split()[1:] for line in journal.read_text().splitlines()]
    assert lines[-2:] == [["graph", f"{MESSAGE_ID}:1", "taken", wamid],
                          ["receipt", f"{MESSAGE_ID}:1", "sent", wamid]]


@pytest.mark.parametrize("path, body", [
    ("webhooks", {"url": "https://example.com/"}), ("webhooks", {"batch": 1001}),
    ("webhooks", {"batch": 0}), ("webhooks", {"nonsense": 1}), ("webhooks", {"connections": 65}),
    ("receipts", {"receipts": {"drop": 101}}), ("receipts", {"receipts": {"callback": "x"}}),
    ("receipts", {"receipts": {"statuses": ["sent"] * 9}}), ("receipts", {"receipts": []}),
    ("inbound", {"from": "+628"}), ("handshake", {"secret": "x"}), ("webhook", {}),
])
def test_wrong_orders(hooks, path, body):
    answer = hooks.post(path, **body)
    assert answer.status_code == 400 and answer.json()["error"]


def test_options(tmp_path, foreign):
    """What the command line orders; a reset and an empty URL forget what is not reported yet."""
    receiver = foreign(lambda request: OK)
    sim = Sim(tmp_path, "--webhook-url", f"http://localhost:{receiver.port}/hook",
              "--app-secret", SECRET, "--receipts",
              '{"statuses":["sent",{"status":"read","after_ms":600000}]}')
    try:
        requests.post(f"{sim.plain}/v25.0/{NUMBER}/messages", timeout=5, json=message(),
                      headers={"Authorization": "Bearer EAAG-x"})
        wait_until(lambda: receiver.requests, 5, "the first status came")
        wait_until(lambda: sim.get("webhooks")["open"] == 0, 5, "and is answered")
        assert receiver.requests[0].path == "/hook"
        assert sim.get("webhooks")["waiting"] == 1
        requests.post(f"{sim.plain}/_sim/reset", timeout=5)
        assert sim.get("webhooks")["waiting"] == 0
    finally:
        sim.stop()
