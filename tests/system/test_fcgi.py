"""The FastCGI side, byte by byte: peers that are slow, silent, wrong, gone, or many."""

import concurrent.futures
import json
import socket
import struct
import time

import pytest

from harness import fcgi
from harness.api import SEND, new_message
from harness.wait import wait_until

DELAY = 0.05  # what a bad peer may cost others


@pytest.fixture(scope="module")
def target(new_module_service):
    """Two workers, so that a stalled one would be met by every second request."""
    return new_module_service()


@pytest.fixture(scope="module", autouse=True)
def stopped_peer(target):
    """A peer that stops in its body before the first test; the last one looks after it."""
    with fcgi.Connection(target.socket, 40) as connection:
        connection.send(STOPS["in the body"])
        yield connection


def worst_of(service, count=10):
    """The longest of so many health requests, each on a connection of its own."""
    worst = 0
    for _ in range(count):
        began = time.monotonic()
        assert service.ask("GET", "/health", seconds=10).status == 200
        worst = max(worst, time.monotonic() - began)
    return worst


def send_bytes(message, **more):
    return fcgi.request("POST", SEND, json.dumps(message).encode(), **more)


def test_connection_is_closed_without_keep(target):
    with fcgi.Connection(target.socket) as connection:
        connection.send(fcgi.request("GET", "/health"))
        assert connection.read_reply().status == 200
        assert connection.closed()


def test_connection_is_kept_with_keep(target):
    with fcgi.Connection(target.socket) as connection:
        for request_id in (1, 1, 7, 65535):
            reply = connection.ask("GET", "/health", request_id=request_id, keep=True)
            assert (reply.status, reply.protocol_status) == (200, 0)
        reply = connection.ask("POST", SEND, json.dumps(new_message()).encode(), keep=True)
        assert reply.status == 200, reply.body
        assert connection.ask("GET", "/health", keep=False).status == 200
        assert connection.closed()


def test_requests_sent_before_the_answer_are_kept(target):
    with fcgi.Connection(target.socket) as connection:
        connection.send(fcgi.request("GET", "/health", keep=True) * 2
                        + fcgi.request("GET", "/health"))
        assert [connection.read_reply().status for _ in range(3)] == [200] * 3


def test_one_byte_at_a_time(target):
    with fcgi.Connection(target.socket) as connection:
        for byte in send_bytes(new_message()):
            connection.send(bytes([byte]))
        assert connection.read_reply().status == 200


@pytest.mark.parametrize("chunk", [1, 7, 100, 65535])
def test_streams_in_pieces(target, chunk):
    body = json.dumps(new_message()).encode()
    packed = fcgi.pairs(fcgi.params("POST", SEND, body))
    with fcgi.Connection(target.socket) as connection:
        connection.send(fcgi.begin() + fcgi.stream(fcgi.PARAMS, packed, chunk=chunk)
                        + fcgi.stream(fcgi.STDIN, body, chunk=chunk))
        assert connection.read_reply().status == 200


def test_padding(target):
    body = json.dumps(new_message()).encode()
    packed = fcgi.pairs(fcgi.params("POST", SEND, body))
    with fcgi.Connection(target.socket) as connection:
        connection.send(
            fcgi.begin()
            + fcgi.record(fcgi.PARAMS, packed, padding=255) + fcgi.record(fcgi.PARAMS, padding=3)
            + fcgi.record(fcgi.STDIN, body, padding=7) + fcgi.record(fcgi.STDIN, padding=255))
        assert connection.read_reply().status == 200


def test_long_parameters(target):
    """Lengths of four bytes; unknown parameters do no harm."""
    reply = target.ask("GET", "/health", headers={"X-Long": "x" * 4000, "X-Short": "y" * 127,
                                                  "X-Middle": "z" * 128})
    assert reply.status == 200


def test_too_many_parameters(target):
    reply = target.ask("GET", "/health", headers={f"X-{n}": "x" * 4000 for n in range(40)})
    assert reply.status == 431
    body = json.loads(reply.body)
    assert set(body) >= {"error", "message", "code"}
    assert target.healthy()


@pytest.mark.parametrize("length", ["0", "5", "100000", "-1", "abc", "", "99999999999999999999",
                                    None])
