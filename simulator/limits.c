#include "simulator/limits.h"

#include "simulator/buf.h"
#include "simulator/dict.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOO_FAST = 130429, PAIR = 131056 };

#define SECOND_NS INT64_C(1000000000)
#define KEY_SIZE 600

struct limits {
	struct limits_rules rules;
	struct dict *numbers; /* of int64_t: when all is paid back, ns */
	struct dict *pairs;
};

struct limits *limits_new(void)
{
	struct limits *limits = buf_alloc(1, sizeof(*limits));

	limits->numbers = dict_new(free);
	limits->pairs = dict_new(free);
	return limits;
}

void limits_free(struct limits *limits)
{
	dict_free(limits->numbers);
	dict_free(limits->pairs);
	free(limits);
}

void limits_set(struct limits *limits, const struct limits_rules *rules)
{
	dict_clear(limits->numbers);
	dict_clear(limits->pairs);
	limits->rules = *rules;
}

static int64_t *debt_of(struct dict *dict, const char *key, int64_t now_ns)
{
	int64_t *paid_ns = dict_get(dict, key);

	if (!paid_ns) {
		paid_ns = buf_alloc(1, sizeof(*paid_ns));
		dict_set(dict, key, paid_ns);
	}
	if (*paid_ns < now_ns)
		*paid_ns = now_ns;
	return paid_ns;
}

int limits_judge(struct limits *limits, const char *number, const char *recipient, int64_t now_ns)
{
	const struct limits_rules *rules = &limits->rules;
	const int64_t pair_ns = rules->pair_seconds * SECOND_NS;
	const int64_t call_ns = rules->number_rate ? SECOND_NS / rules->number_rate : 0;
	int64_t *pair = NULL, *throughput = NULL;
	char key[KEY_SIZE];

	if (rules->number_rate) {
		throughput = debt_of(limits->numbers, number, now_ns);
		if (*throughput - now_ns > rules->tolerance_ms * INT64_C(1000000))
			return TOO_FAST;
	}
	if (rules->pair_seconds) {
		snprintf(key, sizeof(key), "%s %s", number, recipient);
		pair = debt_of(limits->pairs, key, now_ns);
		if (*pair - now_ns > (rules->pair_burst - 1) * pair_ns)
			return PAIR;
	}
	if (throughput)
		*throughput += call_ns;
	if (pair)
		*pair += pair_ns;
	return 0;
}
