"""A service whose simulator reports to it by webhook, through a web server."""

import json

from harness.api import Api, status_path
from harness.service import Service, command
from harness.simulator import Simulator
from harness.wait import wait_until
from harness.web import Web

SECRET = "test-app-secret-not-real"
HOOK = "/api/v1/webhooks/whatsapp"
QUICK = [{"status": "sent"}, {"status": "delivered", "after_ms": 30},
         {"status": "read", "after_ms": 60}]
SECONDS = 15


class Hooked:
    """A service with a web server, and a simulator that reports to it."""

    def __init__(self, work, sockets, postgres, web_kind, name, **settings):
        self.simulator = Simulator(work, f"simulator-{name}")
        self.database = postgres.database()
        self.service = Service(work, sockets, name, {
            **self.simulator.settings(), "DATABASE_URL": self.database.url,
            "WHATSAPP_APP_SECRET": f"an-older-one,{SECRET}", "WHATSAPP_VERIFY_TOKEN": "a/b%c&d",
            "UNKNOWN_POLICY": "hold", **settings})
        self.web = Web(web_kind, work, f"web-{name}", self.service.socket)
        self.simulator.webhooks(url=self.web.url + HOOK, secret=SECRET)
        self.again()

    def again(self):
        """As at first: whatever a test has ordered."""
        self.simulator.receipts({"statuses": QUICK})
        self.simulator.webhooks(secret=SECRET, batch=100, gather_ms=10, connections=4,
                                retry_ms=100, deaf=0)

    @property
    def api(self):
        """With a connection of its own: one that was idle may be closed at any moment."""
        return Api(self.web.url)

    def end(self):
        self.simulator.webhooks(url="")
        self.web.stop()
        status = self.service.stop()
        self.simulator.stop()
        assert status == 0, self.service.process.tail()

    def wait_healthy(self):
        """Nothing is wrong with the tables."""
        wait_until(lambda: command("check", env={"DATABASE_URL": self.database.url}).returncode == 0,
                   SECONDS, "nothing is wrong with the tables")

    def plan(self, message, **plan):
        self.simulator.receipts({"statuses": QUICK, **plan}, to=message["to"])

    def send(self, message, headers=None):
        """The id of a message that was taken, and sent if nothing was ordered."""
        answer = self.api.send(message, headers)
        assert answer.status_code in (200, 202), answer.text
        return answer.json()["message_id"]

    def status(self, message_id):
        """Past the web server, which keeps away for a while from a service that was away."""
        reply = self.service.ask("GET", status_path(message_id))
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def wait_status(self, message_id, status):
        def look():
            told = self.status(message_id)
            return told if told["status"] == status else None

        return wait_until(look, SECONDS, f"{message_id} is {status}")

    def receipts(self, message_id):
        """Those of a message, as they happened: rows."""
        return self.database.query("SELECT * FROM message_sender.receipt WHERE message_id = %s"
                                   " ORDER BY at, status", message_id)

    def timeline(self, message_id):
        """The same as a caller sees them."""
        reply = self.service.ask("GET", f"/api/v1/messages/{message_id}/events")
        assert reply.status == 200, reply.body
        return [event for event in json.loads(reply.body)["events"]
                if event["event"] == "receipt"]

    def kept(self, message_id):
        """Their statuses, sorted."""
        return sorted(row["status"] for row in self.receipts(message_id))

    def is_over(self, message_id):
        return self.database.work(message_id) == []
