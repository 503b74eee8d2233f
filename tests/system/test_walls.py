"""The walls in the database: what each role may not do, tried by real logins, and what its catalogue
has to say of every table."""

import uuid

import psycopg
import pytest

from harness.api import new_message

DENIED = psycopg.errors.InsufficientPrivilege
ID = "'01900000-0000-7000-8000-000000000000'::uuid"
APP, READER, MAINTENANCE, REPORT = "app", "reader", "maintenance", "report"

# One missing right each.  As a superuser every one of them goes through: it is the right that is
# missing, and nothing else.
FORBIDDEN = [
    # The app writes by key and lane; what has happened it takes back no more than it rewrites itself.
    (APP, "DELETE FROM message_sender.message"),
    (APP, "DELETE FROM message_sender.attempt"),
    (APP, "DELETE FROM message_sender.decision"),
    (APP, "DELETE FROM message_sender.replay"),
    (APP, "DELETE FROM message_sender.hold"),
    (APP, "DELETE FROM message_sender.incarnation"),
    (APP, "DELETE FROM message_sender.batch"),
    (APP, "DELETE FROM message_sender.api_key"),
    (APP, "DELETE FROM message_sender.lane"),
    (APP, "UPDATE message_sender.decision SET why = ''"),
    (APP, "UPDATE message_sender.replay SET why = ''"),
    (APP, "UPDATE message_sender.schema_migration SET name = ''"),
    (APP, "INSERT INTO message_sender.schema_migration VALUES ('x', 'x')"),
    (APP, "UPDATE message_sender.hold_version SET version = 0"),
    (APP, "UPDATE message_sender.api_key_version SET version = 0"),
    (APP, "SELECT hash FROM message_sender.api_key"),
    (APP, "UPDATE message_sender.api_key SET tenant_id = 't'"),
    (APP, "UPDATE message_sender.api_key SET scopes = '{manage}'"),
    (APP, "UPDATE message_sender.api_key SET hash = ''"),
    (APP, "SELECT * FROM message_sender.api_key_find('k')"),
    (APP, "TRUNCATE message_sender.work"),
    (APP, "TRUNCATE message_sender.idempotency_key"),
    (APP, "SELECT * FROM message_sender.message_default"),
    (APP, "INSERT INTO message_sender.attempt_default SELECT * FROM message_sender.attempt"),
    (APP, "CREATE TABLE message_sender.mine ()"),
    (APP, "CREATE FUNCTION message_sender.mine() RETURNS void LANGUAGE sql AS ''"),
    (APP, "ALTER TABLE message_sender.work DISABLE ROW LEVEL SECURITY"),
    (APP, "DROP TABLE message_sender.wait"),
    (APP, "DROP POLICY app ON message_sender.message"),
    (APP, "CREATE POLICY mine ON message_sender.message TO PUBLIC USING (true)"),
    (APP, "SELECT message_sender.tenant_wall('message_sender.work')"),
    (APP, "SET ROLE message_sender_owner"),
    (APP, "CREATE ROLE somebody"),
    (APP, "SELECT setval('message_sender.work_seq', 1)"),
    # The reader looks into messages and batches of one tenant, and asks for the rest by function.
    (READER, "INSERT INTO message_sender.message SELECT * FROM message_sender.message"),
    (READER, "UPDATE message_sender.message SET state = 'sent'"),
    (READER, "DELETE FROM message_sender.message"),
    (READER, "SELECT * FROM message_sender.message FOR UPDATE"),
    (READER, "UPDATE message_sender.batch SET messages = 0"),
    (READER, "SELECT * FROM message_sender.work"),
    (READER, "SELECT * FROM message_sender.attempt"),
    (READER, "SELECT * FROM message_sender.idempotency_key"),
    (READER, "SELECT * FROM message_sender.hold"),
    (READER, "SELECT * FROM message_sender.tenant_policy"),
    (READER, "SELECT * FROM message_sender.rate"),
    (READER, "SELECT * FROM message_sender.wait"),
    (READER, "SELECT * FROM message_sender.receipt"),
    (READER, "SELECT * FROM message_sender.decision"),
    (READER, "SELECT * FROM message_sender.replay"),
    (READER, "SELECT id FROM message_sender.api_key"),
    (READER, "SELECT * FROM message_sender.message_default"),
    (READER, "SELECT * FROM message_sender.batch_cancel(" + ID + ", " + ID + ", 1)"),
    (READER, "SELECT message_sender.call_off(ARRAY[" + ID + "], 'x')"),
    (READER, "SELECT message_sender.partitions_ahead(1)"),
    (READER, "CREATE TABLE message_sender.mine ()"),
    (READER, "SET ROLE message_sender_app"),
    # Maintenance makes partitions and lets keys go.
    (MAINTENANCE, "SELECT * FROM message_sender.message"),
    (MAINTENANCE, "DELETE FROM message_sender.message"),
    (MAINTENANCE, "SELECT * FROM message_sender.work"),
    (MAINTENANCE, "UPDATE message_sender.idempotency_key SET answer_body = ''"),
    (MAINTENANCE, "SELECT id FROM message_sender.api_key"),
    (MAINTENANCE, "DROP TABLE message_sender.idempotency_key"),
    # Reports have their own schema, and see nothing of this one.
    (REPORT, "SELECT * FROM message_sender.message"),
    (REPORT, "SELECT * FROM message_sender.work"),
    (REPORT, "SELECT * FROM message_sender.idempotency_key"),
    (REPORT, "SELECT id FROM message_sender.api_key"),
    (REPORT, "SELECT * FROM message_sender.message_status(" + ID + ")"),
]


