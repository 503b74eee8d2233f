/*
 * How records become one request:
 *
 *   IDLE --BEGIN--> BEGIN --its end--> PARAMS --empty PARAMS--> STDIN --empty STDIN--> WAITING
 *   PARAMS, STDIN, WAITING --ABORT--> IDLE          (END_REQUEST is sent)
 *   BEGIN --role is not responder--> IDLE           (END_REQUEST is sent)
 *   WAITING --collect_next()--> IDLE
 *
 * open_record() decides from header and phase whether content is stored, skipped or a
 * violation; close_record() acts when content and padding have passed.
 *
 * Neighbouring records of one type are merged in `stream` by lengthening the first one's
 * header.  So a peer that sends one byte a record costs no more memory than one that fills
 * them, and all parameters stand in one block (convert.c checks them there).
 */
#include "fcgi/collect.h"

#include <string.h>

#include <fastcgi.h>

#define SIDE_MAX 1024u /* bytes of a GET_VALUES question; a longer one gets an empty answer */
/* BEGIN (16), and the headers of PARAMS, STDIN and their ends.  Two neighbours that could
 * not be merged have more than FCGI_MAX_LENGTH bytes together. */
#define OVERHEAD_MAX(bytes) (128 + 2 * COLLECT_HEADER_BYTES * ((bytes) / FCGI_MAX_LENGTH + 1))

static unsigned header_id(const uint8_t *h)
{
	return (unsigned)h[2] << 8 | h[3];
}

static unsigned header_length(const uint8_t *h)
{
	return (unsigned)h[4] << 8 | h[5];
}

static void put_header(uint8_t *h, unsigned type, unsigned id, size_t length)
{
	h[0] = FCGI_VERSION_1;
	h[1] = (uint8_t)type;
	h[2] = (uint8_t)(id >> 8);
	h[3] = (uint8_t)id;
	h[4] = (uint8_t)(length >> 8);
	h[5] = (uint8_t)length;
	h[6] = 0;
	h[7] = 0;
}

void collect_init(struct collect *c, struct collect_budget *budget, size_t max_params_bytes,
		  size_t max_body_bytes, const struct collect_large *large)
{
	memset(c, 0, sizeof(*c));
	c->budget = budget;
	if (max_params_bytes > COLLECT_PARAMS_MAX)
		max_params_bytes = COLLECT_PARAMS_MAX;
	c->max_params_bytes = max_params_bytes;
	c->max_body_bytes = max_body_bytes;
	c->kinds = large;
	str_init(&c->stream, max_params_bytes + max_body_bytes + OVERHEAD_MAX(max_body_bytes));
	str_init(&c->body, 0);
	str_init(&c->side, SIDE_MAX);
}

size_t collect_body_limit(const struct collect *c)
{
	return c->large ? c->large->max_body_bytes : c->max_body_bytes;
}

static void give_back(struct collect *c)
{
	c->budget->held_bytes -= c->held_bytes;
	c->held_bytes = 0;
}

void collect_fini(struct collect *c)
{
	give_back(c);
	str_fini(&c->stream);
	str_fini(&c->body);
	str_fini(&c->side);
}

void collect_release(struct collect *c)
{
	size_t max = c->stream.max;

	give_back(c);
	str_fini(&c->stream);
	str_init(&c->stream, max);
	str_fini(&c->body);
}

void collect_next(struct collect *c)
{
	collect_release(c);
	c->phase = COLLECT_IDLE;
}

bool collect_is_idle(const struct collect *c)
{
	return c->phase == COLLECT_IDLE && c->header_len == 0;
}

static void reply_end(struct collect_reply *reply, unsigned id, unsigned protocol_status)
{
	memset(reply->data, 0, sizeof(FCGI_EndRequestRecord));
	put_header(reply->data, FCGI_END_REQUEST, id, sizeof(FCGI_EndRequestBody));
	reply->data[COLLECT_HEADER_BYTES + offsetof(FCGI_EndRequestBody, protocolStatus)] =
		(uint8_t)protocol_status;
	reply->len = sizeof(FCGI_EndRequestRecord);
}

