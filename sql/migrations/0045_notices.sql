-- What webhooks tell besides receipts: who has written, who wants no marketing messages, what numbers
-- and accounts may do.
--
-- Purpose: inbound messages are kept as they came, each once, with the time at which each user wrote
-- last to each number (WhatsApp takes free messages for 24 hours from then); opt-outs are kept
-- by number, user and tenant; a number that was upgraded is sent from faster, and numbers of an account
-- that Meta has restricted or disabled are held, both known to every worker within a second, as all
-- changes of holds and rates are.  All of it is monotone in Meta's times, so that a webhook may come
-- again, or late, any number of times.
-- Raw webhooks are kept as many days as the service says.
-- Locks: ACCESS EXCLUSIVE on hold, for a moment.

CREATE TABLE message_sender.inbound (
	wamid text PRIMARY KEY,
	received_at timestamptz NOT NULL,
	at timestamptz NOT NULL,            -- by Meta
	number text NOT NULL,
	phone text,                         -- who wrote: digits, or …
	user_id text,                       -- … business-scoped, or both
	type text NOT NULL,                 -- text, image, …
	raw bytea NOT NULL,                 -- its object in the webhook, as it came
	CHECK (phone IS NOT NULL OR user_id IS NOT NULL)
);
CREATE INDEX inbound_received ON message_sender.inbound (received_at);
COMMENT ON TABLE message_sender.inbound IS 'what users wrote to numbers, as it came';

-- person: the digits of a telephone number, or a business-scoped id; who is named by both has two rows.
CREATE TABLE message_sender.reply_window (
	number text NOT NULL,
	person text NOT NULL,
	last_inbound_at timestamptz NOT NULL, -- by Meta
	PRIMARY KEY (number, person)
) WITH (fillfactor = 80);
COMMENT ON TABLE message_sender.reply_window IS
	'when a user wrote last to a number: for 24 hours from then it may write freely';

CREATE TABLE message_sender.opt_out (
	number text NOT NULL,
	person text NOT NULL,
	tenant_id text NOT NULL,            -- '': it is not known whose number it is
	stopped boolean NOT NULL,           -- false: wants them again
	at timestamptz NOT NULL,            -- by Meta
	category text NOT NULL,
	source text NOT NULL CHECK (source IN ('receipt', 'preference')),
	PRIMARY KEY (number, person, tenant_id)
);
COMMENT ON TABLE message_sender.opt_out IS 'users who want no marketing messages from a number';
SELECT message_sender.tenant_wall('message_sender.opt_out');

CREATE TABLE message_sender.number (
	display text PRIMARY KEY,           -- its telephone number, digits: some webhooks have this only
	number text                         -- Meta's id of it; null: not known yet
		CHECK (octet_length(number) <= 31),
	account text,                       -- null: so too
	rate integer CHECK (rate BETWEEN 1 AND 1000), -- messages a second; null: as NUMBER_RATE says
	rate_at timestamptz,                -- by Meta
	event text,                         -- the last one of phone_number_quality_update
	event_limit text,                   -- of conversations, with it
	event_at timestamptz
);
CREATE INDEX number_id ON message_sender.number (number);
CREATE INDEX number_account ON message_sender.number (account);
COMMENT ON TABLE message_sender.number IS 'what webhooks told of our numbers';
-- As before; by its key.
CREATE OR REPLACE FUNCTION message_sender.hold_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE message_sender.hold_version SET version = version + 1 WHERE one;
	PERFORM pg_notify('ms_all', 'h');
	RETURN NULL;
END
$$;
CREATE TRIGGER hold_changed_new AFTER INSERT ON message_sender.number
	FOR EACH ROW WHEN (NEW.rate IS NOT NULL AND NEW.number IS NOT NULL)
	EXECUTE FUNCTION message_sender.hold_changed();
CREATE TRIGGER hold_changed AFTER UPDATE ON message_sender.number
	FOR EACH ROW WHEN ((OLD.rate, OLD.number) IS DISTINCT FROM (NEW.rate, NEW.number)
		AND (OLD.rate IS NOT NULL OR NEW.rate IS NOT NULL))
	EXECUTE FUNCTION message_sender.hold_changed();