@pytest.fixture(scope="module")
def walls(postgres):
    """A database, and the connection string of a login that is a member of one role only."""
    database = postgres.database()
    suffix = uuid.uuid4().hex[:8]
    logins = {}
    for role in (APP, READER, MAINTENANCE, REPORT):
        login = f"login_{role}_{suffix}"
        postgres.admin(f"CREATE ROLE {login} LOGIN IN ROLE message_sender_{role}")
        logins[role] = database.url.replace("user=postgres", f"user={login}")
        assert login in logins[role], database.url
    yield database, logins
    postgres.admin(f"DROP DATABASE {database.name} WITH (FORCE)")
    for login in logins:
        postgres.admin(f"DROP ROLE login_{login}_{suffix}")


@pytest.fixture(scope="module")
def connections(walls):
    opened = {role: psycopg.connect(url) for role, url in walls[1].items()}
    opened["superuser"] = psycopg.connect(walls[0].url)
    yield opened
    for connection in opened.values():
        connection.close()


def test_there_are_enough_of_them():
    assert len(FORBIDDEN) == len(set(FORBIDDEN)) >= 40


@pytest.mark.parametrize("role,statement", FORBIDDEN, ids=lambda value: value[:60])
def test_the_right_is_missing(connections, role, statement):
    with pytest.raises(DENIED):
        connections[role].execute(statement)
    connections[role].rollback()
    try:
        connections["superuser"].execute(statement)
    except psycopg.Error as error:  # it got beyond the right
        assert not isinstance(error, DENIED), error
        assert error.sqlstate[:2] in ("22", "23", "42"), error
        assert error.sqlstate not in ("42601", "42P01", "42703", "42883"), error
    finally:
        connections["superuser"].rollback()


# --- rows


def accept(database, tenant, outlet="o-1"):
    message = new_message(tenant_id=tenant)
    return database.query(
        "INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, recipient,"
        " message_type, payload, sender_type, state, accepted_at) VALUES (overlay(gen_random_uuid()"
        "::text placing '7' from 15)::uuid, %s, %s, %s, 'text', '{}', 'llm', 'sent', now())"
        " RETURNING message_id", tenant, outlet, message["to"])[0]["message_id"]


def seen(connection, tenant=None, outlets=None):
    """Tenants and outlets that a look without any condition finds, with these settings for one
    transaction."""
    with connection.transaction():
        for name, value in (("tenant", tenant), ("outlets", outlets)):
            if value is not None:
                connection.execute("SELECT set_config(%s, %s, true)",
                                   (f"message_sender.{name}", value))
        return {tuple(row) for row in connection.execute(
            "SELECT tenant_id, outlet_id FROM message_sender.message").fetchall()}


