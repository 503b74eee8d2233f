"""API keys: made by the command line, shown to the service."""

import json

from harness.api import Api
from harness.service import command


def key_command(database, *words, status=0):
    """`message-sender key WORDS... --json`; what it printed, as JSON (of a failure its words)."""
    done = command("key", *words, "--json", env={"DATABASE_URL": database.url})
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return json.loads(done.stdout) if status == 0 else done.stderr


def new_key(database, scope="send,read", tenant=None, **more):
    """{"id": …, "key": …}; without a tenant for any of them."""
    whose = ("--tenant", tenant) if tenant else ("--all",)
    options = [word for name, value in more.items() for word in (f"--{name}", str(value))]
    return key_command(database, "create", *whose, "--scope", scope, *options)


def bearer(key):
    return {"Authorization": f"Bearer {key['key']}"} if key else {}


class KeyApi:
    """Calls straight to the service's socket with one key."""

    def __init__(self, service, key=None):
        self.service = service
        self.key = key

    def ask(self, method, path, body=None, headers=None):
        data = b"" if body is None else json.dumps(body).encode()
        return self.service.ask(method, path, data, {**bearer(self.key), **(headers or {})})


def web_api(web, key):
    api = Api(web.url)
    api.http.headers.update(bearer(key))
    return api
