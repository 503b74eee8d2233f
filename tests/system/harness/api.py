"""A caller of the service: messages to send, and requests through the web server."""

import itertools
import random
import uuid

import requests

SEND = "/api/v1/messages/send"
BULK = "/api/v1/messages/bulk"
# Recipients differ between runs, so that nothing depends on a number seen before.
numbers = itertools.count(random.randrange(10**7) * 100)


def new_message(**fields):
    """A message that nobody sent before: its own tenant, outlet, conversation, recipient.
    A field given as None is left out."""
    message = {
        "tenant_id": str(uuid.uuid4()),
        "outlet_id": str(uuid.uuid4()),
        "conversation_id": str(uuid.uuid4()),
        "to": f"+628{next(numbers):010d}",
        "message": "Hello! Your order #12345 has been shipped.",
        "message_type": "text",
    }
    message.update(fields)
    return {name: value for name, value in message.items() if value is not None}


def bulk_of(items, **fields):
    """A bulk call of a tenant of its own."""
    return {"tenant_id": str(uuid.uuid4()), **fields, "messages": items}


def batch_path(batch_id):
    return f"/api/v1/batches/{batch_id}"


def status_path(message_id):
    return f"/api/v1/messages/{message_id}/status"


class Api:
    """HTTP through the web server at url; one kept connection, so one thread at a time."""

    def __init__(self, url):
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def another(self):
        """The same for another thread."""
        return Api(self.url)

    def request(self, method, path, **more):
        return self.http.request(method, self.url + path, timeout=more.pop("timeout", 70), **more)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def send(self, message, headers=None, timeout=70):
        return self.request("POST", SEND, json=message, headers=headers, timeout=timeout)

    def send_raw(self, body, headers=None):
        return self.request("POST", SEND, data=body,
                            headers={"Content-Type": "application/json", **(headers or {})})

    def status(self, message_id):
        return self.get(status_path(message_id))
