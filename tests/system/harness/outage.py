"""All neighbours away at once, for longer than anything is waited for or kept, while asynchronous
messages keep coming; then the drain.  Away means that connections are refused."""

import concurrent.futures
import json
import time

from harness.api import SEND, new_message
from harness.relay import Relay
from harness.wait import wait_until

ASYNC = {"Content-Type": "application/json", "Prefer": "respond-async"}
GRAPH_MS = 100
WORKERS = 2
STREAMS = 4         # so many calls of each worker at once
AT_ONCE = WORKERS * STREAMS
# Everything that is waited for or kept: a second, or not at all.
SETTINGS = {
    "WORKERS": WORKERS, "GRAPH_MAX_CONNECTIONS": 1, "GRAPH_STREAMS_PER_CONNECTION": STREAMS,
    "MAX_RETRIES": 0, "MAX_BACKOFF_SECONDS": 1, "BREAKER_OPEN_SECONDS": 1,
    "BREAKER_MAX_SECONDS": 1, "CREDENTIALS_CACHE_SECONDS": 1, "QUOTA_CACHE_SECONDS": 1,
}


class Outage:
    """`start(settings)` starts a service that knows its neighbours by these settings."""

    def __init__(self, simulator, start):
        self.simulator = simulator
        self.graph, self.tenants, self.conversations = self.relays = [
            Relay(port) for port in (simulator.tls, simulator.plain, simulator.plain)]
        self.service = start({
            **simulator.settings(), **SETTINGS,
            "GRAPH_API_URL": f"https://localhost:{self.graph.port}",
            "TENANT_SERVICE_URL": f"http://127.0.0.1:{self.tenants.port}",
            "CONVERSATION_SERVICE_URL": f"http://127.0.0.1:{self.conversations.port}"})
        self.known = [new_message() for _ in range(4)]
        self.ids = []

    def close(self):
        for relay in self.relays:
            relay.down()

    def post(self, number):
        """Every other one from an outlet that nobody has asked for before."""
        message = new_message() if number % 2 else {
            **self.known[number // 2 % len(self.known)], "to": new_message()["to"]}
        reply = self.service.ask("POST", SEND, json.dumps(message).encode(), ASYNC)
        assert reply.status == 202, reply.body
        return json.loads(reply.body)["message_id"]

    def count(self, condition):
        return self.service.database.query(
            "SELECT count(*) AS n FROM message_sender.message m LEFT JOIN message_sender.work w"
            f" USING (message_id) WHERE {condition}")[0]["n"]

    def warm_up(self):
        for message in self.known:
            assert self.service.ask("POST", SEND, json.dumps(message).encode()).status == 200

    def last(self, seconds, per_second):
        """Away for so long, while so many come; none fails, none is sent."""
        for relay in self.relays:
            relay.down()
        calls = self.simulator.calls()["graph_calls"]
        began = time.monotonic()
        number = 0
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = []
            while (now := time.monotonic() - began) < seconds:
                if number < now * per_second:
                    asked.append(pool.submit(self.post, number))
                    number += 1
                else:
                    time.sleep(number / per_second - now)
            self.ids = [each.result() for each in asked]
        assert self.simulator.calls()["graph_calls"] == calls
        assert self.count("w.state IN ('queued', 'retrying')") == len(self.ids)

    def drain(self, seconds):
        """Back: all are sent and stored within the time, each once; returns the seconds it took."""
        for relay in self.relays:
            relay.up()
        began = time.monotonic()
        wait_until(lambda: self.count("w.message_id IS NOT NULL") == 0, seconds, "the drain")
        took = time.monotonic() - began
        assert self.count("m.state = 'sent'") == len(self.ids) + len(self.known)
        return took

    def check(self):
        """Each was taken once, and at no moment were more calls under way than allowed."""
        times = []
        for message_id in self.ids:
            seen = self.simulator.message(message_id)
            assert (seen["accepted"], seen["stored"]) == (1, 1), (message_id, seen)
            times += seen["times_ms"]
        times.sort()
        assert len(times) == len(self.ids)
        fastest = min(later - earlier for earlier, later in zip(times, times[AT_ONCE:]))
        assert fastest >= GRAPH_MS - 2, f"{AT_ONCE + 1} calls within {fastest} ms"
