"""docs/openapi.yaml: its operations are the router's, both ways; its examples are executed; what is
answered has the shape that it tells."""

import json
import re

import pytest
import yaml

from harness.api import new_message
from harness.keys import KeyApi, new_key
from harness.process import TOP

DOCUMENT = yaml.safe_load((TOP / "docs" / "openapi.yaml").read_text())
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
         "number": (int, float), "integer": int}


def routes():
    """(method, path) of each row of the router's table, its parameter as {}."""
    source = (TOP / "src" / "http" / "router.c").read_text()
    words = dict(re.findall(r'#define (\w+) ("[^"]*")', source))
    found = set()
    for before, method, behind in re.findall(
            r'=\s+ROW\(\s*"\w+",\s*\w+,\s*()"(\w+)",([^;]*?)\),?\n', source):
        cells = [words.get(cell.strip(), cell.strip()).strip('"')
                 for cell in re.split(r',\s*(?=(?:[^"]*"[^"]*")*[^"]*$)', behind)]
        path, last = cells[-2], cells[-1]
        found.add((method, path if last == "NULL" else f"{path}{{}}{last}"))
    assert len(found) == len(re.findall(r"=\s+ROW\(", source))
    return found


def resolve(schema):
    while "$ref" in schema:
        at = DOCUMENT
        for word in schema["$ref"].removeprefix("#/").split("/"):
            at = at[word]
        schema = at
    return schema


def assert_fits(value, schema, where="$"):
    schema = resolve(schema)
    for part in schema.get("allOf", ()):
        assert_fits(value, part, where)
    kinds = schema.get("type")
    if kinds:
        kinds = kinds if isinstance(kinds, list) else [kinds]
        assert any(isinstance(value, TYPES[kind]) and (kind != "integer" or value is not True)
                   for kind in kinds), f"{where}: {value!r} is no {kinds}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r}"
    if "const" in schema:
        assert value == schema["const"], f"{where}: {value!r}"
    if "pattern" in schema and isinstance(value, str):
        assert re.search(schema["pattern"], value), f"{where}: {value!r}"
    if isinstance(value, dict):
        missing = set(schema.get("required", ())) - set(value)
        assert not missing, f"{where}: without {missing}"
        for name, part in schema.get("properties", {}).items():
            if name in value:
                assert_fits(value[name], part, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            assert_fits(item, schema["items"], f"{where}[{i}]")


def operation(name):
    for path, item in DOCUMENT["paths"].items():
        for method, entry in item.items():
            if method != "parameters" and entry["operationId"] == name:
                return method.upper(), path, entry
    raise AssertionError(name)


def ask(api, name, query="", body=None, headers=None, **ids):
    """Does an operation; its answer must have the shape the document tells."""
    method, path, entry = operation(name)
    answer = api.request(method, path.format(**ids) + query, json=body, headers=headers)
    told = entry["responses"].get(str(answer.status_code))
    assert told, f"{name}: {answer.status_code} is not in the document"
    assert_fits(answer.json(), resolve(told)["content"]["application/json"]["schema"])
    return answer


def examples(name):
    _, _, entry = operation(name)
    content = entry["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert_fits(example["value"], content["schema"])
        yield example["value"]


def test_routes_and_document_are_the_same():
    told = {(method.upper(), re.sub(r"{\w+}", "{}", path))
            for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"}
    assert told == routes()


def scopes():
    """Name of the route -> the scope that its row needs."""
    source = (TOP / "src" / "http" / "router.c").read_text()
    return dict(re.findall(r'ROW\(\s*"(\w+)",\s*SCOPE_(\w+)', source))


def test_the_document_tells_where_a_key_is_asked_for():
    """Bearer, 401 and 403 for every route with a scope; `security: []` for those without."""
    scheme = DOCUMENT["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert {"key": []} in DOCUMENT["security"]
    found = scopes()
    assert len(found) == len(routes()) and set(found.values()) >= {"OPEN", "SEND", "READ"}
    for name, scope in found.items():
        entry = operation(name)[2]
        if scope == "OPEN":
            assert entry["security"] == [], name
        else:
            assert {"key": []} in entry.get("security", DOCUMENT["security"]), name
            assert {"401", "403"} <= set(entry["responses"]), name


def test_it_is_served(api):
    served = api.get("/api/v1/openapi.yaml")
    assert served.headers["Content-Type"] == "application/yaml"
    assert served.content == (TOP / "docs" / "openapi.yaml").read_bytes()


def test_every_reference_is_there():
    text = (TOP / "docs" / "openapi.yaml").read_text()
    references = re.findall(r"\$ref: '(#[^']*)'", text)
    assert len(references) > 50
    for reference in references:
        resolve({"$ref": reference})


@pytest.mark.parametrize("wrong", [
    {"status": "healthy"}, {"status": "ill", "service": "message-sender-service", "version": "1",
                            "environment": "e"}, [], None])
def test_the_comparison_can_fail(wrong):
    with pytest.raises(AssertionError):
        assert_fits(wrong, {"$ref": "#/components/schemas/Health"})


def test_examples_are_executed_and_answers_fit(api):
    ask(api, "health")
    for body in examples("send"):
        sent = ask(api, "send", body=body).json()
        ids = {"message_id": sent["message_id"]}
        for name in ("message", "status", "events", "explain"):
            ask(api, name, **ids)
        assert ask(api, "cancel", **ids).status_code in (200, 409)
    queued = ask(api, "send", body={**body, "to": "+628123456791"},
                 headers={"Prefer": "respond-async"})
    assert queued.status_code == 202
    for body in examples("bulk"):
        batch = ask(api, "bulk", body=body).json()
        ask(api, "batch", batch_id=batch["batch_id"])
        ask(api, "batch_cancel", batch_id=batch["batch_id"])
    assert ask(api, "list", "?tenant_id=acme").json()["messages"]
    for report in ("daily", "failure", "latency", "cost"):
        ask(api, "report", "?tenant_id=acme", report=report)


def test_what_is_decided_by_key(new_service, simulator):
    """Examples are executed with a key of the tenant they name."""
    guarded = new_service(AUTH="keys", MAX_RETRIES=0, UNKNOWN_POLICY="hold")
    api = KeyApi(guarded, new_key(guarded.database, "send,manage", "acme"))

    def fits(name, body, status=200, **ids):
        method, path, entry = operation(name)
        answer = api.ask(method, path.format(**ids), body)
        assert answer.status == status, answer.body
        told = resolve(entry["responses"][str(status)])
        assert_fits(json.loads(answer.body),
                    resolve(told)["content"]["application/json"]["schema"])

    lost = new_message(tenant_id="acme")
    simulator.script("graph", lost["to"], "drop_reply", times=1)
    message_id = json.loads(api.ask("POST", "/api/v1/messages/send", lost).body)["message_id"]
    guarded.database.wait_state(message_id, "unknown")
    for name in ("pause", "resume", "replay"):
        for body in examples(name):
            fits(name, body)
    for body in examples("resolve"):
        fits("resolve", body, message_id=message_id)
        fits("resolve", body, 409, message_id=message_id)
    for name in ("pause", "resume", "replay", "resolve"):
        fits(name, {"nonsense": 1}, 400, message_id=message_id)


def test_errors_fit(api):
    assert ask(api, "send", body={}).status_code == 400
    assert ask(api, "list").status_code == 400
    assert ask(api, "report", report="nonsense").status_code == 404
    for name in ("message", "status", "events", "explain", "cancel"):
        assert ask(api, name, message_id="0193a3a0-0000-7000-8000-000000000000").status_code == 404