def test_the_reader_sees_one_tenant_and_its_outlets(walls, connections):
    database = walls[0]
    for tenant, outlet in (("t-1", "o-1"), ("t-1", "o-2"), ("t-2", "o-1")):
        accept(database, tenant, outlet)
    reader = connections[READER]
    assert seen(reader) == set()
    assert seen(reader, "") == set()
    assert seen(reader, "t-1") == {("t-1", "o-1"), ("t-1", "o-2")}
    assert seen(reader, "t-1", "o-2 o-3") == {("t-1", "o-2")}
    assert seen(reader, "t-2") == {("t-2", "o-1")}
    for cunning in ("t-%", "t-1' OR true --", "T-1", "t-1 ", "t-1,t-2", "{t-1}"):
        assert seen(reader, cunning) == set(), cunning
    assert seen(reader) == set(), "the tenant of one transaction stays in it"


def test_a_tenant_stays_in_its_statement(walls, connections):
    """As the service asks: the tenant is set within the function, and gone behind it."""
    database = walls[0]
    mine, others = accept(database, "t-3"), accept(database, "t-4")
    reader = connections[READER]
    with reader.transaction():
        for message, tenant, wanted in ((mine, "t-3", True), (others, "t-3", False),
                                        (mine, "t-4", False), (mine, None, True)):
            assert reader.execute("SELECT message_sender.message_seen(%s, %s, '')",
                                  (message, tenant)).fetchone()[0] is wanted
            assert reader.execute("SELECT count(*) FROM message_sender.message").fetchone()[0] == 0


# --- the catalogue

TENANT_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
    c.relispartition AS is_partition,
    array(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies
FROM pg_class c
WHERE c.relnamespace = 'message_sender'::regnamespace AND c.relkind IN ('r', 'p')
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
        AND NOT a.attisdropped)
"""


def unwalled(rows):
    return [row["name"] for row in rows if not row["enabled"] or not row["forced"]
            or row["is_partition"] and row["policies"] != ["owner"]
            or not row["is_partition"] and not {"app", "owner"} <= set(row["policies"])]


def test_no_table_of_tenants_lacks_its_wall(walls):
    rows = walls[0].query(TENANT_TABLES)
    assert {"message", "work", "batch", "api_key", "idempotency_key"} <= {row["name"] for row in rows}
    assert any(row["is_partition"] for row in rows)
    assert unwalled(rows) == []


def test_a_table_without_its_wall_is_found(walls):
    with psycopg.connect(walls[0].url, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute("CREATE TABLE message_sender.bare (tenant_id text)")
        assert unwalled(connection.execute(TENANT_TABLES).fetchall()) == ["bare"]
        connection.execute("ALTER TABLE message_sender.bare ENABLE ROW LEVEL SECURITY")
        assert unwalled(connection.execute(TENANT_TABLES).fetchall()) == ["bare"]
        connection.execute("SELECT message_sender.tenant_wall('message_sender.bare')")
        assert unwalled(connection.execute(TENANT_TABLES).fetchall()) == []
        connection.rollback()


def test_only_those_who_must_see_all_do(walls):
    """Policies without a condition are the service's own; nobody but it passes by them."""
    rows = walls[0].query(
        "SELECT tablename, policyname, roles::text[] AS roles, qual FROM pg_policies"
        " WHERE schemaname = 'message_sender'")
    for row in rows:
        assert len(row["roles"]) == 1 and row["roles"] != ["public"], row
        if row["roles"] == ["message_sender_reader"]:
            assert "message_sender.tenant" in row["qual"], row
        else:
            assert row["roles"][0] in ("message_sender_owner", "message_sender_app",
                                       "message_sender_maintenance"), row
    assert walls[0].query(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'message\\_sender\\_%%'"
        " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin)") == []


def test_functions_with_the_owners_rights_are_closed(walls):
    """A fixed search_path each, and no door for everybody."""
    rows = walls[0].query(
        "SELECT p.oid::regprocedure::text AS name, p.proconfig AS settings,"
        " coalesce(p.proacl::text, '=X/') AS acl FROM pg_proc p"
        " WHERE p.pronamespace = 'message_sender'::regnamespace AND p.prosecdef")
    assert len(rows) >= 10
    for row in rows:
        assert any(s.startswith("search_path=pg_catalog") and s.endswith("pg_temp")
                   for s in row["settings"] or []), row
        assert "{=X" not in row["acl"] and ",=X" not in row["acl"] and row["acl"] != "=X/", row
