"""Thousands of wrong requests, straight and through the web server: no crash, no hang, the right
status for each, and nothing of them stored."""

import json
import socket
import time

import pytest

from harness import fcgi, malformed
from harness.api import SEND

BODIES = 10000
STREAMS = 10000
REQUESTS = 3000
HANG = 10  # seconds; what none may take, on a machine that does other things, too
CODES = {400: "INVALID_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE",
         415: "UNSUPPORTED_MEDIA_TYPE", 431: "HEADERS_TOO_LARGE"}
AT_ONCE = 40


@pytest.fixture(scope="module")
def target(new_module_service):
    """Its workers are the same afterwards, it answers, and has stored nothing."""
    service = new_module_service()
    workers = sorted(service.workers())
    yield service
    assert sorted(service.workers()) == workers
    for _ in range(10):
        assert service.healthy(HANG)
    assert service.database.messages(malformed.TENANT) == []


@pytest.fixture(scope="module")
def bodies():
    found = malformed.bodies(BODIES)
    assert len(found) >= 5000
    return found


def chunks(items):
    return [items[at:at + AT_ONCE] for at in range(0, len(items), AT_ONCE)]


def assert_refused(status, body, case):
    answer = json.loads(body)
    assert status == 400 and answer["code"] == CODES[400], (status, answer, case)
    assert {"error", "message", "code"} <= set(answer)
    assert ":" in answer["message"], (answer, case)


def test_bodies_straight(target, bodies):
    with fcgi.Connection(target.socket, HANG) as connection:
        for some in chunks(bodies):
            connection.send(b"".join(fcgi.request(
                "POST", SEND, body, CONTENT_TYPE="application/json", keep=True) for body in some))
            for body in some:
                reply = connection.read_reply()
                assert_refused(reply.status, reply.body, body)


def read_answer(stream):
    """(status, body) of an HTTP answer; (0, b"") when the connection has ended."""
    line = stream.readline()
    if not line:
        return 0, b""
    length, chunked = 0, False
    while (field := stream.readline().strip().lower()):
        name, _, value = field.partition(b":")
        length = int(value) if name == b"content-length" else length
        chunked = chunked or name == b"transfer-encoding"
    body = stream.read(length)
    while chunked:
        size = int(stream.readline(), 16)
        body += stream.read(size + 2)[:-2]
        chunked = size > 0
    return int(line.split()[1]), body


@pytest.fixture(scope="module")
def port(target, work, web_kind):
    """A web server in front of it."""
    from harness.web import Web
    server = Web(web_kind, work, "web-malformed", target.socket)
    yield server.port
    server.stop()


def connect(port):
    peer = socket.create_connection(("127.0.0.1", port), HANG)
    return peer, peer.makefile("rb")


def test_bodies_through_the_web_server(port, bodies):
    """Several connections take turns, so that the web server's work and ours overlap."""
    peers = []
    try:
        for some in chunks(bodies):
            while len(peers) < len(some):
                peers.append(connect(port))
            for (peer, _), body in zip(peers, some):
                peer.sendall(b"POST " + SEND.encode() + b" HTTP/1.1\r\nHost: x\r\n"
                             b"Content-Type: application/json\r\nContent-Length: "
                             + str(len(body)).encode() + b"\r\n\r\n" + body)
            for at, body in enumerate(some):
                status, answer = read_answer(peers[at][1])
                if body == b"" and status == 411:  # nginx and lighttpd may say so themselves
                    status = 400
                assert_refused(status, answer, body)
    finally:
        for peer, stream in peers:
            stream.close()
            peer.close()


def test_requests_through_the_web_server(port, target):
    """Wrong in their lines and headers: never taken, never 5xx."""
    worst = 0
    for data, wanted in malformed.requests(REQUESTS):
        began = time.monotonic()
        peer, stream = connect(port)
        with peer, stream:
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                status, body = read_answer(stream)
            except ConnectionError:
                status, body = 0, b""
        worst = max(worst, time.monotonic() - began)
        assert status in wanted, (data[:300], status, body)
    assert worst < HANG
    assert target.healthy(HANG)


def test_streams(target):
    """FastCGI that is none, or none of ours."""
    cases = malformed.streams(STREAMS)
    assert len(cases) >= 5000
    for some in chunks(cases):
        peers = []
        for data, _ in some:
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(HANG)
            peer.connect(str(target.socket))
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it was dropped meanwhile
            peers.append(peer)
        for peer, (data, wanted) in zip(peers, some):
            came = b""
            with peer:
                try:
                    while (piece := peer.recv(65536)):
                        came += piece
                except ConnectionResetError:
                    pass
            seen = malformed.read_records(came)
            assert set(seen) <= wanted, (data, seen, wanted)
