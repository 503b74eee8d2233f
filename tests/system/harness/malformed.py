"""Requests that are wrong, many and always the same: JSON bodies, HTTP requests and FastCGI
streams, each with what must come back.  Made at random from a fixed seed; whether a body is
wrong is decided by a reader of JSON that is not the service's."""

import json
import random
import re
import struct

from harness import fcgi
from harness.api import SEND

TENANT = "malformed"
BULK = "/api/v1/messages/bulk"
BODY_MAX = 256 * 1024
DEPTH_MAX = 32

MESSAGE = {"tenant_id": TENANT, "outlet_id": "outlet-1", "conversation_id": "conv-1",
           "to": "+628123456789", "message": "Hello! \u00e9\u4e2d\U0001f600", "message_type": "text"}
KNOWN = {*MESSAGE, "sender_type", "priority", "send_at", "deliver_between", "expires_at",
         "ttl_seconds"}
WORDS = {"message_type": {"text"}, "sender_type": {"llm", "agent"},
         "priority": {"high", "normal", "bulk"}}


# --- is a body wrong?


def _once(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member twice")
    if any("\0" in name for name, _ in pairs):
        raise ValueError("a name with NUL")
    return dict(pairs)


def _refuse(word):
    raise ValueError(word)


def _depth(value):
    if isinstance(value, (dict, list)):
        inside = value.values() if isinstance(value, dict) else value
        return 1 + max(map(_depth, inside), default=0)
    return 0


def is_json(body):
    """The value, or ValueError: RFC 8259, strict UTF-8, no member twice, no lone surrogate."""
    text = body.decode("utf-8")
    value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    if _depth(value) > DEPTH_MAX:
        raise ValueError("too deep")
    return value


def _token_is_wrong(value):
    return not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{1,128}", value)


def is_wrong(body):
    """True when it is surely no request to send; False says nothing."""
    try:
        value = is_json(body)
    except (ValueError, RecursionError):
        return True
    if not isinstance(value, dict) or set(value) - KNOWN:
        return True
    if any(_token_is_wrong(value.get(name)) for name in ("tenant_id", "outlet_id")):
        return True
    if value.get("conversation_id") is not None and _token_is_wrong(value["conversation_id"]):
        return True
    if any(value.get(name) is not None and
           (not isinstance(value[name], str) or value[name] not in words)
           for name, words in WORDS.items()):
        return True
    to, text = value.get("to"), value.get("message")
    digits = re.sub(r"[ \-()\[\]]", "", to) if isinstance(to, str) else ""
    return (not re.fullmatch(r"\+[0-9]{8,15}|628[0-9]{5,12}", digits)
            or not isinstance(text, str) or not 0 < len(text) <= 4096 or "\0" in text)


# --- bodies


JUNK = [b"\0", b"\x01", b"\x1f", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"'", b"/*x*/",
        b"//x\n", b"NaN", b"Infinity", b"-", b"+1", b"01", b"1.", b".5", b"1e", b"0x1", b"tru",
        b"nulll", b"True", b"\\u12", b"\\ud800", b"\\udc00\\ud800", b"\\x41", b"\xff", b"\xc0\x80",
        b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xef\xbb\xbf", b"\x80", b"\x0c", b"\x0b",
        b"\xc2\xa0", b"\xe2\x80\xa8", b"{}", b"[]", b'""', b"#", b";"]
VALUES = [None, True, False, 0, -1, 1.5, 1e300, 10 ** 30, "", " ", "a b", "a\tb", "a\nb", "a\u007f",
          "\u00e9", "a" * 129, "\0", [], {}, [1], {"a": 1}, ["+628123456789"], "0812345678",
          "+1234567", "+1234567890123456", "TEXT", "x" * 4097, "\u4e2d" * 4097, "'; DROP TABLE message;--",
          "../../etc/passwd", "a\r\nX-Injected: 1", "%00", "${jndi:ldap://x}", "\u202e", "\ufeff+628123456789"]
NAMES = ["tenant", "Tenant_id", "tenant_id ", "mesage", "", "__proto__", "to\u0000", "\u0442o", "TO",
         "callback_url", "idempotency_key", "media", "image", "template", "a" * 200, "\x1b[31m", "\r\n"]


def _spoil_text(number, body):
    """Bytes of a good body changed, put in, taken away, cut off."""
    at = number.randrange(len(body) + 1)
    kind = number.randrange(5)
    if kind == 0:
        return body[:at]
    if kind == 1:
        return body[:at] + number.choice(JUNK) + body[at:]
    if kind == 2:
        return body[:at] + number.choice(JUNK) + body[at + number.randrange(1, 4):]
    if kind == 3:
        return body[:at] + bytes([number.randrange(256)]) + body[at + 1:]
    return body[:at] + body[at + number.randrange(1, 20):]


def _spoil_value(number):
    """Good JSON that says something wrong."""
    message = dict(MESSAGE)
    for _ in range(number.randrange(1, 4)):
        name = number.choice([*KNOWN, *NAMES])
        message[name] = number.choice(VALUES)
    if number.randrange(6) == 0:
        message.pop(number.choice([*MESSAGE]))
    text = json.dumps(message, ensure_ascii=number.randrange(2) == 0)
    if number.randrange(8) == 0:
        name = number.choice([*MESSAGE])
        text = text[:-1] + f', "{name}": {json.dumps(MESSAGE[name])}}}'
    return text.encode("utf-8", "surrogatepass")


def _spoil_shape(number):
    """Nothing like a message: other roots, depth, length."""
    kind = number.randrange(6)
    depth = number.choice([33, 34, 64, 500, 5000])
    if kind == 0:
        return json.dumps(number.choice(VALUES)).encode()
    if kind == 1:
        return b"[" * depth + b"]" * number.choice([0, depth - 1, depth])
    if kind == 2:
        return b'{"a":' * depth + b"1" + b"}" * number.choice([0, depth - 1, depth])
    if kind == 3:
        return bytes(number.randrange(256) for _ in range(number.randrange(200)))
    if kind == 4:
        return b" " * number.randrange(1000) + number.choice(JUNK)
    return json.dumps([MESSAGE] * number.randrange(1, 9)).encode()


def bodies(count, seed=1):
    """So many bodies, none twice, each surely to be answered 400."""
    number = random.Random(seed)
    good = json.dumps(MESSAGE, ensure_ascii=False).encode()
    found = {b"": None}
    while len(found) < count:
        kind = number.randrange(10)
        body = (_spoil_text(number, good) if kind < 5 else
                _spoil_value(number) if kind < 9 else _spoil_shape(number))
        if len(body) <= BODY_MAX and is_wrong(body):
            found[body] = None
    return list(found)


# --- HTTP


def _http(method, target, headers=(), body=b"", version="HTTP/1.1"):
    lines = [f"{method} {target} {version}", "Host: localhost", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def requests(count, seed=2):
    """(bytes, what may be answered) of requests that are wrong outside their body.  0: the
    connection may end without a word."""
    number = random.Random(seed)
    good = json.dumps(MESSAGE).encode()
    length = f"Content-Length: {len(good)}"
    paths = ["/", "/api", "/api/v1/messages/", "/api/v2/messages/send", "/API/V1/messages/send",
             "/health/", "/health%00", "/api/v1/messages//send", "/api/v1/messages/send/",
             "/api/v1/batches/", "/metrics", "/readyz", "/livez", "/etc/passwd",
             "/api/v1/messages/x/nothing"]
    ids = ["%00", "%zz", "..", "%2e%2e%2f", "a" * 200, "'--", "%ff", "0", "nil"]
    queries = ["", "tenant_id=", "tenant_id=a&tenant_id=b", "tenant_id=%zz", "tenant=1",
               "tenant_id=a&limit=0", "tenant_id=a&limit=201", "tenant_id=a&limit=-1",
               "tenant_id=a&status=gone", "tenant_id=a&since=now", "tenant_id=a&cursor=x",
               "tenant_id=a%00", "tenant_id=" + "a" * 129]
    methods = ["PUT", "PATCH", "DELETE", "GET", "OPTIONS", "TRACE", "BREW"]

    def one():
        kind = number.randrange(8)
        junk = "".join(chr(number.randrange(0x21, 0x7f)) for _ in range(number.randrange(1, 30)))
        if kind == 0:
            return _http("GET", number.choice(paths) + "?" + re.sub("[#%]", "", junk)), {404, 400}
        if kind == 1:
            method = number.choice(methods)
            wanted = {405, 400, 501, 404, 411} | ({200} if method == "OPTIONS" else set())
            return _http(method, SEND, ["X-A: " + junk]), wanted
        if kind == 2:
            media = number.choice(["text/plain", "application/jsonx", "", "multipart/form-data", junk])
            return _http("POST", SEND, [length, "Content-Type: " + media], good), {415, 400}
        if kind == 3:
            query = number.choice(queries) + "&" * number.randrange(9)
            return _http("GET", f"/api/v1/messages?{query}"), {400}
        if kind == 4:
            path = f"/api/v1/messages/{number.choice(ids)}{number.choice(['', '/status', '/events'])}"
            return _http("GET", path, ["X-A: " + junk]), {400, 404}
        if kind == 5:
            key = number.choice(["a b", "a" * 256, '"a', "\xe9", '"a\\x"', "a\tb"]) + junk + " x"
            return _http("POST", SEND, [length, "Content-Type: application/json",
                                        "Idempotency-Key: " + key], good), {400}
        if kind == 6:
            wrong = number.choice(["-1", "1e3", "99999999999999999999", "0x10", "5, 6", "+5", junk])
            return _http("POST", SEND, ["Content-Length: " + wrong,
                                        "Content-Type: application/json"], good), {400, 411, 413, 501, 0}
        line = number.choice([f"GET /health {junk}", f"{junk}", "GET", "GET /health HTTP/9.9",
                              f"GET {junk} HTTP/1.1", "\0\0\0", "GET /health HTTP/1.1\r\n" + "X" * 9000])
        return (line + "\r\nHost: localhost\r\n\r\n").encode("latin-1"), {400, 404, 405, 408, 414,
                                                                          431, 501, 505, 0}

    found = {}
    while len(found) < count:
        data, wanted = one()
        found[data] = wanted
    return list(found.items())


# --- FastCGI streams


CLOSED = "closed"  # what may come back, besides the status of an answer


def _params(number):
    """A block of name-value pairs that is none."""
    good = fcgi.pairs(fcgi.params("GET", "/health"))
    kind = number.randrange(5)
    if kind == 0:  # a length that leads beyond the end
        return good + bytes([number.randrange(1, 128), number.randrange(128)])
    if kind == 1:
        return good + struct.pack(">II", 0x80000000 | number.randrange(1, 2 ** 31),
                                  0x80000000 | number.randrange(2 ** 31)) + b"x" * number.randrange(20)
    if kind == 2:  # cut inside a length
        return good + bytes([0x80 | number.randrange(128)]) + b"\0" * number.randrange(3)
    if kind == 3:  # no name
        return good + b"\0" + bytes([number.randrange(1, 4)]) + b"xyz"[:3]
    return good + fcgi.pairs({"A\0B": "x" * number.randrange(60)})


def _spoil_stream(number):
    """Any bytes of two good requests changed; what comes must be FastCGI all the same."""
    data = bytearray(fcgi.request("GET", "/health", keep=True) + fcgi.request(
        "POST", SEND, b'{"tenant_id":"malformed"}', request_id=number.choice([1, 2, 65535])))
    for _ in range(number.randrange(1, 8)):
        at = number.randrange(len(data))
        kind = number.randrange(4)
        if kind == 0:
            data[at] = number.randrange(256)
        elif kind == 1:
            data[at:at] = bytes(number.randrange(256) for _ in range(number.randrange(1, 12)))
        elif kind == 2:
            del data[at:at + number.randrange(1, 12)]
        else:
            data[at] ^= 1 << number.randrange(8)
    return bytes(data), {CLOSED, "role", "aborted", 200, 400, 404, 405, 413, 415,
                         431}


def _stream(number):
    kind = number.randrange(10)
    body = b'{"tenant_id":"malformed","a":%d}' % number.randrange(10 ** 9)
    good = fcgi.request("POST", SEND, body)
    if kind == 0:
        return good[:number.randrange(len(good))], {CLOSED}
    if kind == 1:
        return (fcgi.begin() + fcgi.stream(fcgi.PARAMS, _params(number), chunk=number.choice(
            [1, 7, 65535])) + fcgi.stream(fcgi.STDIN, b"")), {400}
    if kind == 2:
        length = str(number.choice([0, 1, len(body) + 1, 10 ** number.randrange(2, 25), -1, "x", "1 "]))
        return fcgi.request("POST", SEND, body, CONTENT_LENGTH=length), {400}
    if kind == 3:
        version = number.choice([0, 2, 3, 71, 255])
        return bytes([version]) + good[1:], {CLOSED}
    if kind == 4:  # streams in the wrong order
        first = number.choice([fcgi.PARAMS, fcgi.STDIN])
        return (fcgi.begin() if first == fcgi.STDIN else b"") + fcgi.record(
            first, body, padding=number.randrange(256)), {CLOSED}
    if kind == 5:
        role = number.choice([0, 2, 3, number.randrange(4, 65536)])
        return fcgi.begin(role=role) + good[16:], {"role"}
    if kind == 6:
        kept = good[:16] + good[16:number.randrange(24, len(good) - 16)]
        return fcgi.begin() + fcgi.stream(fcgi.PARAMS, b"x" * 0) + fcgi.record(
            fcgi.STDIN, kept[:40]) + fcgi.record(fcgi.ABORT_REQUEST, b"", 1,
                                                  number.randrange(256)), {"aborted"}
    if kind == 7:  # management records, then an end
        return b"".join(fcgi.record(number.randrange(12, 256), bytes(number.randrange(40)), 0,
                                    number.randrange(256)) for _ in range(number.randrange(1, 9))), {
                                        CLOSED}
    if kind == 8:
        headers = {f"X-{n}": "x" * number.randrange(3000, 4000) for n in range(12)}
        return fcgi.request("GET", "/health", headers=headers), {431}
    return _spoil_stream(number)


def streams(count, seed=3):
    """(bytes, what may come back) of so many streams, none twice."""
    number = random.Random(seed)
    found = {}
    while len(found) < count:
        data, wanted = _stream(number)
        found[data] = wanted
    return list(found.items())


def read_records(data):
    """What a FastCGI application sent: the status of each answer, "role", "aborted", and CLOSED
    when there is no more.  Raises when it is no FastCGI."""
    seen, out = [], b""
    while data:
        version, kind, _, length, padding = struct.unpack(">BBHHBx", data[:8])
        content, data = data[8:8 + length], data[8 + length + padding:]
        assert version == 1 and len(content) == length, "a cut record"
        if kind == fcgi.STDOUT:
            out += content
        elif kind == fcgi.END_REQUEST:
            protocol = struct.unpack(">IB3x", content)[1]
            if out:
                seen.append(int(re.match(rb"Status: (\d+) ", out)[1]))
                assert int(re.search(rb"Content-Length: (\d+)\r\n", out)[1]) == len(
                    out.partition(b"\r\n\r\n")[2])
            elif protocol == 3:
                seen.append("role")
            elif protocol == 0:
                seen.append("aborted")
            out = b""
        else:
            assert kind in (fcgi.GET_VALUES_RESULT, fcgi.UNKNOWN_TYPE, fcgi.STDERR), kind
    assert not out, "an answer without its end"
    return seen or [CLOSED]
