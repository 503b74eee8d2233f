"""The way to the Graph API: HTTP/1.1, TLS, names that do not resolve - and programs that are
not the project's, as its own simulator could share its mistakes."""

import concurrent.futures
import json
import re
import subprocess
import time

import pytest

from harness.api import SEND, new_message
from harness.foreign import CLOSE, answer, certificate
from harness.process import TOP, free_port
from harness.service import command
from harness.wait import wait_until


@pytest.fixture(scope="module")
def files(work):
    return certificate(work / "certificates")


def post(service, message, headers=None, seconds=70):
    reply = service.ask("POST", SEND, json.dumps(message).encode(), headers, seconds)
    return reply.status, json.loads(reply.body)


def accept(request):
    """A Graph API that says yes."""
    to = request.json()["to"]
    return answer(200, {"messaging_product": "whatsapp",
                        "contacts": [{"input": to, "wa_id": to.lstrip("+")}],
                        "messages": [{"id": f"wamid.{to.lstrip('+')}"}]})


def graph_settings(server, files):
    return {"GRAPH_API_URL": f"https://localhost:{server.port}", "GRAPH_CA_FILE": files[0]}


# --- not our services


def test_services_that_are_not_ours(new_service, foreign, files):
    def neighbour(request):
        if "/quota/check" in request.path:
            return answer(200, {"can_send_message": True, "reason": "", "extra": [1, {}]})
        if "/outlets/" in request.path:
            return answer(200, {"id": "outlet-uuid", "name": "Branch", "waba_phone_number_id":
                                "123456789", "waba_access_token": "EAAGforeign"})
        return answer(201, {"stored": True})

    graph = foreign(accept, files)
    services = foreign(neighbour)
    url = f"http://127.0.0.1:{services.port}/"
    service = new_service(TENANT_SERVICE_URL=url, CONVERSATION_SERVICE_URL=url,
                          GRAPH_API_VERSION="v99.0", WORKERS="1",
                          **graph_settings(graph, files))
    message = new_message()
    status, body = post(service, message)
    assert status == 200, body
    assert body["whatsapp_message_id"] == f"wamid.{message['to'][1:]}"

    call = graph.requests[0]
    assert (call.method, call.path) == ("POST", "/v99.0/123456789/messages")
    assert call.headers["authorization"] == "Bearer EAAGforeign"
    assert call.headers["content-type"].split(";")[0] == "application/json"
    assert call.headers["content-length"] == str(len(call.body))
    assert call.json()["text"]["body"] == message["message"]
    paths = [(each.method, each.path) for each in services.requests]
    assert sorted(paths) == sorted([
        ("GET", f"/api/v1/tenants/{message['tenant_id']}/quota/check"),
        ("GET", f"/api/v1/outlets/{message['outlet_id']}"), ("POST", "/api/v1/messages")])


def test_connections_are_kept_alive(new_service, foreign, files):
    graph = foreign(accept, files)
    service = new_service(WORKERS=1, **graph_settings(graph, files))
    for _ in range(5):
        assert post(service, new_message())[0] == 200
    assert {request.connection for request in graph.requests} == {graph.connections}
    assert [request.nth for request in graph.requests] == [1, 2, 3, 4, 5]


# --- nothing is sent twice below us


def test_silent_resend_cannot_happen(new_service, foreign, files):
    """libcurl sends a POST again by itself when a re-used HTTP/1.1 connection closes without an
    answer.  Not here: the reply is lost, the server saw each message once."""
    graph = foreign(lambda request: accept(request) if request.nth == 1 else CLOSE, files)
    service = new_service(WORKERS=1, **graph_settings(graph, files))
    for _ in range(3):
        assert post(service, new_message())[0] == 200
        message = new_message()
        status, body = post(service, message)
        assert (status, body["state_detail"]) == (202, "outcome_unknown"), body
        assert [request.nth for request in graph.requests
                if request.json()["to"] == message["to"]] == [2]
        rows = service.database.attempts(body["message_id"])
        assert [row["outcome"] for row in rows] == ["lost"]
    assert len(graph.requests) == 6


def test_closed_while_idle_is_no_loss(new_service, foreign, files):
    """A server that closes connections after each answer costs nothing."""

    def last_words(request):
        return accept(request).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)

    graph = foreign(last_words, files)
    service = new_service(WORKERS=1, **graph_settings(graph, files))
    assert [post(service, new_message())[0] for _ in range(5)] == [200] * 5
    assert len(graph.requests) == 5


@pytest.mark.parametrize("name, reply", {
    "partial head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "partial body": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"messages\":[",
    "no HTTP": b"\x15\x03\x01\x00\x02\x02\x50 what is this\r\n\r\n",
    "interim only": b"HTTP/1.1 100 Continue\r\n\r\n",
}.items(), ids=lambda value: value if isinstance(value, str) else "")
def test_broken_answers_are_lost_replies(new_service, foreign, files, name, reply):
    class Once:
        """Says it and closes."""

        def __call__(self, request):
            return reply if request.nth == 1 else CLOSE

    graph = foreign(Once(), files)
    service = new_service(WORKERS=1, REQUEST_TIMEOUT_SECONDS=2, **graph_settings(graph, files))
    status, body = post(service, new_message())
    assert (status, body["state_detail"]) == (202, "outcome_unknown"), body
    assert len(graph.requests) == 1


def test_huge_answer_is_a_lost_reply(new_service, foreign, files):
    graph = foreign(lambda _: answer(200, {"messages": "x" * 8_000_000}), files)
    service = new_service(WORKERS=1, **graph_settings(graph, files))
    status, body = post(service, new_message())
    assert (status, body["state_detail"]) == (202, "outcome_unknown"), body
    assert len(graph.requests) == 1