CREATE TABLE message_sender.account (
	account text NOT NULL,
	type text NOT NULL,                 -- of a restriction, the state of a ban, else the event
	reason text CHECK (reason IN ('restricted', 'disabled')), -- null: nothing is held for it
	event text NOT NULL,
	at timestamptz NOT NULL,            -- by Meta
	told_at timestamptz NOT NULL,
	until_at timestamptz,
	over_at timestamptz,                -- Meta has reinstated the account
	PRIMARY KEY (account, type)
);
COMMENT ON TABLE message_sender.account IS 'what webhooks told of our accounts, the last of each kind';

ALTER TABLE message_sender.hold
	ADD COLUMN until_at timestamptz,    -- released then by itself; null: not
	DROP CONSTRAINT hold_reason_check,
	ADD CONSTRAINT hold_reason_check
		CHECK (reason IN ('paused', 'token', 'restore', 'restricted', 'disabled'));
CREATE INDEX hold_until ON message_sender.hold (until_at)
	WHERE released_at IS NULL AND until_at IS NOT NULL;

CREATE OR REPLACE FUNCTION message_sender.hold_text(h message_sender.hold) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT message_sender.hold_subject(h)
		|| CASE h.reason WHEN 'paused' THEN ' paused'
			WHEN 'token' THEN ' held for its token (number ' || h.number || ')'
			WHEN 'restricted' THEN ' held: WhatsApp restricts its account'
			WHEN 'disabled' THEN ' held: WhatsApp has disabled its account'
			ELSE ' held after a restore' END
		|| ' by ' || h.set_by || ' since ' || message_sender.time_text(h.set_at)
		|| coalesce(' until ' || message_sender.time_text(h.until_at), '')
		|| CASE WHEN h.note <> '' THEN ': ' || h.note ELSE '' END
$$;
COMMENT ON VIEW report.hold IS
	'What is held now: paused, held for its token, by WhatsApp, or after a restore.';
COMMENT ON COLUMN report.hold.reason IS 'paused, token, restricted, disabled or restore';

-- A number's holds become what its account's restrictions say.  Returns what was done, a word each.
-- A hold that was released is not set again for what was known when it was set.
CREATE FUNCTION message_sender.number_holds(asked text, of_account text) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	says record;
	held message_sender.hold;
BEGIN
	FOR says IN SELECT w.reason, s.* FROM (VALUES ('restricted'), ('disabled')) AS w (reason)
			CROSS JOIN LATERAL (SELECT max(a.told_at) AS told_at,
					CASE WHEN bool_and(a.until_at IS NOT NULL) THEN max(a.until_at) END AS until_at,
					string_agg(a.type, ', ' ORDER BY a.type) AS note
				FROM message_sender.account a
				WHERE a.account = of_account AND a.reason = w.reason AND a.over_at IS NULL
					AND coalesce(a.until_at > clock_timestamp(), true)) AS s LOOP
		SELECT * INTO held FROM message_sender.hold h
		WHERE h.scope = 'number' AND h.tenant_id = '' AND h.outlet_id = '' AND h.number = asked
			AND h.reason = says.reason AND h.released_at IS NULL;
		IF says.told_at IS NULL AND held.id IS NOT NULL THEN
			UPDATE message_sender.hold h
			SET released_by = 'message-sender', released_at = clock_timestamp(),
				release_note = 'WhatsApp says so'
			WHERE h.id = held.id AND h.released_at IS NULL;
			RETURN NEXT 'release';
		ELSIF says.told_at IS NOT NULL AND held.id IS NULL THEN
			CONTINUE WHEN EXISTS (SELECT FROM message_sender.hold h
				WHERE h.scope = 'number' AND h.tenant_id = '' AND h.outlet_id = ''
					AND h.number = asked AND h.reason = says.reason
					AND h.set_at >= says.told_at)
				-- As hold_set: more are not kept in force.
				OR (SELECT count(*) FROM message_sender.hold h
					WHERE h.released_at IS NULL) >= 10000;
			INSERT INTO message_sender.hold (scope, number, reason, set_by, note, until_at)
			VALUES ('number', asked, says.reason, 'message-sender', says.note, says.until_at)
			ON CONFLICT DO NOTHING;
			RETURN NEXT 'hold';
		ELSIF held.until_at IS DISTINCT FROM says.until_at THEN
			UPDATE message_sender.hold h SET until_at = says.until_at, note = says.note
			WHERE h.id = held.id AND h.released_at IS NULL;
			RETURN NEXT 'hold';
		END IF;
	END LOOP;
