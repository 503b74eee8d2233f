-- The schema report: what people and programs may ask with SQL.
--
-- Purpose: views with plain names over the tables of the service, which may change with any version;
-- the views may not.  The owner of the schema reads for whoever may read the views: that is role
-- message_sender_report, who sees all tenants.  Callers of the API read their own tenant's
-- roll-ups by message_sender.report_json(), as role reader under row-level security.
-- Locks: new objects only.

-- By whoever migrates, as the first schema was; for the same owner.
RESET ROLE;
-- Who logs in as the role itself cannot write, nor keep the server busy.  Only who may alter roles
-- can say so; the command sets the same for itself.
DO $$
BEGIN
	ALTER ROLE message_sender_report SET default_transaction_read_only = on;
	ALTER ROLE message_sender_report SET statement_timeout = '60s';
	ALTER ROLE message_sender_report SET idle_in_transaction_session_timeout = '60s';
EXCEPTION WHEN undefined_object OR insufficient_privilege OR internal_error THEN
	NULL;
END
$$;
DO $$
BEGIN
	EXECUTE (SELECT pg_catalog.format('CREATE SCHEMA report AUTHORIZATION %I', r.rolname)
		FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
		WHERE n.nspname = 'message_sender');
	EXECUTE (SELECT pg_catalog.format('SET ROLE %I', r.rolname)
		FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
		WHERE n.nspname = 'message_sender');
END
$$;
COMMENT ON SCHEMA report IS
	'Reports of message-sender, version 1 (report.about). Promise: within a version no view and no'
	' column is removed, renamed or given another type or meaning; new views and new columns, at the'
	' end, may come with any release. Name the columns you read. A new version would come as'
	' schema report2 beside this one, for a year at least.';