def test_content_length_that_lies(target, length):
    body = json.dumps(new_message()).encode()
    reply = fcgi.ask(target.socket, "POST", SEND, body, seconds=10, CONTENT_LENGTH=length)
    assert reply.status in (200, 400, 413), reply.body
    if reply.status == 200:
        assert length in ("", None)


@pytest.mark.parametrize("without", ["REQUEST_METHOD", "REQUEST_URI"])
def test_missing_parameters(target, without):
    reply = fcgi.ask(target.socket, "GET", "/health", seconds=10, **{without: None})
    assert reply.status == 400


def test_script_name_is_not_looked_at(target):
    """The path comes from REQUEST_URI, so any web-server mapping works."""
    reply = fcgi.ask(target.socket, "GET", "/health?x=/api", SCRIPT_NAME="/other",
                     PATH_INFO="/elsewhere", SCRIPT_FILENAME="/etc/passwd")
    assert reply.status == 200


def test_management_record(target):
    """FCGI_GET_VALUES is answered, without a request."""
    with fcgi.Connection(target.socket, 10) as connection:
        connection.send(fcgi.record(fcgi.GET_VALUES, fcgi.pairs(
            {"FCGI_MPXS_CONNS": "", "FCGI_MAX_REQS": ""}), 0))
        kind, request_id, content = connection.read_record()
        assert (kind, request_id) == (fcgi.GET_VALUES_RESULT, 0)
        assert b"FCGI_MPXS_CONNS0" in content


def test_unknown_management_record(target):
    with fcgi.Connection(target.socket, 10) as connection:
        connection.send(fcgi.record(77, b"", 0))
        kind, request_id, content = connection.read_record()
        assert (kind, request_id, content[0]) == (fcgi.UNKNOWN_TYPE, 0, 77)


def test_second_request_while_one_is_read_is_refused(target):
    """We do not multiplex and say so: FCGI_CANT_MPX_CONN; the first is served all the same."""
    whole = send_bytes(new_message(), keep=True)
    with fcgi.Connection(target.socket, 10) as connection:
        connection.send(whole[:-8] + fcgi.begin(request_id=2, keep=True))
        kind, request_id, content = connection.read_record()
        assert (kind, request_id) == (fcgi.END_REQUEST, 2)
        assert struct.unpack(">IB3x", content)[1] == 1
        connection.send(whole[-8:])  # the empty STDIN record
        assert connection.read_reply().status == 200


def test_second_request_while_one_is_served_waits_its_turn(target, simulator):
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=500)
    with fcgi.Connection(target.socket, 10) as connection:
        connection.send(send_bytes(message, keep=True)
                        + fcgi.request("GET", "/health", request_id=2, keep=True))
        first, second = connection.read_reply(1), connection.read_reply(2)
    assert (first.status, second.status) == (200, 200)
    assert json.loads(first.body)["status"] == "sent"
    assert json.loads(second.body)["status"] == "healthy"


def test_other_roles_are_refused(target):
    with fcgi.Connection(target.socket, 10) as connection:
        connection.send(fcgi.begin(role=2) + fcgi.stream(fcgi.PARAMS, b"")
                        + fcgi.stream(fcgi.STDIN, b""))
        kind, _, content = connection.read_record()
        assert kind == fcgi.END_REQUEST
        assert struct.unpack(">IB3x", content)[1] == 3  # FCGI_UNKNOWN_ROLE


def test_abort_before_the_body(target):
    with fcgi.Connection(target.socket, 10) as connection:
        connection.send(fcgi.begin() + fcgi.record(fcgi.PARAMS, fcgi.pairs({"A": "b"}))
                        + fcgi.record(fcgi.ABORT_REQUEST))
        try:
            kind, _, _ = connection.read_record()
            assert kind == fcgi.END_REQUEST
        except fcgi.Closed:
            pass
    assert target.healthy()


def test_caller_who_leaves_does_not_stop_the_message(target, simulator):
    message = new_message()
    simulator.script("graph", message["to"], "ok", latency_ms=700)
    with fcgi.Connection(target.socket) as connection:
        connection.send(send_bytes(message))
        wait_until(lambda: simulator.recipient(message["to"])["calls"], 10, "the call has begun")
    rows = wait_until(lambda: [row for row in target.database.messages(message["tenant_id"])
                               if row["state"] == "sent"], 10, "it is sent all the same")
    assert len(rows) == 1
    assert simulator.recipient(message["to"])["accepted"] == 1