END
$$;

-- Takes in what a webhook tells of a number or an account.  Returns what was done, a word each:
-- number, rate, hold, release.
CREATE FUNCTION message_sender.meta_told(kind text, id text, shown text, of_account text,
	what text, kind_of text, told timestamptz, until timestamptz) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	digits text := coalesce(nullif(regexp_replace(shown, '[^0-9]', '', 'g'), ''), shown);
	-- Meta's highest throughput: the one upgrade that there is.
	new_rate integer := CASE WHEN what = 'THROUGHPUT_UPGRADE' THEN 1000 END;
	said_at timestamptz := coalesce(told, statement_timestamp());
	other text;
BEGIN
	IF kind = 'number' THEN
		-- It has one telephone number at a time.
		UPDATE message_sender.number n SET number = NULL
		WHERE n.number = id AND n.display <> digits;
		INSERT INTO message_sender.number AS n (display, number, account)
		VALUES (digits, id, nullif(of_account, ''))
		ON CONFLICT (display) DO UPDATE
		SET number = excluded.number, account = coalesce(excluded.account, n.account)
		WHERE (n.number, n.account)
			IS DISTINCT FROM (excluded.number, coalesce(excluded.account, n.account));
		IF FOUND THEN
			RETURN NEXT 'number';
		END IF;
		RETURN QUERY SELECT message_sender.number_holds(id, n.account)
			FROM message_sender.number n WHERE n.display = digits AND n.account IS NOT NULL;
	ELSIF kind = 'quality' THEN
		INSERT INTO message_sender.number AS n (display, event, event_limit, event_at)
		VALUES (digits, what, nullif(kind_of, ''), said_at)
		ON CONFLICT (display) DO UPDATE
		SET event = excluded.event, event_limit = excluded.event_limit,
			event_at = excluded.event_at
		WHERE coalesce(excluded.event_at > n.event_at, true);
		UPDATE message_sender.number n SET rate = new_rate, rate_at = said_at
		WHERE n.display = digits AND new_rate IS NOT NULL
			AND coalesce(said_at > n.rate_at, true);
		IF FOUND THEN
			RETURN NEXT 'rate';
		END IF;
	ELSE
		IF kind_of = 'REINSTATE' THEN
			UPDATE message_sender.account a SET over_at = clock_timestamp()
			WHERE a.account = of_account AND a.over_at IS NULL AND a.at <= said_at;
		END IF;
		INSERT INTO message_sender.account AS a (account, type, reason, event, at, told_at,
			until_at, over_at)
		SELECT of_account, coalesce(nullif(kind_of, ''), what),
			CASE WHEN kind_of = 'DISABLE' THEN 'disabled'
				WHEN what = 'ACCOUNT_RESTRICTION' AND kind_of ~ 'MESSAGING' THEN 'restricted' END,
			what, said_at, clock_timestamp(), until,
			-- What is older than a reinstatement came late.
			CASE WHEN EXISTS (SELECT FROM message_sender.account r WHERE r.account = of_account
				AND r.type = 'REINSTATE' AND r.at >= said_at) THEN clock_timestamp() END
		ON CONFLICT (account, type) DO UPDATE
		SET reason = excluded.reason, event = excluded.event, at = excluded.at,
			told_at = excluded.told_at, until_at = excluded.until_at, over_at = excluded.over_at
		WHERE excluded.at > a.at;
		FOR other IN SELECT n.number FROM message_sender.number n
				WHERE n.account = of_account AND n.number IS NOT NULL ORDER BY n.number LOOP
			RETURN QUERY SELECT message_sender.number_holds(other, of_account);
		END LOOP;
	END IF;
END
$$;

-- Holds whose time is over end.  Returns how many.
CREATE FUNCTION message_sender.holds_over() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ended integer := 0;
BEGIN
	-- Looked at first: each statement that changes holds makes all workers read them.
	IF EXISTS (SELECT FROM message_sender.hold h WHERE h.released_at IS NULL
			AND h.until_at <= statement_timestamp()) THEN
		UPDATE message_sender.hold h
		SET released_by = 'message-sender', released_at = clock_timestamp(),
			release_note = 'its time is over'
		WHERE h.released_at IS NULL AND h.until_at <= statement_timestamp();
		GET DIAGNOSTICS ended = ROW_COUNT;
	END IF;
	RETURN ended;
