"""Compares what the callers were told with the tables and with what the simulator took."""

import bisect
import collections
import datetime

import tenants
from harness.process import REPORT
from harness.service import parse_log_line
from harness.wait import wait_until
from points import BREAKPOINT_SIGNAL
from told import overtakings, read_callers, repeats

UNFINISHED = ("scheduled", "queued", "sending", "retrying")
NOT_TAKEN = ("OVERLOADED", "STORE_UNAVAILABLE", "QUEUE_FULL", "QUOTA_EXCEEDED")
SENT = ("sent", "delivered", "read")
KILLS = ("9", BREAKPOINT_SIGNAL)   # signals that were ours
ORDER_HOLD_SECONDS = 10            # the default of the setting
BELL_SECONDS = 5                   # in which a lost session is back
SAMPLES = 5
RANK = {"sent": 1, "delivered": 2, "read": 3}


class Graph:
    """What the simulator took, by message id."""

    def __init__(self, path):
        self.accepted = collections.defaultdict(list)   # [(seconds, attempt, wamid)]
        self.calls = collections.Counter()
        self.stored = collections.Counter()
        self.receipts = collections.defaultdict(set)    # {(attempt, status, wamid)}, acknowledged
        for line in path.read_text().splitlines():
            ms, service, text, verdict, wamid = line.split(" ")
            message_id, _, attempt = text.partition(":")
            if service == "receipt":
                self.receipts[message_id].add((int(attempt), verdict, wamid))
                continue
            if service == "conversation":
                self.stored[message_id] += verdict == "taken"
                continue
            self.calls[message_id] += 1
            if verdict == "taken":
                self.accepted[message_id].append((int(ms) / 1000, int(attempt), wamid))


class Tables:
    def __init__(self, house):
        columns = ("message_id", "key", "state", "wamid", "attempts", "conversation_id")
        rows = house.query("SELECT message_id::text, payload::json->>'body', state, wamid,"
                           " attempts, conversation_id FROM message_sender.message")
        self.messages = {row[0]: dict(zip(columns, row)) for row in rows}
        self.attempts = collections.defaultdict(list)
        for message_id, attempt, outcome, wamid in house.query(
                "SELECT message_id::text, attempt, outcome, wamid FROM message_sender.attempt"
                " ORDER BY attempt"):
            self.attempts[message_id].append((attempt, outcome, wamid))
        self.receipts = collections.defaultdict(list)
        for message_id, *receipt in house.query(
                "SELECT message_id::text, attempt, status, wamid FROM message_sender.receipt"):
            self.receipts[message_id].append(tuple(receipt))
        self.orphans = set(house.query("SELECT wamid, status FROM message_sender.receipt_orphan"))
        self.work = {row[0]: row[1:] for row in house.query(
            "SELECT message_id::text, state, attempt_open FROM message_sender.work")}
        # So often a recorded policy sent a message again that was lost, or failed later.
        self.resends = collections.Counter(row[0] for row in house.query(
            "SELECT message_id::text FROM message_sender.decision"
            " WHERE decision = 'resend' AND decided_by LIKE 'policy:%'"))
        # Recorded as given up, whatever came of them.
        self.given_up = {row[0] for row in house.query(
            "SELECT message_id::text FROM message_sender.decision"
            " WHERE decision = 'failed' AND decided_by LIKE 'policy:%'")}


def unfinished(house):
    """How many messages are not at an end, `unknown` left out that was looked at and that no policy
    is to end; and how many receipts have a message that they have not found yet."""
    return house.query(
        "SELECT (SELECT count(*) FROM message_sender.receipt_orphan o WHERE EXISTS (SELECT FROM"
        " message_sender.attempt a WHERE a.wamid = o.wamid) OR EXISTS (SELECT FROM"
        " message_sender.message m WHERE m.message_id = o.message_id)) + count(*)"
        " FROM message_sender.message m LEFT JOIN message_sender.work w"
        " USING (message_id) WHERE m.state IN ('scheduled', 'queued', 'sending', 'retrying')"
        " OR (m.state = 'unknown' AND EXISTS (SELECT FROM message_sender.receipt r"
        " WHERE r.message_id = m.message_id AND r.attempt = m.attempts))"
        " OR (w.message_id IS NOT NULL AND (w.state <> 'unknown'"
        " OR w.wait = 2 AND coalesce(w.settle_policy, 'resend') IN ('resend', 'fail')))")[0][0]


def settle(house, seconds):
    """Waits until everything is reported and at an end; False when it is not within the time."""
    try:
        house.simulator.wait_reported(seconds)
        wait_until(lambda: unfinished(house) == 0, seconds, "everything is at an end")
    except AssertionError:
        return False
    return True


