#include "simulator/script.h"

#include "simulator/dict.h"

#include <stdio.h>
#include <stdlib.h>

/* The head of a list in the dictionary; `first` is NULL when all was played. */
struct part {
	struct behaviour *first;
};

struct script {
	struct dict *parts;
};

static void part_free(void *value)
{
	struct part *part = value;

	behaviour_free(part->first);
	free(part);
}

struct script *script_new(void)
{
	struct script *script = buf_alloc(1, sizeof(*script));

	script->parts = dict_new(part_free);
	return script;
}

void script_free(struct script *script)
{
	dict_free(script->parts);
	free(script);
}

void script_clear(struct script *script)
{
	dict_clear(script->parts);
}

static void make_key(char key[700], const char *service, const char *by, const char *value)
{
	snprintf(key, 700, "%s/%s/%s", service, by, value);
}

void script_set(struct script *script, const char *service, const char *by, const char *value,
		struct behaviour *first)
{
	char key[700];
	struct part *part = NULL;

	make_key(key, service, by, value);
	if (first) {
		part = buf_alloc(1, sizeof(*part));
		part->first = first;
	}
	dict_set(script->parts, key, part);
}

const struct behaviour *script_play(struct script *script, const char *service, const char *by,
				    const char *value)
{
	char key[700];

	if (!dict_count(script->parts))
		return NULL;
	make_key(key, service, by, value);
	struct part *part = dict_get(script->parts, key);
	if (!part)
		return NULL;
	/* A played-out behaviour goes at the next call: its texts were still needed before. */
	while (part->first && part->first->times == 0) {
		struct behaviour *done = part->first;

		part->first = done->next;
		done->next = NULL;
		behaviour_free(done);
	}
	if (part->first && part->first->times > 0)
		part->first->times--;
	return part->first;
}
