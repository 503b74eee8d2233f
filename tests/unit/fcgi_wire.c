#include "fcgi_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wire_fini(struct wire *w)
{
	free(w->data);
	*w = (struct wire){ 0 };
}

void wire_add(struct wire *w, const void *data, size_t len)
{
	if (w->len + len + 1 > w->space) {
		w->space = (w->len + len + 1) * 2;
		w->data = realloc(w->data, w->space);
		if (!w->data)
			abort();
	}
	if (len > 0)
		memcpy(w->data + w->len, data, len);
	w->len += len;
	w->data[w->len] = 0;
}

void wire_record(struct wire *w, unsigned type, unsigned id, const void *data, size_t len,
		 unsigned padding)
{
	uint8_t head[8] = { 1,
			    (uint8_t)type,
			    (uint8_t)(id >> 8),
			    (uint8_t)id,
			    (uint8_t)(len >> 8),
			    (uint8_t)len,
			    (uint8_t)padding,
			    0 };
	uint8_t filler[255];

	memset(filler, 0xee, sizeof(filler));
	wire_add(w, head, sizeof(head));
	wire_add(w, data, len);
	wire_add(w, filler, padding);
}

void wire_begin(struct wire *w, unsigned id, unsigned role, unsigned flags)
{
	uint8_t body[8] = { (uint8_t)(role >> 8), (uint8_t)role, (uint8_t)flags };

	wire_record(w, WIRE_BEGIN, id, body, sizeof(body), 0);
}

static void add_length(struct wire *w, size_t len)
{
	uint8_t four[4] = { (uint8_t)(len >> 24 | 0x80), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
			    (uint8_t)len };

	if (len < 128)
		wire_add(w, four + 3, 1);
	else
		wire_add(w, four, 4);
}

void wire_pair(struct wire *w, const char *name, const void *value, size_t value_len)
{
	add_length(w, strlen(name));
	add_length(w, value_len);
	wire_add(w, name, strlen(name));
	wire_add(w, value, value_len);
}

void wire_stream(struct wire *w, unsigned type, unsigned id, const void *data, size_t len,
		 size_t chunk)
{
	const uint8_t *at = data;

	while (len > 0) {
		size_t n = len < chunk ? len : chunk;

		wire_record(w, type, id, at, n, (unsigned)(-n & 7));
		at += n;
		len -= n;
	}
	wire_record(w, type, id, NULL, 0, 0);
}

void wire_request(struct wire *w, unsigned id, unsigned flags, const char *method, const char *uri,
		  const void *body, size_t body_len)
{
	struct wire params = { 0 };
	char length[32];

	snprintf(length, sizeof(length), "%zu", body_len);
	wire_pair(&params, "REQUEST_METHOD", method, strlen(method));
	wire_pair(&params, "REQUEST_URI", uri, strlen(uri));
	wire_pair(&params, "CONTENT_LENGTH", length, strlen(length));
	wire_begin(w, id, WIRE_RESPONDER, flags);
	wire_stream(w, WIRE_PARAMS, id, params.data, params.len, 65535);
	wire_stream(w, WIRE_STDIN, id, body, body_len, 32768);
	wire_fini(&params);
}

struct wire_answer wire_read_answer(const uint8_t *data, size_t len, unsigned id)
{
	struct wire_answer a = { 0 };
	bool stdout_ended = false;

	wire_add(&a.out, NULL, 0);
	while (!a.ended && !a.bad && len - a.used >= 8) {
		const uint8_t *h = data + a.used;
		size_t n = (size_t)h[4] << 8 | h[5];

		if (len - a.used < 8 + n + h[6])
			break;
		a.used += 8 + n + h[6];
		if (h[0] != 1 || ((unsigned)h[2] << 8 | h[3]) != id) {
			a.bad = true;
		} else if (h[1] == WIRE_STDOUT && !stdout_ended) {
			wire_add(&a.out, h + 8, n);
			stdout_ended = n == 0;
		} else if (h[1] == WIRE_END && n == 8) {
			a.ended = true;
			a.app_status = (uint32_t)h[8] << 24 | (uint32_t)h[9] << 16 |
				       (uint32_t)h[10] << 8 | h[11];
			a.protocol_status = h[12];
		} else {
			a.bad = true;
		}
	}
	return a;
}
