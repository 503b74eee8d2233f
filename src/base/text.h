/*
 * text - strict reading of numbers and UTF-8; bounded copying.  Pure; any thread.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Decimal digits only, no sign, no space; the whole text; min <= value <= max. */
bool text_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) MUST_CHECK;
/* The same with an optional leading '-'. */
bool text_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret) MUST_CHECK;

/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms, no 0 byte)?  Sets the number
 * of code points when it is. */
bool text_utf8_valid(const char *data, size_t len, size_t *ret_code_points) MUST_CHECK;

/* 1 to max bytes, each visible ASCII (0x21 to 0x7e)? */
bool text_visible_ascii(const char *text, size_t len, size_t max) MUST_CHECK;

/* Copies src with its ending 0 into dst[size]; false, with dst unchanged, when it does not
 * fit. */
bool text_copy(char *dst, size_t size, const char *src) MUST_CHECK;
/* Copies what fits, always ends with 0, never cuts inside a UTF-8 sequence. */
void text_copy_cut(char *dst, size_t size, const char *src);

/* Lower-case hexadecimal; dst has 2 * len + 1 bytes. */
void text_hex(char *dst, const uint8_t *data, size_t len);

#endif
