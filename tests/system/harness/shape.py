"""Comparing an answer with the contract's example: names and types, and what has to be equal."""

import re
import uuid

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


def kind(value):
    return type(value).__name__


def assert_like(body, example, nullable=(), more=()):
    """body has exactly the fields of example, with values of the same types; fields in
    `nullable` may be null; fields in `more` are additions that the contract allows."""
    assert isinstance(body, dict)
    missing = set(example) - set(body)
    assert not missing, f"missing: {missing} in {body}"
    unexpected = set(body) - set(example) - set(more)
    assert not unexpected, f"not in the contract: {unexpected} in {body}"
    for name, value in example.items():
        if body[name] is None and (name in nullable or value is None):
            continue
        assert kind(body[name]) == kind(value) or value is None, (
            f"{name}: {kind(body[name])} instead of {kind(value)}")


def assert_problem(answer, status, error, code, more=("details", "message_id")):
    """An error in the contract's style; returns the body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    body = answer.json()
    assert_like(body, {"error": "", "message": "", "code": ""}, more=more)
    assert (body["error"], body["code"]) == (error, code), body
    assert body["message"]
    return body


def assert_invalid(answer, field):
    """400 whose message begins with the field at fault; returns what it says of it."""
    body = assert_problem(answer, 400, "invalid_request", "INVALID_REQUEST")
    name, separator, why = body["message"].partition(": ")
    assert separator and name == field, f"names {name!r} instead of {field!r}: {body['message']}"
    assert why
    return why


def assert_time(text):
    assert TIME.match(text), text


def assert_message_id(text):
    """A UUIDv7 in its usual form."""
    value = uuid.UUID(text)
    assert str(value) == text and value.version == 7, text
