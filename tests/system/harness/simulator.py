"""The project's simulator: Graph API, Tenant and Conversation Services in one process."""

import os
import time

import requests

from harness.process import BUILD, SANITIZERS, Process
from harness.wait import wait_until


class Simulator:
    def __init__(self, work, name="simulator", http1=False, latency_ms=0, service_latency_ms=0,
                 journal=None):
        self.dir = work / name
        self.dir.mkdir()
        command = [BUILD / "message-sender-simulator", "--plain", "0", "--tls", "0",
                   "--dir", self.dir, "--latency-ms", latency_ms,
                   "--service-latency-ms", service_latency_ms]
        if http1:
            command.append("--http1")
        if journal:
            command += ["--journal", journal]
        self.process = Process(name, work, command,
                               env={"PATH": os.environ["PATH"], **SANITIZERS})
        self.process.wait_ready((self.dir / "ports").exists)
        ports = dict(line.split("=") for line in (self.dir / "ports").read_text().split())
        self.plain = int(ports["plain"])
        self.tls = int(ports["tls"])
        self.http = requests.Session()

    def settings(self):
        """Where the service finds its neighbours."""
        services = f"http://127.0.0.1:{self.plain}"
        return {
            "TENANT_SERVICE_URL": services,
            "CONVERSATION_SERVICE_URL": services,
            "GRAPH_API_URL": f"https://localhost:{self.tls}",
            "GRAPH_CA_FILE": str(self.dir / "ca.pem"),
        }

    def stop(self):
        self.http.close()
        self.process.stop()

    def _control(self, method, path, body=None):
        answer = self.http.request(method, f"http://127.0.0.1:{self.plain}/_sim/{path}",
                                   json=body, timeout=10)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def script(self, service, key, kind, **behaviour):
        """What the service does with calls for this key: error(code, status), hang, deny..."""
        name = {"graph": "recipient", "quota": "tenant", "outlet": "outlet",
                "conversation": "conversation"}[service]
        self._control("POST", "script", {
            "service": service, name: key, "behaviour": {"kind": kind, **behaviour}})

    def script_all(self, service, kind, **behaviour):
        """The same for every call of the service."""
        self._control("POST", "script", {
            "service": service, "behaviour": {"kind": kind, **behaviour}})

    def forgive_all(self, service):
        """Takes that back."""
        self._control("POST", "script", {"service": service, "behaviour": None})

    def close_connections(self):
        """Ends all connections, whatever they carry."""
        self._control("POST", "close_connections")

    def latency(self, graph_ms=0, service_ms=0):
        self._control("POST", "latency", {"graph_ms": graph_ms, "service_ms": service_ms})

    def limits(self, **rules):
        """Meta's limits are enforced: number_rate, pair_seconds, pair_burst, tolerance_ms."""
        self._control("POST", "limits", rules)

    def counts(self):
        return self._control("GET", "counts")

    def calls(self):
        """How many calls each service got."""
        counts = self.counts()
        return {name: counts[name] for name in ("quota", "outlet", "graph_calls", "conversation")}

    def message(self, message_id):
        """What became of a message: calls, accepted, attempts (callback strings), times_ms,
        conversation (posts to the Conversation Service) and stored (posts that it took)."""
        return self._control("GET", f"message/{message_id}")

    def recipient(self, to):
        """What the Graph API saw of a recipient: calls, accepted, attempts, times_ms, body."""
        return self._control("GET", f"recipient/{to.lstrip('+')}")

    def last(self, service):
        """The last request a service got: protocol, method, path, headers, body."""
        return self._control("GET", f"last/{service}")

    # Webhooks: simulator/README.md says what goes into rules and plans.

    def webhooks(self, **rules):
        """Sends webhooks to `url`, signed with `secret`; an empty url ends that."""
        self._control("POST", "webhooks", rules)

    def webhook_counts(self):
        return self._control("GET", "webhooks")

    def receipts(self, plan, to=None):
        """What is reported of the messages to a recipient, or of all; None takes it back."""
        self._control("POST", "receipts",
                      {"receipts": plan, **({"recipient": to} if to else {})})

    def wait_reported(self, seconds=15):
        """Until everything that is to be reported was answered 200; the counts.  What waits to be
        sent again is sent now, and once a second: what failed often waits for an hour."""
        sent = 0

        def look():
            nonlocal sent
            if time.monotonic() - sent > 1:
                self.webhooks()
                sent = time.monotonic()
            counts = self.webhook_counts()
            return counts if counts["waiting"] == counts["open"] == 0 else None

        return wait_until(look, seconds, "all webhooks are answered 200")

    def webhook(self, body, **more):
        """Sends this now, once: {status, type, body} of the answer.  A text goes as it is, an
        object as Meta would write it; signature= instead of the right one."""
        return self._control("POST", "webhook", {"body": body, **more})

    def inbound(self, number, sender, **more):
        """Sends a message from a user now, the same; text= or message=, identity=."""
        return self._control("POST", "inbound", {"number": number, "from": sender, **more})

    def handshake(self, token, **more):
        """Asks for the address as Meta does when it is set up; challenge=, mode=."""
        return self._control("POST", "handshake", {"token": token, **more})

    def duplicates(self):
        return self._control("GET", "duplicates")
