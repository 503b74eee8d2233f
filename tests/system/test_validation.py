"""Requests that are wrong: 400 naming the field and what would be right, for each field and
each limit at limit - 1, limit, limit + 1; media type and size."""

import json

import pytest

from harness.api import new_message
from harness.shape import assert_invalid, assert_problem

BODY_LIMIT = 256 * 1024
REQUIRED = ["tenant_id", "outlet_id", "to", "message"]
TOKENS = ["tenant_id", "outlet_id", "conversation_id"]


@pytest.mark.parametrize("field", REQUIRED)
def test_required(api, field):
    assert_invalid(api.send(new_message(**{field: None})), field)


@pytest.mark.parametrize("field", [*REQUIRED, "conversation_id", "message_type", "sender_type", "priority"])
@pytest.mark.parametrize("value", [7, True, [], {}, 1.5], ids=str)
def test_must_be_text(api, field, value):
    assert_invalid(api.send(new_message(**{field: value})), field)


@pytest.mark.parametrize("field", REQUIRED)
def test_must_not_be_null(api, field):
    message = new_message()
    message[field] = None
    assert_invalid(api.send(message), field)


@pytest.mark.parametrize("field", TOKENS)
@pytest.mark.parametrize("length, fits", [(0, False), (1, True), (2, True), (127, True),
                                          (128, True), (129, False)])
def test_token_length(api, field, length, fits):
    answer = api.send(new_message(**{field: ("a" + "b" * 127 + "c")[:length]}))
    if fits:
        assert answer.status_code == 200, answer.text
    else:
        assert "128" in assert_invalid(answer, field)


@pytest.mark.parametrize("field", TOKENS)
@pytest.mark.parametrize("value", ["a b", "a\tb", "a\u00e9", "a\u0000b", "a\u007f", " a", "a\n"],
                         ids=repr)
def test_token_characters(api, field, value):
    assert_invalid(api.send(new_message(**{field: value})), field)


@pytest.mark.parametrize("field", TOKENS)
def test_every_visible_character_fits_a_token(api, field):
    visible = "".join(map(chr, range(0x21, 0x7F)))
    answer = api.send(new_message(**{field: visible}))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u4e2d", "\U0001f600"])
@pytest.mark.parametrize("length, fits", [(0, False), (1, True), (4095, True), (4096, True),
                                          (4097, False)])
def test_message_length_is_counted_in_characters(api, letter, length, fits):
    answer = api.send(new_message(message=letter * length))
    if fits:
        assert answer.status_code == 200, answer.text
    else:
        assert "4096" in assert_invalid(answer, "message").replace(",", "")


def test_message_without_nul(api):
    assert_invalid(api.send(new_message(message="a\u0000b")), "message")


@pytest.mark.parametrize("to, kept", [
    ("+62812345678", "+62812345678"),
    ("62812345678", "+62812345678"),
    ("+62 812-3456-7890", "+6281234567890"),
    ("+1 (555) 123-4567", "+15551234567"),
    ("+[62]8123456789", "+628123456789"),
    ("+12345678", "+12345678"),
    ("+123456789012345", "+123456789012345"),
])
def test_recipient_is_normalised(api, database, to, kept):
    answer = api.send(new_message(to=to))
    assert answer.status_code == 200, answer.text
    assert database.message(answer.json()["message_id"])["recipient"] == kept


@pytest.mark.parametrize("to", [
    "", "+", "+1234567", "+1234567890123456", "+62x12345678", "hello", "++628123456789",
    "+628123456789+", "15551234567", "+62.812.345.678", "+\u0666\u0662812345678",
    "\uff0b628123456789"])
def test_recipient_refused(api, to):
    assert_invalid(api.send(new_message(to=to)), "to")


@pytest.mark.parametrize("to", ["08123456789", "0 812 345 6789"])
def test_leading_zero_says_what_to_write(api, to):
    assert "+62" in assert_invalid(api.send(new_message(to=to)), "to")