END
$$;

-- A user wants no marketing messages from a number (stop), or wants them again.  Whose it is: the
-- tenant's whose message failed so; else of those that send from the number.  Returns how many
-- rows say something new.
CREATE FUNCTION message_sender.preference_told(of_number text, phone text, user_id text,
	of_wamid text, id uuid, of_category text, stop boolean, told timestamptz) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tenants text[];
	changed integer;
BEGIN
	IF id IS NULL AND of_wamid IS NOT NULL THEN
		SELECT a.message_id INTO id FROM message_sender.attempt a
		WHERE hashtext(a.wamid) = hashtext(of_wamid) AND a.wamid = of_wamid LIMIT 1;
	END IF;
	IF id IS NOT NULL THEN
		SELECT ARRAY[m.tenant_id] INTO tenants FROM message_sender.message m
		WHERE m.message_id = id;
	END IF;
	IF tenants IS NULL THEN
		SELECT array_agg(DISTINCT o.tenant_id) INTO tenants FROM message_sender.outlet o
		WHERE o.number = of_number;
	END IF;
	IF tenants IS NULL THEN -- of another service: who has sent from it of late
		SELECT array_agg(DISTINCT m.tenant_id) INTO tenants
		FROM (SELECT t.message_id FROM message_sender.receipt t
			WHERE t.number = of_number AND t.status = 'sent'
			ORDER BY t.received_at DESC LIMIT 50) AS r
		CROSS JOIN LATERAL (SELECT t.tenant_id FROM message_sender.message t
			WHERE t.message_id = r.message_id OFFSET 0) AS m;
	END IF;
	INSERT INTO message_sender.opt_out AS o (number, person, tenant_id, stopped, at, category,
		source)
	SELECT DISTINCT of_number, p.person, t.tenant_id, stop, told, coalesce(of_category, ''),
		CASE WHEN of_wamid IS NULL THEN 'preference' ELSE 'receipt' END
	FROM unnest(ARRAY[phone, user_id]) AS p (person)
	CROSS JOIN LATERAL (SELECT unnest(coalesce(tenants, '{""}')) UNION
		SELECT k.tenant_id FROM message_sender.opt_out k
		WHERE k.number = of_number AND k.person = p.person AND of_wamid IS NULL)
		AS t (tenant_id)
	WHERE p.person IS NOT NULL
	ORDER BY 1, 2, 3
	ON CONFLICT (number, person, tenant_id) DO UPDATE
	SET stopped = excluded.stopped, at = excluded.at, category = excluded.category,
		source = excluded.source
	WHERE (excluded.at, excluded.stopped) > (o.at, o.stopped);
	GET DIAGNOSTICS changed = ROW_COUNT;
	RETURN changed;
END
$$;
CREATE INDEX outlet_number ON message_sender.outlet (number);

