"""What the callers asked, and what they were told: their journals."""

import json


class Answer:
    """One answer; status 0: none came."""

    def __init__(self, line):
        self.status = line["status"]
        self.text = line["body"]
        self.time = line["time"]
        self.replayed = line.get("replayed", False)
        try:
            body = json.loads(self.text)
        except ValueError:
            body = {}
        self.body = body if isinstance(body, dict) else {}

    @property
    def message_id(self):
        return self.body.get("message_id") or self.body.get("details", {}).get("message_id")

    @property
    def acknowledged(self):
        return self.status in (200, 202) or (
            self.status == 500 and self.body.get("code") == "SEND_FAILED")

    @property
    def in_doubt(self):
        return self.status == 503 and self.message_id is not None


class Ask:
    """One message of a caller.  Its answer is the one that acknowledged it, else the last; one
    that was asked for once has one at most."""

    def __init__(self, line):
        self.key = line["key"]
        self.time = line["time"]
        self.to = (line["tenant"], line["outlet"], line["to"], line["priority"])
        self.later = line["later"]   # it holds nobody up
        self.keyed = self.key.startswith(("keyed-", "bulk-"))
        self.answers = []
        self.looks = []
        self.cancels = []

    @property
    def cancelled(self):
        """Its caller was told so; None: was told nothing, or of its batch as a whole."""
        if self.key.startswith("bulk-"):
            return None
        return next((cancel.status == 200 for cancel in self.cancels
                     if cancel.status in (200, 409)), None)

    @property
    def answer(self):
        none = Answer({"status": None, "body": "", "time": self.time})
        return next((answer for answer in self.answers if answer.acknowledged),
                    self.answers[-1] if self.answers else none)

    @property
    def status(self):
        return self.answer.status

    @property
    def body(self):
        return self.answer.body

    @property
    def message_id(self):
        return self.answer.message_id

    @property
    def acknowledged(self):
        return self.answer.acknowledged

    @property
    def in_doubt(self):
        return self.answer.in_doubt

    @property
    def is_too_late(self):
        """It came when the time it was to be sent at was over."""
        return (self.later and self.status == 400
                and self.body.get("message", "").startswith("send_at: "))


def read_callers(directory):
    """{the caller's name of the message: Ask}"""
    asks = {}
    for path in sorted(directory.glob("*.jsonl")):
        for text in path.read_text().splitlines():
            line = json.loads(text)
            if line["event"] == "ask":
                asks[line["key"]] = Ask(line)
            elif line["event"] == "answer":
                asks[line["key"]].answers.append(Answer(line))
            elif line["event"] == "cancel":
                asks[line["key"]].cancels.append(Answer(line))
            else:
                asks[line["key"]].looks.append(Answer(line))
    return asks


def repeats(ask):
    """What is wrong with the answers to a request that was repeated with its key: [(what,
    sample)].  One request has one message, and one answer, byte for byte."""
    wrong = []
    # What was in doubt is told of another message when it was not taken; the tables tell the rest.
    ids = {answer.message_id for answer in ask.answers
           if answer.message_id and not answer.in_doubt}
    if len(ids) > 1:
        wrong.append(("one key, several messages", (ask.key, sorted(ids))))
    acknowledged = [answer for answer in ask.answers if answer.acknowledged]
    if len({(answer.status, answer.text) for answer in acknowledged}) > 1:
        wrong.append(("one key, several answers",
                      (ask.key, [(answer.status, answer.text) for answer in acknowledged])))
    if not all(answer.replayed for answer in acknowledged[1:]):
        wrong.append(("an answer given again, and not called that", ask.key))
    return wrong


def overtakings(asks, taken, hold_seconds):
    """[(first, second)] of the same sender and recipient where the second was asked for after the
    first had been acknowledged, and WhatsApp took it before the first, although the first had not
    been there for so long that it may be passed.  `taken`: when, by message id."""
    lines = {}
    for ask in asks:
        if ask.acknowledged and ask.message_id in taken and not ask.later:
            lines.setdefault(ask.to, []).append(ask)
    found = []
    for line in lines.values():
        line.sort(key=lambda ask: ask.time)
        for number, first in enumerate(line):
            late = taken[first.message_id]
            may_pass = first.time + hold_seconds
            for second in line[number + 1:]:
                if second.time >= late:
                    break
                if first.answer.time < second.time and (
                        taken[second.message_id] < min(late, may_pass)):
                    found.append((first, second))
    return found