def test_redirects_are_not_followed(new_service, foreign, files):
    elsewhere = foreign(accept, files)
    graph = foreign(lambda request: (
        "HTTP/1.1 307 X\r\nContent-Length: 0\r\n"
        f"Location: https://localhost:{elsewhere.port}{request.path}\r\n\r\n").encode(), files)
    service = new_service(**graph_settings(graph, files))
    status, _ = post(service, new_message())
    assert status in (202, 500)
    assert elsewhere.requests == []


def test_proxy_variables_are_ignored(new_service, foreign, files):
    graph = foreign(accept, files)
    proxy = f"http://127.0.0.1:{free_port()}"
    service = new_service(https_proxy=proxy, HTTPS_PROXY=proxy, http_proxy=proxy, ALL_PROXY=proxy,
                          **graph_settings(graph, files))
    assert post(service, new_message())[0] == 200


def test_graph_over_http1(new_service, new_simulator):
    """The simulator without HTTP/2."""
    graph = new_simulator(http1=True)
    service = new_service(simulator=graph)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: post(service, new_message())[0], range(60)))
    assert statuses == [200] * 60
    assert graph.duplicates() == []


# --- TLS is always verified


def test_certificate_nobody_knows(new_service, foreign, files):
    graph = foreign(accept, files)
    service = new_service(MAX_RETRIES=0, GRAPH_API_URL=f"https://localhost:{graph.port}",
                          GRAPH_CA_FILE=None)
    status, body = post(service, new_message())
    assert (status, body["code"]) == (500, "SEND_FAILED")
    assert graph.requests == []


def test_certificate_of_another_host(new_service, foreign, work):
    other = certificate(work / "certificates", "elsewhere.test")
    graph = foreign(accept, other)
    service = new_service(MAX_RETRIES=0, GRAPH_API_URL=f"https://localhost:{graph.port}",
                          GRAPH_CA_FILE=other[0])
    assert post(service, new_message())[0] == 500
    assert graph.requests == []


def test_graph_that_speaks_no_tls(new_service, foreign, files):
    graph = foreign(accept)
    service = new_service(MAX_RETRIES=0, **graph_settings(graph, files))
    assert post(service, new_message())[0] == 500
    assert graph.requests == []


def test_ca_file_that_is_not_there(simulator, database):
    done = command("check-config", env={**simulator.settings(), "DATABASE_URL": database.url,
                                        "FCGI_SOCKET": "/tmp/unused.sock",
                                        "GRAPH_CA_FILE": "/no/such/file.pem"})
    assert done.returncode not in (0, 99)
    assert "GRAPH_CA_FILE" in done.stderr + done.stdout


# --- a resolver that hangs


@pytest.fixture(scope="module")
def slow_resolver(work):
    library = work / "slow_resolver.so"
    source = TOP / "tests" / "system" / "harness" / "slow_resolver.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def test_hanging_resolver_delays_nobody(new_service, slow_resolver):
    """Names that take 20 s: while calls wait for one, run into their time-out and are given up,
    no other request waits longer than 50 ms."""
    service = new_service(WORKERS=1, MAX_RETRIES=1, REQUEST_TIMEOUT_SECONDS=2,
                          GRAPH_API_URL="https://slow.test", LD_PRELOAD=slow_resolver)
    ids = [post(service, new_message(), {"Prefer": "respond-async"})[1]["message_id"]
           for _ in range(3)]
    worst = 0

    def given_up():
        nonlocal worst
        for path in ("/health", f"/api/v1/messages/{ids[0]}/status"):
            began = time.monotonic()
            assert service.ask("GET", path).status == 200
            worst = max(worst, time.monotonic() - began)
        return all(len([row for row in service.database.attempts(each) if row["outcome"]]) >= 2
                   for each in ids)

    wait_until(given_up, 20, "both attempts of each message were given up")
    assert worst < 0.05, worst
    outcomes = {row["outcome"] for each in ids for row in service.database.attempts(each)}
    assert outcomes == {"not_sent"}
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 5


def test_hanging_resolver_for_the_database(new_service, database, slow_resolver):
    """libpq resolves names while it connects; here it never gets one."""
    service = new_service(
        WORKERS=1, LD_PRELOAD=slow_resolver,
        DATABASE_URL=f"postgresql://postgres@slow.test:5432/{database.name}",
        service_options={"wait": False})
    wait_until(lambda: service.lines(), 10, "it says something")
    wait_until(lambda: service.socket.exists(), 10, "the socket")
    worst = 0
    for _ in range(20):
        began = time.monotonic()
        assert service.ask("GET", "/health", seconds=15).status == 200
        worst = max(worst, time.monotonic() - began)
    assert worst < 1
    status, body = post(service, new_message(), seconds=10)
    assert status == 503, body


# --- secrets


def test_tokens_and_texts_stay_out_of_the_log(new_service, simulator):
    service = new_service()
    message = new_message(message="a secret that nobody may read")
    simulator.script("outlet", message["outlet_id"], "ok", token="EAAGcanary0815")
    simulator.script("graph", message["to"], "error", code=190, status=401)
    assert post(service, message)[0] == 500
    assert post(service, {**message, "to": new_message()["to"]})[0] == 200
    assert service.stop() == 0
    log = service.log.read_text()
    assert "canary0815" not in log
    assert "a secret" not in log
    assert message["to"] not in log
    assert not re.search(r"Bearer [A-Za-z0-9]", log)
