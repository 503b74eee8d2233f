"""The simulator by itself: what other tests rely on must be true of it."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest
import requests

BINARY = os.environ.get("SIMULATOR_BIN") or os.path.join(
    os.environ.get("BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build"),
    "message-sender-simulator")
MESSAGE_ID = "018f4e5a-1111-7222-8333-123456789abc"
HTTP = ["--http2", "--http1.1"]


class Sim:
    def __init__(self, path, *options):
        self.path = path
        self.process = subprocess.Popen([BINARY, "--dir", path, *options])
        deadline = time.monotonic() + 20
        while not (path / "ports").exists():
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        ports = dict(line.split("=") for line in (path / "ports").read_text().split())
        self.plain = f"http://127.0.0.1:{ports['plain']}"
        self.tls = f"https://localhost:{ports['tls']}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0
        assert not (self.path / "ports").exists()

    def get(self, path):
        return requests.get(f"{self.plain}/_sim/{path}", timeout=5).json()

    def script(self, **order):
        answer = requests.post(f"{self.plain}/_sim/script", json=order, timeout=5)
        assert answer.status_code == 200, answer.text

    def curl(self, http, body, version="v25.0", token="EAAG-x", wait="2"):
        """(exit code, status, headers, body) of one Graph call."""
        run = subprocess.run(
            ["curl", "-sS", "-i", http, "-m", wait, "--cacert", self.path / "ca.pem",
             "-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json",
             "-d", json.dumps(body), f"{self.tls}/{version}/109876543210987/messages"],
            capture_output=True, text=True, check=False)
        head, _, text = run.stdout.partition("\n\n")
        lines = head.split("\n")
        status = int(lines[0].split()[1]) if lines[0] else 0
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return run.returncode, status, headers, text


def message(to="+628123456789", text="Hello", **more):
    return {"messaging_product": "whatsapp", "recipient_type": "individual", "to": to,
            "type": "text", "text": {"body": text},
            "biz_opaque_callback_data": f"{MESSAGE_ID}:1", **more}


@pytest.fixture(scope="module", name="process")
def start(tmp_path_factory):
    sim = Sim(tmp_path_factory.mktemp("simulator"))
    yield sim
    sim.stop()


@pytest.fixture(name="sim")
def fresh(process):
    requests.post(f"{process.plain}/_sim/reset", timeout=5)
    return process


@pytest.mark.parametrize("http", HTTP)
def test_every_accepted_call_is_a_message_of_its_own(sim, http):
    wamids = set()
    for _ in range(2):
        rc, status, headers, text = sim.curl(http, message(), version="v18.0")
        body = json.loads(text)
        assert (rc, status, headers["facebook-api-version"]) == (0, 200, "v21.0")
        assert body["contacts"] == [{"input": "+628123456789", "wa_id": "628123456789"}]
        wamids.add(body["messages"][0]["id"])
    assert len(wamids) == 2 and all(w.startswith("wamid.HBgM") for w in wamids)
    assert sim.get("duplicates") == [{"message": MESSAGE_ID, "accepted": 2}]
    assert sim.get("counts")["duplicates"] == 1
    seen = sim.get(f"message/{MESSAGE_ID}")
    assert (seen["calls"], seen["accepted"]) == (2, 2)
    assert seen["attempts"] == [f"{MESSAGE_ID}:1"] * 2
    assert sim.get("last/graph")["protocol"] == {"--http2": "h2"}.get(http, "http/1.1")
    assert json.loads(sim.get("recipient/%2B628123456789")["body"]) == message()


@pytest.mark.parametrize("http", HTTP)
@pytest.mark.parametrize("kind, rc, status, accepted", [
    ("drop_reply", {92, 52}, 0, 1),
    ("cut_before", {92, 52}, 0, 0),
    ("cut_reply", {92, 18}, 200, 1),
    ("hang", {28}, 0, 0),
    ("html_502", {0}, 502, 0),
    ("html_504", {0}, 504, 0),
    ("no_id", {0}, 200, 1),
    ("bad_json", {0}, 200, 1),
])
def test_fault(sim, http, kind, rc, status, accepted):
    sim.script(service="graph", recipient="+62 812-3456-789",
               behaviour={"kind": kind, "times": 1})
    answer = sim.curl(http, message(), wait="0.5")
    assert answer[0] in rc and answer[1] == status
    assert "wamid" not in answer[3]
    assert sim.get(f"message/{MESSAGE_ID}")["accepted"] == accepted
    assert sim.curl(http, message())[1] == 200, "then back to normal"


@pytest.mark.parametrize("kind", ["goaway", "refused_stream"])
def test_stream_not_taken(sim, kind):
    """curl sends such a stream again by itself, as it may: it was not processed."""
    sim.script(service="graph", behaviour={"kind": kind, "times": 1})
    sim.curl("--http2", message())
    seen = sim.get(f"message/{MESSAGE_ID}")
    assert seen["accepted"] == seen["calls"] - 1


def test_list_is_played_in_order(sim):
    sim.script(service="graph", behaviour=[
        {"kind": "error", "code": 131016, "times": 1, "retry_after": 7},
        {"kind": "error", "code": 190, "subcode": 463, "times": 1},
        {"kind": "http", "status": 418, "body": "{}", "times": 1}])
    answers = [sim.curl("--http2", message()) for _ in range(4)]
    assert [a[1] for a in answers] == [500, 401, 418, 200]
    assert answers[0][2]["retry-after"] == "7"
    assert json.loads(answers[1][3])["error"]["error_subcode"] == 463


@pytest.mark.parametrize("to, status, code", [
    ("+9991131026", 400, 131026), ("+99911320010000", 404, 132001), ("+9991000190", 401, 190),
    ("+9991000000", 401, 0), ("+9996000000", 502, None), ("+9990000000", 200, None)])
def test_number_that_says_what_happens(sim, to, status, code):
    answer = sim.curl("--http2", message(to))
    assert answer[1] == status
    if code is not None:
        assert json.loads(answer[3])["error"]["code"] == code


def test_number_that_fails_at_first(sim):
    statuses = [sim.curl("--http1.1", message("+99920200001"))[1] for _ in range(3)]
    assert statuses == [503, 503, 200]


@pytest.mark.parametrize("body, status, code", [
    (message(text="x" * 4096), 200, None), (message(text="\u00e9" * 4096), 200, None),
    (message(text="x" * 4097), 400, 100), (message(text=""), 400, 131009),
    (message(text=7), 400, 100), (message(messaging_product="sms"), 400, 100),
    (message(recipient_type="crowd"), 400, 131009), (message(type="song"), 400, 131009),
    (message(type="image"), 400, 131008), (message(to="+1234567"), 400, 131009),
    (message(to="+1234567890123456"), 400, 131009), ([], 400, 100)])
def test_body_check(sim, body, status, code):
    answer = sim.curl("--http2", body)
    assert answer[1] == status
    if code:
        assert json.loads(answer[3])["error"]["code"] == code


def test_token_check_comes_first(sim):
    assert json.loads(sim.curl("--http2", [], token="nonsense")[3])["error"]["code"] == 190


def test_latency_is_kept(sim):
    sim.script(service="quota", behaviour={"kind": "ok", "latency_ms": 150})
    session = requests.Session()
    for _ in range(5):
        start_s = time.monotonic()
        session.get(f"{sim.plain}/api/v1/tenants/t/quota/check", headers={"X-Tenant-Id": "t"})
        assert 0.150 <= time.monotonic() - start_s < 0.25


def test_tenant_service(sim):
    tenant = {"X-Tenant-Id": "a b"}
    quota = f"{sim.plain}/api/v1/tenants/a%20b/quota/check"
    assert requests.get(quota, timeout=5).status_code == 400
    assert requests.get(quota, headers=tenant, timeout=5).json() == {
        "can_send_message": True, "reason": ""}
    sim.script(service="quota", tenant="a b", behaviour={"kind": "deny", "reason": "paid up?"})
    assert requests.get(quota, headers=tenant, timeout=5).json() == {
        "can_send_message": False, "reason": "paid up?"}
    outlet = requests.get(f"{sim.plain}/api/v1/outlets/o%2F1", headers=tenant, timeout=5).json()
    assert outlet["id"] == "o/1" and outlet["waba_access_token"] == "EAAG-o/1"
    assert outlet["waba_phone_number_id"].isdigit() and len(outlet["waba_phone_number_id"]) == 15


def test_conversation_service(sim):
    post = {"conversation_id": "c", "sender_type": "llm", "content": "x",
            "whatsapp_message_id": "wamid.x"}
    headers = {"X-Tenant-Id": "t", "Idempotency-Key": MESSAGE_ID}
    url = f"{sim.plain}/api/v1/messages"
    sim.script(service="conversation", conversation="c",
               behaviour={"kind": "error", "status": 503, "times": 1})
    statuses = [requests.post(url, json=post, headers=headers, timeout=5).status_code
                for _ in range(3)]
    assert statuses == [503, 201, 201]
    seen = sim.get(f"message/{MESSAGE_ID}")
    assert (seen["conversation"], seen["stored"]) == (3, 2)
    counts = sim.get("counts")
    assert (counts["conversation_distinct"], counts["conversation_repeated"]) == (1, 1)
    assert requests.post(url, json={**post, "content": ""}, headers=headers,
                         timeout=5).status_code == 400


def test_chunked_body_and_pipelining(sim):
    """Two requests in one write are answered in order, also when the first one waits."""
    sim.script(service="quota", behaviour={"kind": "ok", "latency_ms": 50, "times": 1})
    text = json.dumps(message())
    requests_ = (b"GET /api/v1/tenants/t/quota/check HTTP/1.1\r\nHost: x\r\nX-Tenant-Id: t\r\n\r\n"
                 b"POST /v25.0/123456/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer EAAx"
                 b"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (
                     text[:5].encode(), len(text) - 5, text[5:].encode()))
    host, port = sim.plain.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        for i in range(0, len(requests_), 7):
            peer.sendall(requests_[i:i + 7])
        answer = b""
        while part := peer.recv(65536):
            answer += part
    assert answer.index(b"can_send_message") < answer.index(b"wamid.")
