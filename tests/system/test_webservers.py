"""lighttpd and nginx as the project configures them: errors of their own making, limits, and
that neither sends anything twice."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests

from harness.api import Api, new_message
from harness.burst import send_all
from harness.shape import assert_problem
from harness.wait import wait_until


def test_no_service(new_service, new_web):
    """The web server's own error is JSON in our style."""
    service = new_service()
    web = new_web(service)
    assert Api(web.url).send(new_message()).status_code == 200
    assert service.stop() == 0
    answer = Api(web.url).send(new_message())
    assert_problem(answer, 503, "unavailable", "UNAVAILABLE")


def test_service_is_found_again(new_service, new_web):
    service = new_service()
    web = new_web(service)
    assert service.stop() == 0
    assert Api(web.url).get("/health").status_code == 503
    service.start()
    wait_until(lambda: Api(web.url).get("/health").status_code == 200, 5, "healthy again")


def test_body_far_beyond_the_limit(api):
    """What the web server refuses by itself."""
    answer = api.send_raw(b" " * 1024 * 1024)
    assert_problem(answer, 413, "body_too_large", "BODY_TOO_LARGE")


def test_post_without_a_body(api):
    """Whoever refuses it, the answer says what is missing, in our style."""
    bare = requests.Request("POST", api.url + "/api/v1/messages/send",
                            headers={"Content-Type": "application/json"}).prepare()
    del bare.headers["Content-Length"]
    answer = requests.Session().send(bare, timeout=10)
    assert answer.status_code in (400, 411), answer.text
    body = answer.json()
    assert {"error", "message", "code"} <= set(body)
    assert "body" in body["message"]


def test_worker_killed_in_a_request(new_service, new_web, simulator):
    """The caller gets an error in our style, and nothing was sent a second time."""
    service = new_service(WORKERS=1)
    web = new_web(service)
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=3000)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(Api(web.url).send(message)))
    thread.start()
    wait_until(lambda: simulator.recipient(message["to"])["calls"] == 1, 5, "the call")
    os.kill(service.workers()[0], signal.SIGKILL)
    thread.join()
    assert answers[0].status_code in (500, 502, 503)
    assert {"error", "message", "code"} <= set(answers[0].json())
    wait_until(lambda: service.database.messages(message["tenant_id"])[0]["state"] == "unknown",
               15, "the message is unknown")
    assert simulator.recipient(message["to"])["calls"] == 1
    assert len(service.database.messages(message["tenant_id"])) == 1


def test_client_connections_are_kept(api):
    for _ in range(3):
        assert api.get("/health").status_code == 200
    assert api.get("/health").headers.get("Connection", "keep-alive").lower() == "keep-alive"


def test_slow_client_costs_the_service_nothing(web, service):
    """Its request reaches us whole or not at all."""
    peers = []
    try:
        for _ in range(50):
            peer = socket.create_connection(("127.0.0.1", web.port))
            peer.sendall(b"POST /api/v1/messages/send HTTP/1.1\r\nHost: x\r\n"
                         b"Content-Type: application/json\r\nContent-Length: 400\r\n\r\n{")
            peers.append(peer)
        for _ in range(5):
            began = time.monotonic()
            assert service.ask("GET", "/health").status == 200
            assert time.monotonic() - began < 0.05
        assert Api(web.url).send(new_message()).status_code == 200
    finally:
        for peer in peers:
            peer.close()


def test_proxy_header_is_no_setting(api):
    answer = api.send(new_message(), headers={"Proxy": "http://127.0.0.1:1"})
    assert answer.status_code == 200


def test_more_clients_than_the_default_would_take(web):
    """lighttpd's own default ends at 1,365."""
    answers = send_all(web.port, [new_message() for _ in range(1500)], gap_seconds=0.001)
    assert {answer.status for answer in answers} == {200}


def test_listens_on_the_loopback_only(web):
    """Until callers have keys the service belongs in a private network."""
    addresses = subprocess.run(["hostname", "-I"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.split()
    for address in addresses:
        if ":" not in address and not address.startswith("127."):
            with pytest.raises(requests.ConnectionError):
                requests.get(f"http://{address}:{web.port}/health", timeout=2)


REFUSED = {
    "no request line": b"nonsense\r\n\r\n",
    "a path that is none": b"GET foo HTTP/1.1\r\nHost: x\r\n\r\n",
    "no such version": b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two lengths": b"POST /api/v1/messages/send HTTP/1.1\r\nHost: x\r\n"
                   b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{",
    "a length that is none": b"POST /api/v1/messages/send HTTP/1.1\r\nHost: x\r\n"
                             b"Content-Length: -1\r\n\r\n",
    "an unknown coding": b"POST /api/v1/messages/send HTTP/1.1\r\nHost: x\r\n"
                         b"Transfer-Encoding: gzip\r\n\r\n",
    "headers without end": b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100000
                           + b"\r\n\r\n",
    "a long path": b"GET /" + b"x" * 60000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body far too long": b"POST /api/v1/messages/send HTTP/1.1\r\nHost: x\r\n"
                           b"Content-Length: 999999999\r\n\r\n",
    "a trace": b"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
    "an expectation": b"POST /api/v1/messages/send HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\n"
                      b"Content-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", REFUSED)
def test_whoever_refuses_it_says_so_in_json(web, name):
    """Also what the web server does not hand over."""
    with socket.create_connection(("127.0.0.1", web.port), 10) as peer:
        peer.sendall(REFUSED[name])
        peer.shutdown(socket.SHUT_WR)
        text = b""
        while data := peer.recv(65536):
            text += data
    head, _, body = text.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] [45]\d\d ", head), head
    assert b"content-type: application/json" in head.lower(), text
    assert {"error", "message", "code"} <= set(json.loads(body)), body


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
def test_management_is_not_public(api, path):
    assert_problem(api.get(path), 404, "not_found", "NOT_FOUND")
