"""How long nobody sent for the lanes of what died: from its kill to the first attempt that another
life of a worker began for one of these lanes; or, when that message came later, from when it was
accepted: nobody sends what is not there."""

import bisect
import collections
import time


def lane_of(tenant):
    """FNV-1a 64, as domain/message.c."""
    value = 0xcbf29ce484222325
    for byte in tenant.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return value % 64


class Death:
    """What was killed, which lives that ended, and the lanes they had."""

    def __init__(self, kind, lives, lanes):
        self.kind = kind
        self.lives = lives
        self.lanes = lanes
        self.time = time.time()


def begins(house):
    """lane -> [(seconds, life, when it was accepted)] of all attempts, as they began."""
    found = collections.defaultdict(list)
    for tenant, begun, life, accepted in house.query(
            "SELECT m.tenant_id, extract(epoch FROM a.begun_at)::float8, a.incarnation::text,"
            " extract(epoch FROM m.accepted_at)::float8"
            " FROM message_sender.attempt a JOIN message_sender.message m USING (message_id)"
            " ORDER BY 2"):
        found[lane_of(tenant)].append((begun, life, accepted))
    return found


def seconds_until_another(death, found):
    """None: nobody ever began an attempt for them."""
    firsts = []
    for lane in death.lanes:
        attempts = found[lane]
        at = bisect.bisect(attempts, (death.time, ""))
        while at < len(attempts) and attempts[at][1] in death.lives:
            at += 1
        if at < len(attempts):
            firsts.append(attempts[at])
    if not firsts:
        return None
    begun, _, accepted = min(firsts)
    return begun - max(death.time, accepted)


def recoveries(house):
    """kind -> sorted seconds."""
    found = begins(house)
    times = collections.defaultdict(list)
    for death in house.deaths:
        seconds = seconds_until_another(death, found)
        if seconds is not None:
            times[death.kind].append(seconds)
    return {kind: sorted(values) for kind, values in times.items()}


def p99(values):
    return values[min(len(values) - 1, int(0.99 * len(values)))]
