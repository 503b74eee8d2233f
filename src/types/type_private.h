/*
 * type_private - the types, one per file; the table in type.c has them all.
 */
#ifndef TYPES_TYPE_PRIVATE_H
#define TYPES_TYPE_PRIVATE_H

#include "types/type.h"

extern const struct type type_text;

#endif
