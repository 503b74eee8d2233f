/* The part of fake_world.h that plays what is scheduled. */
#include <check.h>

#include "fake_world.h"

int store_load_due(struct store *s, uint64_t tag, uint64_t lanes, int64_t due_until_wall_us,
		   unsigned limit, struct err *ret_err)
{
	(void)s;
	(void)limit;
	(void)ret_err;
	ck_assert_uint_lt(fake.due_load_count, FAKE_MAX);
	fake.due_loads[fake.due_load_count++] = (struct fake_load){
		.tag = tag, .lanes = lanes, .due_until_wall_us = due_until_wall_us
	};
	return 0;
}
