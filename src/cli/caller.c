#include "cli/caller.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

void caller_name(char *ret_name, size_t size)
{
	const struct passwd *user = getpwuid(getuid());

	if (user)
		text_copy_cut(ret_name, size, user->pw_name);
	else
		(void)snprintf(ret_name, size, "user %u", (unsigned)getuid());
}