def rest(house, seconds):
    """Settles and stops the service, so that what is compared does not change: policies go on
    deciding about what is unknown.  False: something never came to its end."""
    for _ in range(3):
        settled = settle(house, seconds)
        house.stop_nodes()
        if not settled or unfinished(house) == 0:
            return settled
        house.start_nodes()
    return False


def said(receipts, last):
    """The state of a message of which this was reported, `last` being its last attempt: what failed
    before was sent again."""
    statuses = {status for attempt, status, _ in receipts if status != "failed" or attempt == last}
    best = max(statuses, key=lambda status: RANK.get(status, 0), default="sent")
    return "failed" if "failed" in statuses and RANK.get(best, 0) < 2 else best


class Audit:
    def __init__(self, house):
        self.house = house
        self.asks = read_callers(house.journals)
        self.graph = Graph(house.graph_journal)
        self.tables = Tables(house)
        self.by_key = collections.defaultdict(list)
        for message in self.tables.messages.values():
            self.by_key[message["key"]].append(message)
        self.violations = {}     # what -> [samples]
        self.sessions_lost = []  # when PostgreSQL's sessions ended
        self.overtaken = 0       # messages whose bell was lost with a session

    def violation(self, what, sample):
        self.violations.setdefault(what, []).append(sample)

    def run(self):
        for ask in self.asks.values():
            self._ask(ask)
            self._looks(ask)
            for what, sample in repeats(ask):
                self.violation(what, sample)
        for message in self.tables.messages.values():
            self._message(message)
        for message_id, accepted in self.graph.accepted.items():
            if message_id not in self.tables.messages:
                self.violation("sent to WhatsApp, and not in the table", message_id)
            if self._too_often(message_id):
                self.violation("sent to WhatsApp more than once", (message_id, accepted))
        for message_id in self.graph.receipts.keys() | self.tables.receipts.keys():
            self._receipts(message_id)
        for message_id in self.graph.stored:
            if message_id not in self.tables.messages:
                self.violation("stored as a conversation, and not in the table", message_id)
        self._logs()
        self._order()
        self._sum()
        if self.house.own_tenants:
            for row in tenants.wrongly_charged(self.house):
                self.violation("a quota says otherwise than its messages", row)
        self._command()
        return not self.violations

    def _too_often(self, message_id):
        return len(self.graph.accepted[message_id]) > 1 + self.tables.resends[message_id]

    def _receipts(self, message_id):
        """What was reported and acknowledged is there, once; what it says is so."""
        told, kept = self._told_of(message_id), self.tables.receipts[message_id]
        if told - set(kept):
            self.violation("a receipt was acknowledged, and is not in the table",
                           (message_id, sorted(told - set(kept))))
        if set(kept) - told:
            self.violation("a receipt is in the table, and was not reported",
                           (message_id, sorted(set(kept) - told)))
        if len(kept) > len(set(kept)):
            self.violation("one event is several receipts", (message_id, sorted(kept)))
        message = self.tables.messages.get(message_id)
        last = max((attempt for _, attempt, _ in self.graph.accepted[message_id]), default=0)
        if message and message["state"] == "unknown":
            if any(attempt == message["attempts"] for attempt, _, _ in told):
                self.violation("unknown, and its receipt arrived", (message, sorted(kept)))
        elif message and told and message_id not in self.tables.given_up and (
                message["state"] != said(told, last)):
            self.violation("its receipts say otherwise than its state", (message, sorted(told)))

    def _told_of(self, message_id):
        """What was reported of it, but for what nobody can know: without callback data, of a reply
        that was lost."""
        known = {wamid for _, _, wamid in self.tables.attempts[message_id]}
        return {(attempt, status, wamid) for attempt, status, wamid
                in self.graph.receipts[message_id]
                if wamid in known or (wamid, status) not in self.tables.orphans}

    def _failed_later(self, message_id):
        """Meta reported that it failed, after it had taken it."""
        return any(status == "failed" for _, status, _ in self.graph.receipts[message_id])

    def _ask(self, ask):
        rows = self.by_key.get(ask.key, [])
        if len(rows) > 1:
            self.violation("one request became several messages",
                           (ask.key, ask.status, [(r["message_id"], r["state"]) for r in rows]))
        message = self.tables.messages.get(ask.message_id)
        if ask.acknowledged and not message:
            self.violation("acknowledged, and not in the table", (ask.key, ask.body))
        elif message and message["key"] != ask.key:
            self.violation("acknowledged with the id of another message", (ask.key, ask.body))
        elif ask.status == 200:
            self._told_sent(ask, message)
        elif ask.acknowledged and ask.status == 500:
            if message["state"] != "failed":
                self.violation("told that it failed, and the state is another",
                               (ask.body, message))
        elif ask.status == 202 and message["state"] == "cancelled" and not ask.cancels:
            self.violation("told that it was taken, and it was cancelled", (ask.body, message))
        elif ask.cancelled is not None and ask.cancelled != (message["state"] == "cancelled"):
            self.violation("told whether it was cancelled, and the state is another",
                           (ask.key, ask.cancelled, message))
        elif ask.body.get("code") in NOT_TAKEN and not ask.keyed and not ask.in_doubt and rows:
            self.violation("told that it was not taken, and it is in the table",
                           (ask.key, ask.body, rows))
        elif ask.status not in (None, 0, 200, 202, 500, 502, 503, 504) and not (
                ask.keyed and ask.status == 409 or ask.is_too_late) and not self._used_up(ask):
            self.violation("an answer that nobody asked for", (ask.key, ask.status, ask.body))

    def _used_up(self, ask):
        """Refused, as that tenant's quota is small."""
        return (self.house.own_tenants and ask.to[0] in tenants.NARROW and ask.status in (400, 429)
                and ask.body.get("code") == "QUOTA_EXCEEDED")

    def _looks(self, ask):
        """Who reads what was acknowledged finds it, and not less than was told."""
        for look in ask.looks:
            if look.status not in (0, 200, 500, 502, 503, 504):
                self.violation("acknowledged, and not to be read",
                               (ask.key, ask.message_id, look.status, look.text))
            elif look.status == 200 and ask.status == 200 and (
                    look.body["status"] not in SENT) and not self._failed_later(ask.message_id):
                self.violation("told that it was sent, and another state is read",
                               (ask.key, look.text))

    def _order(self):
        taken = {message_id: accepted[0][0] for message_id, accepted in self.graph.accepted.items()}
        for first, second in overtakings(self.asks.values(), taken, ORDER_HOLD_SECONDS):
            if self.tables.resends[first.message_id]:
                continue   # it was unknown meanwhile, and nobody waits for that
            if len(self.house.nodes) > 1 and self._bell_lost(first.answer.time):
                self.overtaken += 1
                continue
            self.violation("an earlier message was overtaken", [
                (ask.key, ask.message_id, round(ask.time, 3), round(ask.answer.time, 3),
                 taken[ask.message_id]) for ask in (first, second)])

    def _bell_lost(self, when):
        """Could the bell to another node be lost?  It was if its worker's session was: some
        session ended at most so long before, or after."""
        at = bisect.bisect(self.sessions_lost, when - BELL_SECONDS)
        return at < len(self.sessions_lost) and self.sessions_lost[at] < when + 0.1

    def balance(self):
        """What became of the acknowledged messages, by state; unknown ones by whether WhatsApp
        has them."""
        states = collections.Counter()
        for ask in self.asks.values():
            message = self.tables.messages.get(ask.message_id) if ask.acknowledged else None
            if message and message["state"] == "unknown":
                taken = bool(self.graph.accepted.get(ask.message_id))
                states["unknown, taken" if taken else "unknown, not taken"] += 1
            elif message:
                states["sent" if message["state"] in SENT else message["state"]] += 1
        return dict(sorted(states.items()))

    def unknown(self):
        """A line for each message whose outcome nobody has told."""
        lines = []
        for message_id, message in sorted(self.tables.messages.items()):
            if message["state"] == "unknown":
                taken = "taken" if self.graph.accepted.get(message_id) else "not taken"
                outcomes = " ".join(outcome for _, outcome, _ in self.tables.attempts[message_id])
                lines.append(f"{message_id} {message['key']}: {taken} by WhatsApp; {outcomes}\n")
        return lines

    def _sum(self):
        """Acknowledged = sent + honestly not sent, and sums over states = accepted."""
        acknowledged = sum(ask.acknowledged for ask in self.asks.values())
        if sum(self.balance().values()) != acknowledged:
            self.violation("the acknowledged are not all accounted for",
                           (acknowledged, self.balance()))
        rows, states = self.house.query(
            "SELECT (SELECT count(*) FROM message_sender.message), sum(n)::bigint FROM (SELECT"
            " count(*) AS n FROM message_sender.message WHERE state IN ('queued', 'sending',"
            " 'retrying', 'unknown', 'sent', 'delivered', 'read', 'failed', 'expired',"
            " 'cancelled', 'scheduled') GROUP BY state) AS s")[0]
        if rows != states:
            self.violation("the sum over states is not the number of messages", (rows, states))

    def _told_sent(self, ask, message):
        wamid = ask.body["whatsapp_message_id"]
        given = [given for _, _, given in self.graph.accepted[ask.message_id]]
        given += [given for _, _, given in self.graph.receipts[ask.message_id]]
        if message["state"] not in SENT and not self._failed_later(ask.message_id):
            self.violation("told that it was sent, and the state is another", (ask.key, message))
        if wamid not in given or (
                wamid != message["wamid"] and not self.tables.resends[ask.message_id]):
            self.violation("told a wamid that WhatsApp did not give",
                           (ask.key, wamid, given, message["wamid"]))

    def _message(self, message):
        message_id, state = message["message_id"], message["state"]
        outcomes = [outcome for _, outcome, _ in self.tables.attempts[message_id]]
        accepted = self.graph.accepted.get(message_id, [])
        work = self.tables.work.get(message_id)
        if message["key"] not in self.asks:
            self.violation("in the table, and never asked for", message)
        if state in UNFINISHED or (work and work[0] != "unknown"):
            self.violation("not at an end", (message, work, outcomes))
        if state == "unknown" and (outcomes or [""])[-1] != "lost":
            self.violation("unknown without a lost attempt", (message, outcomes))
        if state in SENT:
            if not accepted:
                self.violation("sent, and WhatsApp did not take it", message)
            if message["conversation_id"] and not self.graph.stored[message_id]:
                self.violation("sent, and never stored as a conversation", message)
        if state in ("failed", "cancelled", "expired") and accepted and \
                message_id not in self.tables.given_up and not self._failed_later(message_id):
            self.violation(f"{state}, and WhatsApp took it", (message, outcomes, accepted))
        if state == "cancelled" and self.graph.calls[message_id] and set(outcomes) - {"refused",
                                                                                      "not_sent"}:
            self.violation("cancelled, and WhatsApp may have it", (message, outcomes))
        if self.graph.calls[message_id] > message["attempts"] and state != "unknown":
            self.violation("more calls than attempts", (message, outcomes))

    def _logs(self):
        """What no death explains: workers that end by themselves, and sanitizers' reports."""
        for point in self.house.unreached:
            self.violation("nobody was killed at a point", point)
        for path in sorted(self.house.work.glob("*.log")):
            for text in path.read_text(errors="replace").splitlines():
                line = parse_log_line(text)
                if line and line["event"] in ("store_away", "store_trouble"):
                    self.sessions_lost.append(
                        datetime.datetime.fromisoformat(line["time"]).timestamp())
                if REPORT.search(text):
                    self.violation("a report of a sanitizer", (path.name, text))
                if line and (line["event"] in ("write_rejected", "loop_failed")
                             or line["event"] == "worker_ended"
                             and (line.get("signal", "9") not in KILLS
                                  or line.get("exit", "0") != "0")):
                    self.violation("the log says", (path.name, text))
        self.sessions_lost.sort()

    def _command(self):
        done = self.house.command("check")
        print(done.stdout, end="")
        if done.returncode != 0:
            self.violation("message-sender check", done.stdout + done.stderr)

    def counts(self):
        """The numbers of README.md."""
        acknowledged = [ask for ask in self.asks.values() if ask.acknowledged]
        lost = sum(ask.message_id not in self.tables.messages for ask in acknowledged)
        duplicated = sum(map(self._too_often, self.graph.accepted)) + sum(
            len(rows) > 1 for rows in self.by_key.values())
        unexpected = sum(message_id not in self.tables.messages
                         for message_id in self.graph.calls)
        recovered = sum(not ask.acknowledged and ask.key in self.by_key
                        for ask in self.asks.values())
        receipts = sum(map(len, self.graph.receipts.values()))
        return {"acknowledged": len(acknowledged), "attempted": len(self.asks), "lost": lost,
                "duplicated": duplicated, "unexpected": unexpected, "recovered": recovered,
                "receipts": receipts, "overtaken": self.overtaken}

    def answers(self):
        """How often each answer was given, by status and code; 0: none came.  INTERNAL and
        UNAVAILABLE are the web server's."""
        names = collections.Counter()
        for ask in self.asks.values():
            code = "may have been taken" if ask.in_doubt else ask.body.get("code", "")
            names[f"{ask.status or 0} {code}".strip()] += 1
        return dict(sorted(names.items()))

    def states(self):
        return dict(sorted(collections.Counter(
            message["state"] for message in self.tables.messages.values()).items()))
