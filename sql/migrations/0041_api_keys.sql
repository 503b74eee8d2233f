-- API keys: who may ask for what.
--
-- Purpose: a key's text is told once, when it is made; here is its SHA-256, which is enough for 160
-- random bits.  Workers remember what they looked up until the version changes, which they ask for
-- every second.  A key that is rotated has a successor beside it until its own time is over.
-- Locks: new tables only.

CREATE TABLE message_sender.api_key (
	id text PRIMARY KEY,
	hash bytea NOT NULL CHECK (octet_length(hash) = 32),
	tenant_id text,                     -- null: speaks for any tenant
	outlets text[] CHECK (cardinality(outlets) > 0), -- null: for all of the tenant's
	scopes text[] NOT NULL CHECK (cardinality(scopes) > 0
		AND scopes <@ ARRAY['send', 'read', 'manage', 'report']),
	replaces text REFERENCES message_sender.api_key (id),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.statement_timestamp(),
	created_by text NOT NULL,
	why text NOT NULL,
	expires_at timestamptz,             -- null: never
	revoked_at timestamptz,
	revoked_by text,
	last_used_at timestamptz            -- to about a minute
) WITH (fillfactor = 70);
CREATE INDEX api_key_tenant ON message_sender.api_key (tenant_id, created_at);
CREATE INDEX api_key_replaces ON message_sender.api_key (replaces) WHERE replaces IS NOT NULL;
COMMENT ON TABLE message_sender.api_key IS 'keys that callers show, without their secrets';
SELECT message_sender.tenant_wall('message_sender.api_key');

CREATE TABLE message_sender.api_key_version (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	version bigint NOT NULL
);
COMMENT ON TABLE message_sender.api_key_version IS 'how often what keys permit has changed';
INSERT INTO message_sender.api_key_version (version) VALUES (1);

CREATE FUNCTION message_sender.api_key_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE message_sender.api_key_version v SET version = v.version + 1 WHERE v.one;
	RETURN NULL;
END
$$;
CREATE TRIGGER changed AFTER INSERT OR DELETE
	OR UPDATE OF id, hash, tenant_id, outlets, scopes, expires_at, revoked_at
	ON message_sender.api_key
	FOR EACH STATEMENT EXECUTE FUNCTION message_sender.api_key_changed();

-- The one door to a key for who serves callers: by its id.  Always a row, with the version.
CREATE FUNCTION message_sender.api_key_find(asked text)
RETURNS TABLE (version bigint, hash bytea, tenant_id text, outlets text, scopes text,
	revoked boolean, left_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT v.version, k.hash, k.tenant_id, array_to_string(k.outlets, ' '),
		array_to_string(k.scopes, ','), k.revoked_at IS NOT NULL,
		floor(EXTRACT(EPOCH FROM k.expires_at - statement_timestamp()) * 1000)::bigint
	FROM message_sender.api_key_version v
	LEFT JOIN message_sender.api_key k ON k.id = asked
	WHERE v.one;
END
$$;

-- These were used; which version is it?  What another worker is just noting is left to it.
CREATE FUNCTION message_sender.api_keys_used(ids text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due text[];
BEGIN
	IF cardinality(ids) > 0 THEN
		SELECT array_agg(u.id) INTO due FROM (SELECT k.id FROM message_sender.api_key k
			WHERE k.id = ANY (ids)
				AND coalesce(k.last_used_at < statement_timestamp() - interval '1 minute', true)
			FOR NO KEY UPDATE SKIP LOCKED) AS u;
		UPDATE message_sender.api_key k SET last_used_at = statement_timestamp()
		WHERE k.id = ANY (due);
	END IF;
	RETURN (SELECT v.version FROM message_sender.api_key_version v WHERE v.one);
END
$$;

REVOKE ALL ON FUNCTION message_sender.api_key_changed(), message_sender.api_key_find(text),
	message_sender.api_keys_used(text[]) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT INSERT, SELECT (id, tenant_id, outlets, scopes, replaces, created_at, created_by, why,
				expires_at, revoked_at, revoked_by, last_used_at),
			UPDATE (expires_at, revoked_at, revoked_by)
			ON message_sender.api_key TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.api_key_find(text),
			message_sender.api_keys_used(text[]) TO message_sender_reader;
	END IF;
END
$$;
