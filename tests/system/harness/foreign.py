"""Services that are not the project's: small HTTP/1.1 servers, one thread a connection, whose
answers are a function of the test's.  They show what the simulator cannot, down to when a
connection is closed, and that the service works with programs it has never met."""

import json
import socket
import ssl
import threading

from harness.process import run

CLOSE = object()  # an answer: close the connection without a word


class Request:
    def __init__(self, method, path, headers, body, connection, nth):
        self.method = method
        self.path = path
        self.headers = headers        # names in lower case
        self.body = body
        self.connection = connection  # number of the connection, from 1
        self.nth = nth                # which request on that connection, from 1

    def json(self):
        return json.loads(self.body)


def answer(status, body):
    """The bytes of a JSON answer."""
    text = json.dumps(body).encode()
    return (f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode() + text


def certificate(directory, name="localhost"):
    """A self-signed certificate for name and 127.0.0.1; (certificate file, key file)."""
    directory.mkdir(exist_ok=True)
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    done = run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", key, "-out",
                cert, "-subj", f"/CN={name}", "-addext",
                f"subjectAltName=DNS:{name},IP:127.0.0.1"])
    assert done.returncode == 0, done.stderr
    return cert, key


class Foreign:
    """reply(request) returns bytes, or CLOSE.  With files=(certificate, key) it speaks TLS."""

    def __init__(self, reply, files=None):
        self.reply = reply
        self.requests = []
        self.connections = 0
        self.context = None
        if files:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*files)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections),
                             daemon=True).start()

    def _serve(self, connection, number):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                nth = 0
                while True:
                    line = stream.readline().decode("latin-1").split()
                    if len(line) != 3 or not line[2].startswith("HTTP/"):
                        return  # the end, or a client that speaks TLS to a server without
                    headers = {}
                    while (field := stream.readline().decode("latin-1").strip()):
                        name, _, value = field.partition(":")
                        headers[name.lower()] = value.strip()
                    body = stream.read(int(headers.get("content-length", 0)))
                    nth += 1
                    request = Request(line[0], line[1], headers, body, number, nth)
                    self.requests.append(request)
                    reply = self.reply(request)
                    if reply is CLOSE:
                        return
                    connection.sendall(reply)
        except OSError:
            pass  # the peer's business
