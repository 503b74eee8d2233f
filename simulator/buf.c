#include "simulator/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *buf_alloc(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p)
		abort();
	return p;
}

void *buf_realloc(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count, size);

	if (!p)
		abort();
	return p;
}

static void buf_reserve(struct buf *buf, size_t more)
{
	size_t need = buf->len + more + 1;

	if (need <= buf->cap)
		return;
	size_t cap = buf->cap ? buf->cap : 128;
	while (cap < need)
		cap *= 2;
	buf->at = buf_realloc(buf->at, cap, 1);
	buf->cap = cap;
}

void buf_append(struct buf *buf, const void *bytes, size_t n)
{
	buf_reserve(buf, n);
	if (n)
		memcpy(buf->at + buf->len, bytes, n);
	buf->len += n;
	buf->at[buf->len] = 0;
}

void buf_text(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		abort();
	buf_reserve(buf, (size_t)n);
	vsnprintf(buf->at + buf->len, (size_t)n + 1, format, again);
	va_end(again);
	buf->len += (size_t)n;
}

void buf_json(struct buf *buf, const char *text, size_t n)
{
	size_t start = 0;

	buf_append(buf, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_append(buf, text + start, i - start);
		if (c < 0x20)
			buf_printf(buf, "\\u%04x", c);
		else
			buf_printf(buf, "\\%c", c);
		start = i + 1;
	}
	buf_append(buf, text + start, n - start);
	buf_append(buf, "\"", 1);
}

void buf_consume(struct buf *buf, size_t n)
{
	buf->len -= n;
	if (buf->at)
		memmove(buf->at, buf->at + n, buf->len + 1);
}

void buf_clear(struct buf *buf, size_t keep)
{
	if (buf->cap > keep) {
		buf_free(buf);
		return;
	}
	buf->len = 0;
	if (buf->at)
		buf->at[0] = 0;
}

void buf_free(struct buf *buf)
{
	free(buf->at);
	*buf = (struct buf){ 0 };
}
