#include "types/type.h"

#include <stddef.h>
#include <string.h>

#include "types/type_private.h"

static const struct type *const types[] = {
	&type_text,
};

const struct type *type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i]->name, name) == 0)
			return types[i];
	return NULL;
}

bool type_has_member(const char *member)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i]->member, member) == 0)
			return true;
	return false;
}

const char *type_names(void)
{
	return "text"; /* all of the table: a test compares */
}
