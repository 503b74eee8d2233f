"""A FastCGI client on a unix socket, down to the bytes: for peers that a web server never is."""

import socket
import struct

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
RESPONDER = 1
KEEP_CONN = 1


def record(kind, content=b"", request_id=1, padding=0):
    return struct.pack(">BBHHBx", 1, kind, request_id, len(content), padding) + content + (
        b"\0" * padding)


def stream(kind, content, request_id=1, chunk=65535):
    """The records of a stream, the empty one that ends it included."""
    parts = [content[at:at + chunk] for at in range(0, len(content), chunk)]
    return b"".join(record(kind, part, request_id) for part in parts) + record(
        kind, b"", request_id)


def pairs(values):
    """Name-value pairs as FastCGI writes them."""

    def size(length):
        return bytes([length]) if length < 128 else struct.pack(">I", length | 0x80000000)

    packed = b""
    for name, value in values.items():
        name, value = name.encode(), value.encode() if isinstance(value, str) else value
        packed += size(len(name)) + size(len(value)) + name + value
    return packed


def params(method, path, body=b"", headers=None, **more):
    """What a web server passes along; None leaves a parameter out."""
    values = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": path,
        "QUERY_STRING": path.partition("?")[2],
        "CONTENT_TYPE": "application/json" if body else "",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
    }
    for name, value in (headers or {}).items():
        name = name.upper().replace("-", "_")
        values[name if name.startswith("CONTENT_") else "HTTP_" + name] = value
    values.update(more)
    return {name: value for name, value in values.items() if value is not None}


def begin(request_id=1, keep=False, role=RESPONDER):
    return record(BEGIN_REQUEST, struct.pack(">HB5x", role, KEEP_CONN if keep else 0), request_id)


def request(method, path, body=b"", headers=None, request_id=1, keep=False, **more):
    """All bytes of one request."""
    return (begin(request_id, keep)
            + stream(PARAMS, pairs(params(method, path, body, headers, **more)), request_id)
            + stream(STDIN, body, request_id))


class Closed(Exception):
    """The service closed the connection."""


class Reply:
    def __init__(self, stdout, stderr, app_status, protocol_status):
        head, _, self.body = stdout.partition(b"\r\n\r\n")
        self.headers = {}
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.status = int(self.headers.pop("status", "200").split()[0])
        self.stderr = stderr
        self.app_status = app_status
        self.protocol_status = protocol_status


class Connection:
    def __init__(self, path, seconds=70):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _take(self, length):
        while len(self.buffer) < length:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError as error:
                raise Closed from error
            if not data:
                raise Closed
            self.buffer += data
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def read_record(self):
        """(kind, request id, content)"""
        _, kind, request_id, length, padding = struct.unpack(">BBHHBx", self._take(8))
        content = self._take(length)
        self._take(padding)
        return kind, request_id, content

    def read_reply(self, request_id=1):
        """The whole answer of one request."""
        out = {STDOUT: b"", STDERR: b""}
        while True:
            kind, got_id, content = self.read_record()
            assert got_id == request_id, f"a record of request {got_id}"
            if kind == END_REQUEST:
                app_status, protocol_status = struct.unpack(">IB3x", content)
                return Reply(out[STDOUT], out[STDERR], app_status, protocol_status)
            assert kind in out, f"a record of type {kind}"
            out[kind] += content

    def closed(self):
        """Waits for the end of the connection; False when something comes instead."""
        try:
            self._take(1)
        except Closed:
            return True
        return False

    def ask(self, method, path, body=b"", headers=None, **more):
        self.send(request(method, path, body, headers, **more))
        return self.read_reply(more.get("request_id", 1))


def ask(path, method, uri, body=b"", headers=None, seconds=70, **more):
    """One request on a connection of its own."""
    with Connection(path, seconds) as connection:
        return connection.ask(method, uri, body, headers, **more)
