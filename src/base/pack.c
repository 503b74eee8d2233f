#include "base/pack.h"

#include <string.h>

void pack_init(struct pack *p, void *data, size_t size)
{
	*p = (struct pack){ .data = data, .size = size };
}

/* The next len bytes, or null and failed. */
static uint8_t *take(struct pack *p, size_t len)
{
	uint8_t *at;

	if (p->failed || len > p->size - p->at) {
		p->failed = true;
		return NULL;
	}
	at = p->data + p->at;
	p->at += len;
	return at;
}

void pack_put_bytes(struct pack *p, const void *data, size_t len)
{
	uint8_t *at = take(p, len);

	if (at != NULL && len > 0)
		memcpy(at, data, len);
}

void pack_put_u8(struct pack *p, uint8_t v)
{
	pack_put_bytes(p, &v, sizeof(v));
}

void pack_put_u32(struct pack *p, uint32_t v)
{
	pack_put_bytes(p, &v, sizeof(v));
}

void pack_put_u64(struct pack *p, uint64_t v)
{
	pack_put_bytes(p, &v, sizeof(v));
}

void pack_put_i64(struct pack *p, int64_t v)
{
	pack_put_bytes(p, &v, sizeof(v));
}

void pack_put_text(struct pack *p, const char *text)
{
	size_t len = strlen(text);

	if (len > UINT32_MAX) {
		p->failed = true;
		return;
	}
	pack_put_u32(p, (uint32_t)len);
	pack_put_bytes(p, text, len + 1);
}

void pack_get_bytes(struct pack *p, void *data, size_t len)
{
	const uint8_t *at = take(p, len);

	if (len == 0)
		return;
	if (at != NULL)
		memcpy(data, at, len);
	else
		memset(data, 0, len);
}

uint8_t pack_get_u8(struct pack *p)
{
	uint8_t v;

	pack_get_bytes(p, &v, sizeof(v));
	return v;
}

uint32_t pack_get_u32(struct pack *p)
{
	uint32_t v;

	pack_get_bytes(p, &v, sizeof(v));
	return v;
}

uint64_t pack_get_u64(struct pack *p)
{
	uint64_t v;

	pack_get_bytes(p, &v, sizeof(v));
	return v;
}

int64_t pack_get_i64(struct pack *p)
{
	int64_t v;

	pack_get_bytes(p, &v, sizeof(v));
	return v;
}

const char *pack_get_text(struct pack *p)
{
	size_t len = pack_get_u32(p);
	const uint8_t *text = take(p, len + 1);

	if (text == NULL)
		return "";
	if (memchr(text, '\0', len + 1) != text + len) {
		p->failed = true;
		return "";
	}
	return (const char *)text;
}

bool pack_end(const struct pack *p)
{
	return !p->failed && p->at == p->size;
}
