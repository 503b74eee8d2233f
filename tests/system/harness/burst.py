"""Many requests at the same time, from one process: asyncio and the least HTTP that works."""

import asyncio
import json
import resource
import threading
import time


class Answer:
    """status 0: no answer, body then says why."""

    def __init__(self, status, headers, body, seconds):
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds

    def json(self):
        return json.loads(self.body)


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _exchange(port, method, path, body, headers):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close",
                 f"Content-Length: {len(body)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status, *rest = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in rest:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    if fields.get("transfer-encoding") == "chunked":
        content = _unchunk(content)
    return int(status.split()[1]), fields, content


def _unchunk(content):
    whole = b""
    while content:
        size, _, content = content.partition(b"\r\n")
        length = int(size, 16)
        whole += content[:length]
        content = content[length + 2:]
        if length == 0:
            break
    return whole


async def request(port, method, path, body=b"", headers=None, seconds=70):
    began = time.monotonic()
    try:
        status, fields, content = await asyncio.wait_for(
            _exchange(port, method, path, body, headers), seconds)
    except (OSError, asyncio.TimeoutError, IndexError, ValueError) as error:
        return Answer(0, {}, repr(error).encode(), time.monotonic() - began)
    return Answer(status, fields, content, time.monotonic() - began)


def send_all(port, messages, gap_seconds=0.0, headers=None, seconds=70):
    """Posts all messages, one every gap_seconds whether or not answers come; all answers, in
    the order of the messages."""
    raise_file_limit()

    async def run():
        tasks = []
        began = time.monotonic()
        for number, message in enumerate(messages):
            late = began + number * gap_seconds - time.monotonic()
            if late > 0:
                await asyncio.sleep(late)
            tasks.append(asyncio.create_task(
                request(port, "POST", "/api/v1/messages/send", json.dumps(message).encode(),
                        headers, seconds)))
        return await asyncio.gather(*tasks)

    return asyncio.run(run())


class Flow:
    """Sends messages at a steady rate in a thread of its own until told to stop."""

    def __init__(self, port, make_message, per_second, seconds=70, headers=None):
        raise_file_limit()
        self.answers = []
        self.sent = []
        self._args = (port, make_message, 1 / per_second, seconds, headers)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    async def _run(self):
        port, make_message, gap, seconds, headers = self._args
        tasks = []
        due = time.monotonic()
        while not self._stop.is_set():
            message = make_message()
            self.sent.append(message)
            tasks.append(asyncio.create_task(
                request(port, "POST", "/api/v1/messages/send", json.dumps(message).encode(),
                        headers, seconds)))
            due += gap
            await asyncio.sleep(max(0, due - time.monotonic()))
        self.answers = await asyncio.gather(*tasks)

    def stop(self):
        """Stops sending, waits for every answer and returns them in the order of `sent`."""
        self._stop.set()
        self._thread.join()
        return self.answers