static void reply_unknown_type(struct collect_reply *reply, unsigned type)
{
	memset(reply->data, 0, sizeof(FCGI_UnknownTypeRecord));
	put_header(reply->data, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID,
		   sizeof(FCGI_UnknownTypeBody));
	reply->data[COLLECT_HEADER_BYTES] = (uint8_t)type;
	reply->len = sizeof(FCGI_UnknownTypeRecord);
}

/* One name-value length (FastCGI 1.0, section 3.4); false when the data ends inside it. */
static bool take_length(const uint8_t **at, const uint8_t *end, size_t *ret)
{
	const uint8_t *p = *at;

	if (p == end)
		return false;
	if (*p < 0x80) {
		*ret = *p;
		*at = p + 1;
		return true;
	}
	if (end - p < 4)
		return false;
	*ret = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	*at = p + 4;
	return true;
}

static const char *value_of(const uint8_t *name, size_t name_len)
{
	/* One request at a time on each connection; how many connections is the
	 * settings' matter, so only the answer that shapes a peer's behaviour is given. */
	if (name_len == strlen(FCGI_MPXS_CONNS) && memcmp(name, FCGI_MPXS_CONNS, name_len) == 0)
		return "0";
	return NULL;
}

/* FCGI_GET_VALUES_RESULT: names that are not understood are left out, each is answered
 * once. */
static void reply_values(struct collect_reply *reply, const struct str *question)
{
	const uint8_t *at = (const uint8_t *)question->data;
	const uint8_t *end = at + question->len;
	uint8_t *content = reply->data + COLLECT_HEADER_BYTES;
	size_t len = 0;

	while (at < end && len == 0) {
		size_t name_len, value_len;
		const char *value;

		if (!take_length(&at, end, &name_len) || !take_length(&at, end, &value_len) ||
		    name_len > (size_t)(end - at) || value_len > (size_t)(end - at) - name_len)
			break;
		value = value_of(at, name_len);
		if (value) {
			content[len++] = (uint8_t)name_len;
			content[len++] = (uint8_t)strlen(value);
			memcpy(content + len, at, name_len);
			len += name_len;
			memcpy(content + len, value, strlen(value));
			len += strlen(value);
		}
		at += name_len + value_len;
	}
	put_header(reply->data, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, len);
	reply->len = COLLECT_HEADER_BYTES + len;
}

/* Stores a header, or lengthens the one before. */
static bool store_header(struct collect *c, unsigned type, size_t length)
{
	uint8_t h[COLLECT_HEADER_BYTES];
	uint8_t *last = (uint8_t *)c->stream.data + c->open_at;

	if (c->stream.len > 0 && length > 0 && last[1] == type &&
	    header_length(last) + length <= FCGI_MAX_LENGTH) {
		put_header(last, type, c->id, header_length(last) + length);
		return true;
	}
	put_header(h, type, c->id, length);
	c->open_at = c->stream.len;
	return str_append(&c->stream, (const char *)h, sizeof(h));
}

static enum collect_event open_begin(struct collect *c)
{
	switch (c->phase) {
	case COLLECT_IDLE:
		break;
	case COLLECT_WAITING:
		return COLLECT_HELD;
	default:
		/* Another id is told so when its record has passed. */
		return header_id(c->header) == c->id ? COLLECT_BROKEN : COLLECT_MORE;
	}
	if (c->content_left != sizeof(FCGI_BeginRequestBody))
		return COLLECT_BROKEN;
	str_reset(&c->stream);
	c->large = NULL;
	c->phase = COLLECT_BEGIN;
	c->id = (uint16_t)header_id(c->header);
	c->keep = false;
	c->fault = HTTP_FAULT_NONE;
	c->params_bytes = 0;
	c->body_bytes = 0;
	c->store = &c->stream;
	return store_header(c, FCGI_BEGIN_REQUEST, c->content_left) ? COLLECT_MORE : COLLECT_BROKEN;
}

