#include "base/die.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No stdio: it may want memory. */
static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) == -1)
		return; /* then it is not said */
}

void die(const char *what)
{
	const char *why = strerrordesc_np(errno);

	say(what);
	say(": ");
	say(why != NULL ? why : "unknown error");
	say("\n");
	_exit(DIE_STATUS);
}

static void on_abort(int number UNUSED)
{
	_Exit(DIE_STATUS);
}

void die_instead_of_abort(void)
{
	(void)signal(SIGABRT, on_abort);
}
