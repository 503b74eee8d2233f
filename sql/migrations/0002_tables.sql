-- The tables: history (message, attempt), live work, lives of workers.
--
-- Purpose: a message is one row for ever in `message`; while something is left to do it
-- also has one row in `work`, which therefore stays small.  message and attempt are
-- partitioned by month of the message's id (a UUIDv7 is time) and lose whole partitions
-- when retention ends; nothing is ever deleted from them.
-- Updates are to be HOT: of message always, of work when an attempt begins: no index and no
-- index's condition names a column that changes then.
-- Locks: new tables only.

-- Order per recipient: drawn in the accepting transaction, in the order of the input.
CREATE SEQUENCE message_sender.work_seq AS bigint CACHE 1;

CREATE TABLE message_sender.message (
	message_id uuid NOT NULL,
	tenant_id text NOT NULL,
	outlet_id text NOT NULL,
	conversation_id text,               -- null: not stored in the Conversation Service
	recipient text NOT NULL,            -- E.164
	message_type text NOT NULL,
	payload text NOT NULL,              -- JSON of the object that Meta knows under the type's name
	sender_type text NOT NULL,
	number text,                        -- null until its first attempt began
	state text NOT NULL CHECK (state IN ('queued', 'sending', 'retrying', 'unknown', 'sent',
		'delivered', 'read', 'failed', 'cancelled', 'expired')),
	wamid text,
	attempts smallint NOT NULL DEFAULT 0,
	accepted_at timestamptz NOT NULL,
	sent_at timestamptz,
	delivered_at timestamptz,
	read_at timestamptz,
	failed_at timestamptz,
	failure_code integer,
	failure_reason text,
	PRIMARY KEY (message_id, tenant_id)
) PARTITION BY RANGE (message_id);
COMMENT ON TABLE message_sender.message IS
	'every accepted message; while work has a row for it, that row tells the exact state';

-- The timeline of attempts, written when an attempt ended.  One that is under way is in
-- work.  Only `lost` may be replaced, by what came to be known later.
CREATE TABLE message_sender.attempt (
	message_id uuid NOT NULL,
	attempt smallint NOT NULL,
	incarnation uuid NOT NULL,
	number text,
	outcome text NOT NULL CHECK (outcome IN ('accepted', 'refused', 'not_sent', 'lost')),
	http_status smallint,
	code integer,                       -- Meta's error code; negative for cases without one
	subcode integer,
	title text,
	details text,
	trace text,
	wamid text,
	begun_at timestamptz NOT NULL,
	ended_at timestamptz NOT NULL,
	PRIMARY KEY (message_id, attempt)
) PARTITION BY RANGE (message_id);
COMMENT ON TABLE message_sender.attempt IS 'calls to the Graph API that have ended';

CREATE TABLE message_sender.work (
	message_id uuid PRIMARY KEY,
	tenant_id text NOT NULL,
	lane smallint NOT NULL,
	seq bigint NOT NULL,
	state text NOT NULL CHECK (state IN ('queued', 'sending', 'retrying', 'unknown', 'sent')),
	wait smallint NOT NULL DEFAULT 0,   -- 0: to be sent; 1: sent, to be copied; 2: unknown
	caller_waits boolean NOT NULL,      -- the contract's retry schedule applies
	attempt smallint NOT NULL,          -- last begun; 0 none
	attempt_open boolean NOT NULL,      -- begun, and its outcome is not recorded
	counted smallint NOT NULL DEFAULT 0,
	throttled smallint NOT NULL DEFAULT 0,
	conversation_tries smallint NOT NULL DEFAULT 0,
	incarnation uuid,                   -- that began the last attempt
	begun_at timestamptz,
	-- By this server's clock, as they are compared with now; other times are records, by the
	-- clocks of the hosts.
	deadline_at timestamptz,            -- of the last attempt
	due_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	number text
) WITH (fillfactor = 60,
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
	autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0,
	autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
-- Each load reads its own kind of rows, however many there are of the others.
CREATE INDEX work_to_send ON message_sender.work (lane, seq) WHERE wait = 0;
CREATE INDEX work_to_copy ON message_sender.work (lane, due_at) WHERE wait = 1;
COMMENT ON TABLE message_sender.work IS
	'messages with something left to do; the committed attempt under way is here';

-- One life of one worker.  Never used again.
CREATE TABLE message_sender.incarnation (
	id uuid PRIMARY KEY,
	node text NOT NULL,
	worker text NOT NULL,
	started_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	fenced boolean NOT NULL DEFAULT false
);