/* Takes bytes from the budget that all connections share. */
static bool hold(struct collect *c, size_t bytes)
{
	if (bytes > c->budget->max_bytes - c->budget->held_bytes)
		return false;
	c->budget->held_bytes += bytes;
	c->held_bytes += bytes;
	return true;
}

/* A record of PARAMS or STDIN: counted against its bound before anything is stored. */
static enum collect_event open_stream(struct collect *c, size_t *bytes, size_t max,
				      enum http_fault fault)
{
	*bytes += c->content_left;
	if (c->fault == HTTP_FAULT_NONE && *bytes > max)
		c->fault = fault;
	if (c->fault == HTTP_FAULT_NONE && !hold(c, c->content_left))
		c->fault = HTTP_FAULT_OVERLOADED;
	if (c->fault != HTTP_FAULT_NONE && c->content_left > 0)
		return COLLECT_MORE;
	if (c->large && c->header[1] == FCGI_STDIN && c->content_left > 0) {
		c->store = &c->body;
		return COLLECT_MORE;
	}
	c->store = &c->stream;
	return store_header(c, c->header[1], c->content_left) ? COLLECT_MORE : COLLECT_BROKEN;
}

static enum collect_event open_management(struct collect *c)
{
	if (c->header[1] == FCGI_BEGIN_REQUEST)
		return COLLECT_BROKEN;
	if (c->header[1] == FCGI_GET_VALUES) {
		str_reset(&c->side);
		if (c->content_left <= SIDE_MAX)
			c->store = &c->side;
	}
	return COLLECT_MORE;
}

/* What to do with the content of the record whose header has come. */
static enum collect_event open_record(struct collect *c)
{
	unsigned type = c->header[1];

	if (c->header[0] != FCGI_VERSION_1)
		return COLLECT_BROKEN;
	c->store = NULL;
	c->content_left = header_length(c->header);
	c->padding_left = c->header[6];
	if (header_id(c->header) == FCGI_NULL_REQUEST_ID)
		return open_management(c);
	if (type == FCGI_BEGIN_REQUEST)
		return open_begin(c);
	/* Records of requests that are over, or were refused, pass unseen. */
	if (header_id(c->header) != c->id || c->phase == COLLECT_IDLE ||
	    c->phase == COLLECT_WAITING || type == FCGI_ABORT_REQUEST)
		return COLLECT_MORE;
	if (type == FCGI_PARAMS && c->phase == COLLECT_PARAMS)
		return open_stream(c, &c->params_bytes, c->max_params_bytes,
				   HTTP_FAULT_HEAD_TOO_LARGE);
	if (type == FCGI_STDIN && c->phase == COLLECT_STDIN)
		return open_stream(c, &c->body_bytes, collect_body_limit(c),
				   HTTP_FAULT_BODY_TOO_LARGE);
	return COLLECT_BROKEN;
}

static enum collect_event end_request(struct collect *c, struct collect_reply *reply,
				      unsigned protocol_status)
{
	collect_release(c);
	c->phase = COLLECT_IDLE;
	reply_end(reply, c->id, protocol_status);
	return COLLECT_ENDED;
}

static enum collect_event close_begin(struct collect *c, struct collect_reply *reply)
{
	const uint8_t *body = (const uint8_t *)c->stream.data + COLLECT_HEADER_BYTES;

	if (c->store != &c->stream) {
		reply_end(reply, header_id(c->header), FCGI_CANT_MPX_CONN);
		return COLLECT_REPLY;
	}
	c->keep = body[2] & FCGI_KEEP_CONN;
	if ((body[0] << 8 | body[1]) != FCGI_RESPONDER)
		return end_request(c, reply, FCGI_UNKNOWN_ROLE);
	c->phase = COLLECT_PARAMS;
	return COLLECT_MORE;
}

static enum collect_event close_management(struct collect *c, struct collect_reply *reply)
{
	if (c->header[1] == FCGI_GET_VALUES) {
		reply_values(reply, &c->side);
		str_fini(&c->side);
		str_init(&c->side, SIDE_MAX);
	} else {
		reply_unknown_type(reply, c->header[1]);
	}
	return COLLECT_REPLY;
}

