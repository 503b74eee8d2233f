"""Tenants of our own, without a Tenant Service: who they are, and what may be charged to them."""

import json

from callers import TENANTS

MASTER_KEY = "one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=\n"
NARROW = ("tenant-0", "tenant-1")   # have a quota that is soon used up
NARROW_MONTHLY = 100
MONTHLY = 10**6


def settings(work):
    key_file = work / "master-keys"
    key_file.write_text(MASTER_KEY)
    key_file.chmod(0o600)
    return {"TENANT_SERVICE_URL": "", "MASTER_KEY_FILE": key_file}


def fill(house):
    """An outlet each; outlets that are asked for besides are missing."""
    names = [f"tenant-{number}" for number in range(TENANTS)]
    tables = {
        "tenant": ["tenant_id,name,time_zone", *(f"{name},,UTC" for name in names)],
        "outlet": ["tenant_id,outlet_id,number,token",
                   *(f"{name},outlet-{name[len('tenant-'):]},{15550 + at},EAAG-{name}"
                     for at, name in enumerate(names))],
        "quota": ["tenant_id,daily,monthly",
                  *(f"{name},,{NARROW_MONTHLY if name in NARROW else MONTHLY}" for name in names)],
    }
    for what, lines in tables.items():
        done = house.command(what, "import", "-", text_input="\n".join(lines) + "\n")
        assert done.returncode == 0, done.stderr


def wrongly_charged(house):
    """[(tenant, limit, used, messages charged)] where the quota says otherwise than the messages;
    those that ended without WhatsApp's having taken them were given back."""
    done = house.command("quota", "list", "--json")
    assert done.returncode == 0, done.stderr
    charged = dict(house.query(
        "SELECT tenant_id, count(*) FROM message_sender.message WHERE charged_on IS NOT NULL"
        " AND (state NOT IN ('failed', 'cancelled', 'expired') OR wamid IS NOT NULL) GROUP BY 1"))
    found = [(quota["tenant_id"], quota["monthly"], quota["month_used"],
              charged.get(quota["tenant_id"], 0)) for quota in json.loads(done.stdout)["quotas"]]
    assert len(found) == TENANTS, found
    return [row for row in found if row[2] != row[3] or row[2] > row[1]]