@pytest.mark.parametrize("kind", ["image", "template", "audio", "", "TEXT", "nonsense"])
def test_other_types_are_refused_by_name(api, kind):
    why = assert_invalid(api.send(new_message(message_type=kind)), "message_type")
    assert "text" in why


@pytest.mark.parametrize("sender", ["human", "", "LLM"])
def test_sender_type(api, sender):
    why = assert_invalid(api.send(new_message(sender_type=sender)), "sender_type")
    assert "llm" in why and "agent" in why


@pytest.mark.parametrize("priority", ["urgent", "", "HIGH"])
def test_priority(api, priority):
    why = assert_invalid(api.send(new_message(priority=priority)), "priority")
    assert all(word in why for word in ("high", "normal", "bulk"))


def test_unknown_member_is_named(api):
    assert_invalid(api.send(new_message(mesage="typo")), "mesage")


def test_first_fault_in_the_order_of_the_contract(api):
    assert_invalid(api.send({"to": "x", "outlet_id": "", "tenant_id": "t"}), "outlet_id")


@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"[]", b'"text"', b"7", b"null", b"nonsense", b"{}{}", b'{"a":1,}',
    b"{'a':1}", b'{"tenant_id":"a"} trailing', b"\xef\xbb\xbf{}", b'{"to":"\xff\xfe"}',
    b'{"to":"\xed\xa0\x80"}', b"\x00", b'{"a":NaN}', b"[" * 100000,
    b'{"a":' * 40 + b"1" + b"}" * 40,
], ids=lambda body: repr(body[:20]))
def test_not_a_json_object(api, body):
    assert_problem(api.send_raw(body), 400, "invalid_request", "INVALID_REQUEST")


def test_member_twice(api):
    message = new_message()
    text = json.dumps(message)[:-1] + ', "to": "+628111111111"}'
    assert_invalid(api.send_raw(text.encode()), "to")


def test_escapes_are_understood(api, database):
    message = new_message()
    text = json.dumps(message).replace('"message"', '"\\u006dessage"')
    assert api.send_raw(text.encode()).status_code == 200


@pytest.mark.parametrize("size, fits", [(BODY_LIMIT - 1, True), (BODY_LIMIT, True),
                                        (BODY_LIMIT + 1, False)])
def test_body_size(api, size, fits):
    """Padded with spaces, which JSON allows."""
    text = json.dumps(new_message()).encode()
    answer = api.send_raw(text + b" " * (size - len(text)))
    if fits:
        assert answer.status_code == 200, answer.text
    else:
        assert_problem(answer, 413, "body_too_large", "BODY_TOO_LARGE")


@pytest.mark.parametrize("media_type", [
    "application/json", "application/json; charset=utf-8", "Application/JSON",
    "application/json;charset=UTF-8"])
def test_media_types_taken(api, media_type):
    body = json.dumps(new_message()).encode()
    answer = api.send_raw(body, {"Content-Type": media_type})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("media_type", [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml",
    "application/jsonx", "nonsense"])
def test_media_types_refused(api, media_type):
    body = json.dumps(new_message()).encode()
    assert_problem(api.send_raw(body, {"Content-Type": media_type}), 415,
                   "unsupported_media_type", "UNSUPPORTED_MEDIA_TYPE")


def test_wrong_requests_cost_nothing(api, simulator, database):
    before = simulator.calls()
    message = new_message(to="nobody")
    assert_invalid(api.send(message), "to")
    assert simulator.calls() == before
    assert database.messages(message["tenant_id"]) == []


@pytest.mark.parametrize("message_id", ["x", "%2e%2e", "0193e6c0-0000-7000-8000-00000000000",
                                        "a" * 200, "%00", "%zz", "0193e6c0%20"])
def test_status_of_what_is_no_message_id(api, message_id):
    """What can be no id is no message of ours."""
    answer = api.status(message_id)
    assert answer.status_code in (400, 404), answer.text
    body = answer.json()
    assert body["code"] in ("INVALID_REQUEST", "NOT_FOUND")