GARBAGE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": b"\0" * 64,
    "wrong version": struct.pack(">BBHHBx", 2, 1, 1, 8, 0) + b"\0\1" + b"\0" * 6,
    "PARAMS first": fcgi.stream(fcgi.PARAMS, b"x"),
    "STDIN first": fcgi.stream(fcgi.STDIN, b"x"),
    "BEGIN too short": fcgi.record(fcgi.BEGIN_REQUEST, b"\0\1"),
    "pair longer than its stream": fcgi.begin() + fcgi.stream(
        fcgi.PARAMS, b"\x7f\x7fabc") + fcgi.stream(fcgi.STDIN, b""),
    "pair of 2 GiB": fcgi.begin() + fcgi.stream(
        fcgi.PARAMS, b"\xff\xff\xff\xff\xff\xff\xff\xffabc") + fcgi.stream(fcgi.STDIN, b""),
    "pair cut in its length": fcgi.begin() + fcgi.stream(
        fcgi.PARAMS, b"\x80\x00") + fcgi.stream(fcgi.STDIN, b""),
    "id 0": fcgi.begin(request_id=0) + fcgi.stream(fcgi.PARAMS, b"", 0),
    "another id in the middle": fcgi.begin() + fcgi.stream(
        fcgi.PARAMS, fcgi.pairs({"A": "b"}), 9) + fcgi.stream(fcgi.STDIN, b"", 9),
    "our own direction": fcgi.record(fcgi.STDOUT, b"hello") + fcgi.record(
        fcgi.END_REQUEST, b"\0" * 8),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_hurts_nobody(target, name):
    workers = sorted(target.workers())
    with fcgi.Connection(target.socket, 10) as connection:
        try:
            connection.send(GARBAGE[name])
            connection.socket.shutdown(socket.SHUT_WR)
            while True:
                connection.read_record()
        except (fcgi.Closed, OSError):
            pass  # closed, with or without a word
    assert worst_of(target, 4) < 1
    assert sorted(target.workers()) == workers


WHOLE = fcgi.request("POST", SEND, b'{"tenant_id":"t"}')
PARAMS_END = WHOLE.index(fcgi.record(fcgi.PARAMS)) + 8
STOPS = {
    "silent": b"",
    "4 bytes of a header": WHOLE[:4],
    "in the first record": WHOLE[:11],
    "in the parameters": WHOLE[:60],
    "before the body": WHOLE[:PARAMS_END],
    "in the body": WHOLE[:PARAMS_END + 12],
    "before the end": WHOLE[:-4],
}


@pytest.mark.parametrize("name", STOPS)
def test_fifty_peers_that_stop(target, name):
    """The next request is not delayed by them."""
    target.ask("GET", "/health")
    peers = []
    try:
        for _ in range(50):
            peer = fcgi.Connection(target.socket)
            peer.send(STOPS[name])
            peers.append(peer)
        assert worst_of(target, 20) < DELAY
        assert target.ask("POST", SEND, json.dumps(new_message()).encode()).status == 200
    finally:
        for peer in peers:
            peer.close()


def test_peer_that_does_not_read(target):
    """An answer nobody takes blocks no one."""
    peers = []
    try:
        for _ in range(50):
            peer = fcgi.Connection(target.socket)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            for _ in range(20):
                peer.send(fcgi.request("GET", "/health", keep=True))
            peers.append(peer)
        assert worst_of(target, 20) < DELAY
    finally:
        for peer in peers:
            peer.close()


def test_body_beyond_the_limit_is_not_read_to_memory(target):
    body = b" " * (4 * 1024 * 1024)
    with fcgi.Connection(target.socket, 20) as connection:
        try:
            connection.send(fcgi.request("POST", SEND, body))
        except OSError:
            pass  # it may close before all is sent
        assert connection.read_reply().status == 413
    assert target.healthy()


def test_many_at_once_straight(target):
    """200 requests at the same time over raw connections, kept and not."""
    def one(number):
        body = json.dumps(new_message()).encode()
        return fcgi.ask(target.socket, "POST", SEND, body, keep=number % 2 == 0).status

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        assert set(pool.map(one, range(200))) == {200}


def test_peer_that_stops_is_dropped_in_the_end(stopped_peer, target):
    """After the read deadline (30 s) its connection is closed."""
    assert stopped_peer.closed()
    assert target.healthy()