-- What was written that many days ago, and who has not written since: at most so many rows of each.
CREATE FUNCTION message_sender.inbound_prune(days integer, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rows integer;
	deleted integer;
BEGIN
	DELETE FROM message_sender.inbound i
	WHERE i.ctid = ANY (ARRAY(SELECT d.ctid FROM message_sender.inbound d
		WHERE d.received_at < now() - make_interval(days => days)
		ORDER BY d.received_at LIMIT most));
	GET DIAGNOSTICS deleted = ROW_COUNT;
	DELETE FROM message_sender.reply_window w
	WHERE w.ctid = ANY (ARRAY(SELECT d.ctid FROM message_sender.reply_window d
		WHERE d.last_inbound_at < now() - make_interval(days => days) LIMIT most));
	GET DIAGNOSTICS rows = ROW_COUNT;
	RETURN deleted + rows;
END
$$;

-- As before; webhooks are kept for so many days.
DROP FUNCTION message_sender.keep_partitions();
CREATE FUNCTION message_sender.keep_partitions(webhooks integer) RETURNS integer
LANGUAGE sql
AS $$
	SELECT message_sender.partitions_ahead(3) + message_sender.webhook_days(8, webhooks)
$$;
COMMENT ON TABLE message_sender.webhook IS
	'what Meta posted, as it came, its signature verified; kept for WEBHOOK_KEEP_DAYS';

-- For how many orphans there are, and how long the oldest has waited.
CREATE INDEX receipt_orphan_received ON message_sender.receipt_orphan (received_at);

CREATE VIEW report.opt_out AS
SELECT nullif(o.tenant_id, '') AS tenant_id, o.number, o.person, o.stopped, o.at, o.category,
	o.source
FROM message_sender.opt_out o;
COMMENT ON VIEW report.opt_out IS
	'Customers who want no marketing messages from a number, or want them again.';
COMMENT ON COLUMN report.opt_out.tenant_id IS 'whose number it is; null: not known';
COMMENT ON COLUMN report.opt_out.number IS 'Meta''s id of it';
COMMENT ON COLUMN report.opt_out.person IS 'telephone number, digits, or business-scoped id';
COMMENT ON COLUMN report.opt_out.stopped IS 'false: wants them again';
COMMENT ON COLUMN report.opt_out.at IS 'when, by WhatsApp';
COMMENT ON COLUMN report.opt_out.category IS 'of messages, as WhatsApp names it';
COMMENT ON COLUMN report.opt_out.source IS
	'preference: the customer has said so; receipt: a message was refused for it';

CREATE VIEW report.reply_window AS
SELECT w.number, w.person, w.last_inbound_at, w.last_inbound_at + interval '24 hours' AS open_until
FROM message_sender.reply_window w;
COMMENT ON VIEW report.reply_window IS
	'When customers wrote last, and until when they can be written to freely.';
COMMENT ON COLUMN report.reply_window.number IS 'Meta''s id of the number they wrote to';
COMMENT ON COLUMN report.reply_window.person IS 'telephone number, digits, or business-scoped id';
COMMENT ON COLUMN report.reply_window.last_inbound_at IS 'when, by WhatsApp';
COMMENT ON COLUMN report.reply_window.open_until IS '24 hours later';

CREATE VIEW report.number AS
SELECT n.number, n.display, n.account, n.rate, n.rate_at, n.event, n.event_limit, n.event_at
FROM message_sender.number n;
COMMENT ON VIEW report.number IS 'What webhooks told of our numbers.';
COMMENT ON COLUMN report.number.number IS 'Meta''s id of it; null: not known yet';
COMMENT ON COLUMN report.number.display IS 'telephone number, digits';
COMMENT ON COLUMN report.number.account IS 'WhatsApp Business account; null: not known yet';
COMMENT ON COLUMN report.number.rate IS
	'messages a second after an upgrade; null: as NUMBER_RATE says';
COMMENT ON COLUMN report.number.rate_at IS 'when, by WhatsApp';
COMMENT ON COLUMN report.number.event IS 'the last of phone_number_quality_update';
COMMENT ON COLUMN report.number.event_limit IS 'of conversations, with it';
COMMENT ON COLUMN report.number.event_at IS 'when, by WhatsApp';

REVOKE ALL ON FUNCTION message_sender.number_holds(text, text),
	message_sender.meta_told(text, text, text, text, text, text, timestamptz, timestamptz),
	message_sender.holds_over(),
	message_sender.preference_told(text, text, text, text, uuid, text, boolean, timestamptz),
	message_sender.inbound_prune(integer, integer),
	message_sender.keep_partitions(integer) FROM PUBLIC;

DO $$
DECLARE
	who name;
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		CREATE POLICY tenant ON message_sender.opt_out FOR SELECT TO message_sender_reader
			USING (tenant_id = pg_catalog.current_setting('message_sender.tenant', true));
		GRANT SELECT ON message_sender.opt_out TO message_sender_reader;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT ON message_sender.inbound TO message_sender_app;
		GRANT SELECT, INSERT, UPDATE ON message_sender.reply_window, message_sender.opt_out,
			message_sender.number, message_sender.account TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.number_holds(text, text),
			message_sender.meta_told(text, text, text, text, text, text, timestamptz, timestamptz),
			message_sender.holds_over(),
			message_sender.preference_told(text, text, text, text, uuid, text, boolean,
				timestamptz) TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_report') THEN
		GRANT SELECT ON report.opt_out, report.reply_window, report.number
			TO message_sender_report;
	END IF;
	FOR who IN SELECT rolname FROM pg_roles
			WHERE rolname IN ('message_sender_maintenance', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION'
			|| ' message_sender.inbound_prune(integer, integer),'
			|| ' message_sender.keep_partitions(integer) TO %I', who);
	END LOOP;
END
$$;
