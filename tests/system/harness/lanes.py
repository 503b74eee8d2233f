"""Which incarnation owns which lane, as the database has it."""

import collections

from harness.wait import wait_until

LANES = "SELECT l.lane, l.incarnation, i.fenced FROM message_sender.lane l" \
        " LEFT JOIN message_sender.incarnation i ON i.id = l.incarnation"


def owners(database):
    """How many lanes each live incarnation has."""
    return collections.Counter(row["incarnation"] for row in database.query(LANES)
                               if row["incarnation"] and not row["fenced"])


def lanes_by_owner(database):
    held = collections.defaultdict(set)
    for row in database.query(LANES):
        held[row["incarnation"]].add(row["lane"])
    return dict(held)


def wait_spread(database, workers, seconds=10, before=()):
    """Until all lanes are owned, evenly, by so many, none of them one of those of before."""
    def even():
        counts = owners(database)
        return counts if sum(counts.values()) == 64 and len(counts) == workers and \
            max(counts.values()) - min(counts.values()) <= 1 and \
            not counts.keys() & set(before) else None

    return wait_until(even, seconds, f"64 lanes spread over {workers}")