-- Where a reading of message or attempt is to begin: message_id >= report.id_from(time).
CREATE FUNCTION report.id_from(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT (pg_catalog.lpad(pg_catalog.to_hex((EXTRACT(EPOCH FROM moment) * 1000)::bigint), 12, '0')
		|| pg_catalog.repeat('0', 20))::uuid
$$;
COMMENT ON FUNCTION report.id_from(timestamptz) IS
	'the least message_id of that moment: message_id >= report.id_from(''2026-11-01'') reads only'
	' what is younger';

CREATE VIEW report.about AS
SELECT 1 AS version, s.counted_at,
	CASE WHEN isfinite(s.kept_since) THEN s.kept_since END AS kept_since
FROM message_sender.rollup_state s;
COMMENT ON VIEW report.about IS
	'One row: which version of this schema it is, and how fresh its counts are.';
COMMENT ON COLUMN report.about.version IS
	'version of the schema report; see the promise in its comment';
COMMENT ON COLUMN report.about.counted_at IS
	'daily, hourly, failure and latency tell all that was committed by then; null: '
	'message-sender maintain has not run yet';
COMMENT ON COLUMN report.about.kept_since IS
	'messages of before were dropped (RETENTION_DAYS), their counts were kept; null: all '
	'are there';

CREATE VIEW report.message AS
SELECT m.message_id, m.tenant_id, m.outlet_id, m.conversation_id, m.batch_id, m.recipient,
	m.message_type, nullif(message_sender.template_name(m.message_type, m.payload), '') AS template,
	message_sender.class_name(m.class) AS priority, m.sender_type,
	coalesce(m.number, w.number) AS number,
	message_sender.state_status(message_sender.state_exact(m.state, w.state), m.failure_code)
		AS status,
	message_sender.state_detail(message_sender.state_exact(m.state, w.state), m.failure_code)
		AS state_detail,
	m.wamid AS whatsapp_message_id, greatest(m.attempts, w.attempt) AS attempts, m.accepted_at,
	m.send_at, m.sent_at, m.delivered_at, m.read_at, m.failed_at,
	CASE WHEN m.failed_at IS NOT NULL THEN m.failure_code END AS failure_code,
	CASE WHEN m.failed_at IS NOT NULL THEN m.failure_reason END AS failure_reason
FROM message_sender.message m
LEFT JOIN message_sender.work w ON w.message_id = m.message_id;
COMMENT ON VIEW report.message IS
	'Messages with their current status. Narrow it by message_id >= report.id_from(time), '
	'which reads only what is younger; by message_id; or by tenant_id with it.';
COMMENT ON COLUMN report.message.message_id IS 'id of the message (UUIDv7: ids grow with time)';
COMMENT ON COLUMN report.message.tenant_id IS 'whose it is';
COMMENT ON COLUMN report.message.outlet_id IS 'the branch it is sent for';
COMMENT ON COLUMN report.message.conversation_id IS
	'thread in the Conversation Service; null: it is not stored there';
COMMENT ON COLUMN report.message.batch_id IS 'the bulk call that brought it; null: none';
COMMENT ON COLUMN report.message.recipient IS 'who it goes to (E.164)';
COMMENT ON COLUMN report.message.message_type IS 'text, template and so on, as the caller said';
COMMENT ON COLUMN report.message.template IS 'name of the template; null: it is none';
COMMENT ON COLUMN report.message.priority IS 'high, normal or bulk';
COMMENT ON COLUMN report.message.sender_type IS 'llm or agent';
COMMENT ON COLUMN report.message.number IS
	'Meta''s phone_number_id it is sent from; null: no attempt began yet';
COMMENT ON COLUMN report.message.status IS
	'as callers see it: queued, scheduled, sent, delivered, read, failed, cancelled, '
	'expired';
COMMENT ON COLUMN report.message.state_detail IS
	'the exact state: sending, retrying, held, outcome_unknown and so on';
COMMENT ON COLUMN report.message.whatsapp_message_id IS
	'Meta''s id; null: not accepted, or not known';
COMMENT ON COLUMN report.message.attempts IS 'calls to the Graph API that have begun';
COMMENT ON COLUMN report.message.accepted_at IS 'when it was accepted from its caller';
COMMENT ON COLUMN report.message.send_at IS 'not to be sent before; null: at once';
COMMENT ON COLUMN report.message.sent_at IS 'when WhatsApp accepted it';
COMMENT ON COLUMN report.message.delivered_at IS 'when it was delivered, by Meta';
COMMENT ON COLUMN report.message.read_at IS 'when it was read, by Meta';
COMMENT ON COLUMN report.message.failed_at IS 'when it ended without being sent';
COMMENT ON COLUMN report.message.failure_code IS
	'Meta''s code; below 0: a reason of our own; see docs/errors.md';
COMMENT ON COLUMN report.message.failure_reason IS 'the same in words';

CREATE VIEW report.attempt AS
SELECT a.message_id, a.attempt, a.number, a.outcome, a.http_status, a.code, a.subcode, a.title,
	a.details, a.trace, a.wamid AS whatsapp_message_id, a.begun_at, a.ended_at,
	round(extract(epoch FROM a.ended_at - a.begun_at), 3) AS seconds
FROM message_sender.attempt a;
COMMENT ON VIEW report.attempt IS
	'Calls to the Graph API that have ended. Narrow it by message_id >= '
	'report.id_from(time).';
COMMENT ON COLUMN report.attempt.message_id IS 'the message';
COMMENT ON COLUMN report.attempt.attempt IS 'counted from 1';
COMMENT ON COLUMN report.attempt.number IS 'Meta''s phone_number_id it was sent from';
COMMENT ON COLUMN report.attempt.outcome IS
	'accepted; refused: Meta said no; not_sent: it never reached Meta; lost: it may have '
	'been accepted';
COMMENT ON COLUMN report.attempt.http_status IS 'of Meta''s answer';
COMMENT ON COLUMN report.attempt.code IS 'Meta''s error code; below 0: a reason of our own';
COMMENT ON COLUMN report.attempt.subcode IS 'Meta''s error_subcode';
COMMENT ON COLUMN report.attempt.title IS 'Meta''s title of the error';
COMMENT ON COLUMN report.attempt.details IS 'Meta''s details of the error';
COMMENT ON COLUMN report.attempt.trace IS 'fbtrace_id, which Meta''s support asks for';
COMMENT ON COLUMN report.attempt.whatsapp_message_id IS 'Meta''s id';
COMMENT ON COLUMN report.attempt.begun_at IS 'committed before the call';
COMMENT ON COLUMN report.attempt.ended_at IS 'when its outcome was known';
COMMENT ON COLUMN report.attempt.seconds IS 'from begun_at to ended_at';

CREATE VIEW report.hourly AS
SELECT r.tenant_id, r.slot AS hour, r.outlet_id, r.message_type, r.template,
	sum(r.accepted) AS accepted, sum(r.sent) AS sent, sum(r.delivered) AS delivered,
	sum(r.read) AS read, sum(r.failed) AS failed, sum(r.expired) AS expired,
	sum(r.cancelled) AS cancelled, sum(r.waiting) AS waiting, sum(r.unknown) AS unknown
FROM message_sender.rollup r
GROUP BY r.tenant_id, r.slot, r.outlet_id, r.message_type, r.template;
COMMENT ON VIEW report.hourly IS
	'What became of the messages of each hour (UTC), by tenant, outlet, type and '
	'template; as of about.counted_at.';
COMMENT ON COLUMN report.hourly.tenant_id IS 'whose they are';
COMMENT ON COLUMN report.hourly.hour IS 'in which they were accepted: its beginning';
COMMENT ON COLUMN report.hourly.outlet_id IS 'the branch';
COMMENT ON COLUMN report.hourly.message_type IS 'text, template and so on';
COMMENT ON COLUMN report.hourly.template IS 'name of the template; '''': they are none';
COMMENT ON COLUMN report.hourly.accepted IS 'messages taken';
COMMENT ON COLUMN report.hourly.sent IS 'of these accepted by WhatsApp, so far at least';
COMMENT ON COLUMN report.hourly.delivered IS 'of these delivered, so far at least';
COMMENT ON COLUMN report.hourly.read IS 'of these read, so far at least';
COMMENT ON COLUMN report.hourly.failed IS 'ended without being sent, or failed by Meta''s receipt';
COMMENT ON COLUMN report.hourly.expired IS 'not sent within their validity';
COMMENT ON COLUMN report.hourly.cancelled IS 'by their caller';
COMMENT ON COLUMN report.hourly.waiting IS 'not ended yet';
COMMENT ON COLUMN report.hourly.unknown IS 'of the waiting: the reply was lost';

CREATE VIEW report.daily AS
SELECT r.tenant_id, r.day, r.outlet_id, r.message_type, r.template,
	sum(r.accepted) AS accepted, sum(r.sent) AS sent, sum(r.delivered) AS delivered,
	sum(r.read) AS read, sum(r.failed) AS failed, sum(r.expired) AS expired,
	sum(r.cancelled) AS cancelled, sum(r.waiting) AS waiting, sum(r.unknown) AS unknown
FROM message_sender.rollup r
GROUP BY r.tenant_id, r.day, r.outlet_id, r.message_type, r.template;
COMMENT ON VIEW report.daily IS
	'The funnel: what became of the messages of each day, by tenant, outlet, type and '
	'template; days are those of the tenant''s time zone; as of about.counted_at. Kept '
	'when the messages are dropped.';
COMMENT ON COLUMN report.daily.tenant_id IS 'whose they are';
COMMENT ON COLUMN report.daily.day IS 'on which they were accepted, in the tenant''s time zone';
COMMENT ON COLUMN report.daily.outlet_id IS 'the branch';
COMMENT ON COLUMN report.daily.message_type IS 'text, template and so on';
COMMENT ON COLUMN report.daily.template IS 'name of the template; '''': they are none';
COMMENT ON COLUMN report.daily.accepted IS 'messages taken';
COMMENT ON COLUMN report.daily.sent IS 'of these accepted by WhatsApp, so far at least';
COMMENT ON COLUMN report.daily.delivered IS 'of these delivered, so far at least';
COMMENT ON COLUMN report.daily.read IS 'of these read, so far at least';
COMMENT ON COLUMN report.daily.failed IS 'ended without being sent, or failed by Meta''s receipt';
COMMENT ON COLUMN report.daily.expired IS 'not sent within their validity';
COMMENT ON COLUMN report.daily.cancelled IS 'by their caller';
COMMENT ON COLUMN report.daily.waiting IS 'not ended yet';
COMMENT ON COLUMN report.daily.unknown IS 'of the waiting: the reply was lost';

CREATE VIEW report.failure AS
SELECT r.tenant_id, r.day, r.outlet_id, r.code, sum(r.failed) AS failed, max(r.reason) AS reason
FROM message_sender.rollup_failure r
GROUP BY r.tenant_id, r.day, r.outlet_id, r.code;
COMMENT ON VIEW report.failure IS
	'Messages that failed, by tenant, day, outlet and code; as of about.counted_at.';
COMMENT ON COLUMN report.failure.tenant_id IS 'whose they are';
COMMENT ON COLUMN report.failure.day IS 'on which they were accepted, in the tenant''s time zone';
COMMENT ON COLUMN report.failure.outlet_id IS 'the branch';
COMMENT ON COLUMN report.failure.code IS
	'Meta''s code; below 0: a reason of our own; see docs/errors.md';
COMMENT ON COLUMN report.failure.failed IS 'messages';
COMMENT ON COLUMN report.failure.reason IS 'in words, of one of them';

CREATE VIEW report.latency AS
SELECT r.tenant_id, r.day, r.stage, r.measured, r.p50, r.p95, r.p99, r.longest
FROM message_sender.rollup_latency r;
COMMENT ON VIEW report.latency IS
	'How long messages took, by tenant, day and stage; as of about.counted_at, today''s up '
	'to an hour later.';
COMMENT ON COLUMN report.latency.tenant_id IS 'whose they are';
COMMENT ON COLUMN report.latency.day IS 'on which they were accepted, in the tenant''s time zone';
COMMENT ON COLUMN report.latency.stage IS
	'wait: accepted (or due) to the first attempt; call: the Graph call that was '
	'accepted; send: accepted (or due) to sent; deliver: sent to delivered; read: '
	'delivered to read';
COMMENT ON COLUMN report.latency.measured IS 'messages that have been through the stage';
COMMENT ON COLUMN report.latency.p50 IS 'half of them took at most so many seconds';
COMMENT ON COLUMN report.latency.p95 IS '95 of 100 at most';
COMMENT ON COLUMN report.latency.p99 IS '99 of 100 at most';
COMMENT ON COLUMN report.latency.longest IS 'the longest, seconds';

CREATE VIEW report.queue AS
SELECT w.tenant_id, message_sender.class_name(w.class) AS priority,
	CASE w.state WHEN 'unknown' THEN 'outcome_unknown' WHEN 'sent' THEN 'to_be_stored'
		ELSE w.state END AS state,
	count(*) AS messages, count(*) FILTER (WHERE w.attempt_open) AS attempts_under_way,
	count(*) FILTER (WHERE w.state IN ('queued', 'retrying', 'sent')
		AND w.due_at < now() - interval '10 seconds') AS overdue,
	message_sender.id_moment(min(w.message_id::text)::uuid) AS oldest_accepted_at,
	extract(epoch FROM now() - message_sender.id_moment(min(w.message_id::text)::uuid))::bigint
		AS oldest_seconds
FROM message_sender.work w GROUP BY w.tenant_id, w.class, w.state;
COMMENT ON VIEW report.queue IS
	'What is left to do now, by tenant, priority and state.';
COMMENT ON COLUMN report.queue.tenant_id IS 'whose they are';
COMMENT ON COLUMN report.queue.priority IS 'high, normal or bulk';
COMMENT ON COLUMN report.queue.state IS
	'queued, sending, retrying, held, scheduled, outcome_unknown; to_be_stored: sent, and '
	'owed to the Conversation Service';
COMMENT ON COLUMN report.queue.messages IS 'how many';
COMMENT ON COLUMN report.queue.attempts_under_way IS 'of these';
COMMENT ON COLUMN report.queue.overdue IS 'due for more than 10 seconds';
COMMENT ON COLUMN report.queue.oldest_accepted_at IS 'of the oldest one';
COMMENT ON COLUMN report.queue.oldest_seconds IS 'the same as age';

CREATE VIEW report.unknown AS
SELECT w.message_id, w.tenant_id, m.outlet_id, m.recipient, w.number, w.attempt, w.begun_at,
	w.lost_at, w.settle_policy AS policy, CASE WHEN w.wait = 2 THEN w.due_at END AS decides_at
FROM message_sender.work w
JOIN message_sender.message m ON m.message_id = w.message_id AND m.tenant_id = w.tenant_id
WHERE w.state = 'unknown';
COMMENT ON VIEW report.unknown IS
	'Messages whose reply was lost and that are not settled: they may have been sent.';
COMMENT ON COLUMN report.unknown.message_id IS 'the message';
COMMENT ON COLUMN report.unknown.tenant_id IS 'whose it is';
COMMENT ON COLUMN report.unknown.outlet_id IS 'the branch';
COMMENT ON COLUMN report.unknown.recipient IS 'who it went to';
COMMENT ON COLUMN report.unknown.number IS 'Meta''s phone_number_id it was sent from';
COMMENT ON COLUMN report.unknown.attempt IS 'the lost one';
COMMENT ON COLUMN report.unknown.begun_at IS 'when that began';
COMMENT ON COLUMN report.unknown.lost_at IS 'since when it is known to be lost';
COMMENT ON COLUMN report.unknown.policy IS 'that it was last looked at by; null: not yet';
COMMENT ON COLUMN report.unknown.decides_at IS
	'when that decides at the earliest; null: a person does';

CREATE VIEW report.settled AS
SELECT d.message_id, m.tenant_id, m.outlet_id, d.attempt, d.decision, d.decided_by, d.why,
	d.decided_at
FROM message_sender.decision d
LEFT JOIN message_sender.message m ON m.message_id = d.message_id;
COMMENT ON VIEW report.settled IS
	'What was decided about lost replies, by whom and why.';
COMMENT ON COLUMN report.settled.message_id IS 'the message';
COMMENT ON COLUMN report.settled.tenant_id IS 'whose it is; null: it was dropped';
COMMENT ON COLUMN report.settled.outlet_id IS 'the branch';
COMMENT ON COLUMN report.settled.attempt IS 'the lost one';
COMMENT ON COLUMN report.settled.decision IS 'sent, failed or resend';
COMMENT ON COLUMN report.settled.decided_by IS 'a person, or a policy';
COMMENT ON COLUMN report.settled.why IS 'the reason given';
COMMENT ON COLUMN report.settled.decided_at IS 'when';

CREATE VIEW report.hold AS
SELECT h.scope, nullif(h.tenant_id, '') AS tenant_id, nullif(h.outlet_id, '') AS outlet_id,
	nullif(h.number, '') AS number, h.reason, h.set_by, h.set_at, h.note,
	(SELECT count(*) FROM message_sender.work w WHERE w.wait = 3 AND w.hold = h.id) AS messages
FROM message_sender.hold h WHERE h.released_at IS NULL;
COMMENT ON VIEW report.hold IS
	'What is held now: paused, held for its token, or after a restore.';
COMMENT ON COLUMN report.hold.scope IS 'all, tenant, outlet or number';
COMMENT ON COLUMN report.hold.tenant_id IS 'null: of any';
COMMENT ON COLUMN report.hold.outlet_id IS 'null: any';
COMMENT ON COLUMN report.hold.number IS 'null: any';
COMMENT ON COLUMN report.hold.reason IS 'paused, token or restore';
COMMENT ON COLUMN report.hold.set_by IS 'who';
COMMENT ON COLUMN report.hold.set_at IS 'since when';
COMMENT ON COLUMN report.hold.note IS 'why';
COMMENT ON COLUMN report.hold.messages IS 'that wait for its release';

CREATE VIEW report.batch AS
SELECT b.batch_id, b.tenant_id, b.opened_at, b.closed_at, b.cancelled_at, b.messages, b.accepted,
	b.refused
FROM message_sender.batch b;
COMMENT ON VIEW report.batch IS
	'Bulk calls and how their messages stand.';
COMMENT ON COLUMN report.batch.batch_id IS 'id of the call';
COMMENT ON COLUMN report.batch.tenant_id IS 'whose it is';
COMMENT ON COLUMN report.batch.opened_at IS 'when it came';
COMMENT ON COLUMN report.batch.closed_at IS 'when all of it was looked at; null: it was cut off';
COMMENT ON COLUMN report.batch.cancelled_at IS 'null: it was not';
COMMENT ON COLUMN report.batch.messages IS 'that were asked for';
COMMENT ON COLUMN report.batch.accepted IS 'of these; null: not known yet';
COMMENT ON COLUMN report.batch.refused IS 'of these';

CREATE VIEW report.replay AS
SELECT r.replay_of, r.message_id, m.tenant_id, r.replayed_by, r.why, r.replayed_at
FROM message_sender.replay r
LEFT JOIN message_sender.message m ON m.message_id = r.message_id;
COMMENT ON VIEW report.replay IS
	'Failed messages that were sent once more.';
COMMENT ON COLUMN report.replay.replay_of IS 'the message that had failed';
COMMENT ON COLUMN report.replay.message_id IS 'the new one';
COMMENT ON COLUMN report.replay.tenant_id IS 'whose it is; null: it was dropped';
COMMENT ON COLUMN report.replay.replayed_by IS 'who';
COMMENT ON COLUMN report.replay.why IS 'the reason given';
COMMENT ON COLUMN report.replay.replayed_at IS 'when';

-- A report for a program, of one tenant: an array of rows, the newest day first; of `most` at most.
-- SECURITY INVOKER, as message_list() (0008): row-level security applies.
CREATE FUNCTION message_sender.report_json(name text, tenant text, since date, until date,
	most integer) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, message_sender, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	found json;
BEGIN
	PERFORM set_config('message_sender.tenant', tenant, true);
	IF name = 'daily' THEN
		SELECT json_agg(r) INTO found FROM (
			SELECT t.day, t.outlet_id, t.message_type, t.template, sum(t.accepted) AS accepted,
				sum(t.sent) AS sent, sum(t.delivered) AS delivered, sum(t.read) AS read,
				sum(t.failed) AS failed, sum(t.expired) AS expired,
				sum(t.cancelled) AS cancelled, sum(t.waiting) AS waiting,
				sum(t.unknown) AS unknown
			FROM rollup t WHERE t.tenant_id = tenant AND t.day BETWEEN since AND until
			GROUP BY t.day, t.outlet_id, t.message_type, t.template
			ORDER BY t.day DESC, t.outlet_id, t.message_type, t.template LIMIT most) AS r;
	ELSIF name = 'failure' THEN
		SELECT json_agg(r) INTO found FROM (
			SELECT t.day, t.outlet_id, t.code, sum(t.failed) AS failed, max(t.reason) AS reason
			FROM rollup_failure t WHERE t.tenant_id = tenant AND t.day BETWEEN since AND until
			GROUP BY t.day, t.outlet_id, t.code
			ORDER BY t.day DESC, t.outlet_id, failed DESC, t.code LIMIT most) AS r;
	ELSIF name = 'latency' THEN
		SELECT json_agg(r) INTO found FROM (
			SELECT t.day, t.stage, t.measured, t.p50, t.p95, t.p99, t.longest
			FROM rollup_latency t WHERE t.tenant_id = tenant AND t.day BETWEEN since AND until
			ORDER BY t.day DESC, t.stage LIMIT most) AS r;
	END IF;
	PERFORM set_config('message_sender.tenant', '', true);
	RETURN json_build_object('report', name, 'tenant_id', tenant, 'since', since, 'until', until,
		'counted_at', time_text((SELECT s.counted_at FROM rollup_state s)),
		'rows', coalesce(found, '[]'::json));
END
$$;
REVOKE ALL ON FUNCTION message_sender.report_json(text, text, date, date, integer) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT SELECT ON message_sender.rollup_state TO message_sender_reader;
		GRANT EXECUTE ON FUNCTION message_sender.report_json(text, text, date, date, integer)
			TO message_sender_reader;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_report') THEN
		GRANT USAGE ON SCHEMA report TO message_sender_report;
		GRANT SELECT ON ALL TABLES IN SCHEMA report TO message_sender_report;
		GRANT EXECUTE ON FUNCTION report.id_from(timestamptz) TO message_sender_report;
	END IF;
END
$$;