/* The kind of large requests that has this path; null: none. */
static const struct collect_large *find_kind(const struct collect_large *kinds, const char *path,
					     size_t len)
{
	for (; kinds->is; kinds++)
		if (kinds->is(path, len))
			return kinds;
	return NULL;
}

/* The parameters are complete: is it one that may have a longer body? */
static const struct collect_large *find_large(const struct collect *c)
{
	static const char wanted[] = "REQUEST_URI";
	const uint8_t *at = (const uint8_t *)c->stream.data + sizeof(FCGI_BeginRequestRecord) +
			    COLLECT_HEADER_BYTES;
	const uint8_t *end = at + c->params_bytes;
	size_t name_len, value_len;

	if (!c->kinds || c->fault != HTTP_FAULT_NONE || c->params_bytes == 0)
		return NULL;
	while (take_length(&at, end, &name_len) && take_length(&at, end, &value_len) &&
	       name_len <= (size_t)(end - at) && value_len <= (size_t)(end - at) - name_len) {
		if (name_len == sizeof(wanted) - 1 && memcmp(at, wanted, name_len) == 0) {
			const char *uri = (const char *)at + name_len;
			const char *query = memchr(uri, '?', value_len);

			return find_kind(c->kinds, uri, query ? (size_t)(query - uri) : value_len);
		}
		at += name_len + value_len;
	}
	return NULL;
}

/* The record has passed with its padding. */
static enum collect_event close_record(struct collect *c, struct collect_reply *reply)
{
	unsigned type = c->header[1];

	if (header_id(c->header) == FCGI_NULL_REQUEST_ID)
		return close_management(c, reply);
	if (type == FCGI_BEGIN_REQUEST)
		return close_begin(c, reply);
	if (header_id(c->header) != c->id || c->phase == COLLECT_IDLE)
		return COLLECT_MORE;
	if (type == FCGI_ABORT_REQUEST)
		return end_request(c, reply, FCGI_REQUEST_COMPLETE);
	if (header_length(c->header) > 0)
		return COLLECT_MORE;
	if (type == FCGI_PARAMS && c->phase == COLLECT_PARAMS) {
		c->phase = COLLECT_STDIN;
		c->large = find_large(c);
		if (c->large)
			c->body.max = c->large->max_body_bytes;
	} else if (type == FCGI_STDIN && c->phase == COLLECT_STDIN) {
		c->phase = COLLECT_WAITING;
		return COLLECT_COMPLETE;
	}
	return COLLECT_MORE;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Takes up to len bytes of content and padding; returns how many, or len + 1: no memory. */
static size_t take_content(struct collect *c, const uint8_t *data, size_t len)
{
	size_t content = smaller(c->content_left, len);
	size_t padding = smaller(c->padding_left, len - content);

	if (c->store && !str_append(c->store, (const char *)data, content))
		return len + 1;
	c->content_left -= (uint32_t)content;
	c->padding_left -= (uint32_t)padding;
	return content + padding;
}

size_t collect_feed(struct collect *c, const uint8_t *data, size_t len,
		    enum collect_event *ret_event, struct collect_reply *ret_reply)
{
	enum collect_event event = COLLECT_MORE;
	size_t at = 0, taken;

	while (event == COLLECT_MORE) {
		if (!c->in_record) {
			taken = smaller(COLLECT_HEADER_BYTES - c->header_len, len - at);
			memcpy(c->header + c->header_len, data + at, taken);
			c->header_len = (uint8_t)(c->header_len + taken);
			at += taken;
			if (c->header_len < COLLECT_HEADER_BYTES)
				break;
			event = open_record(c);
			c->in_record = event == COLLECT_MORE;
			continue;
		}
		taken = take_content(c, data + at, len - at);
		if (taken > len - at) {
			event = COLLECT_BROKEN;
			break;
		}
		at += taken;
		if (c->content_left > 0 || c->padding_left > 0)
			break;
		c->in_record = false;
		c->header_len = 0;
		event = close_record(c, ret_reply);
	}
	*ret_event = event;
	return at;
}
