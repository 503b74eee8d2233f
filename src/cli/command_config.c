#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "crypto/seal.h"
#include "store/conninfo.h"

/* What only this machine and libpq know. */
static bool fits_here(const struct settings *s)
{
	struct conninfo info;
	struct err err;
	bool fits = true;

	if (conninfo_parse(s->database_url, &info, &err)) {
		/* Without libpq's words, which may quote a password. */
		(void)fprintf(stderr, "message-sender: error: DATABASE_URL: libpq cannot read it; "
				      "it takes postgresql://user@host/database or "
				      "host=… dbname=…\n");
		fits = false;
	} else {
		conninfo_fini(&info);
	}
	if (*s->master_key_file) {
		struct seal_keys *keys = seal_keys_load(s->master_key_file, &err);

		if (!keys)
			(void)fprintf(stderr, "message-sender: error: MASTER_KEY_FILE: %s\n",
				      err.text);
		fits &= keys != NULL;
		seal_keys_free(keys);
	}
	if (*s->fcgi_socket_group && !getgrnam(s->fcgi_socket_group)) {
		(void)fprintf(stderr,
			      "message-sender: error: FCGI_SOCKET_GROUP: there is no group \"%s\" "
			      "on this machine\n",
			      s->fcgi_socket_group);
		fits = false;
	}
	return fits;
}

/* The service says so as well, but only once it serves. */
static void warn_state_dir(const struct settings *s)
{
	const char *dir = s->state_dir;
	char socket_dir[SETTINGS_SOCKET_BYTES];

	if (!*dir) {
		(void)memcpy(socket_dir, s->fcgi_socket, sizeof(socket_dir));
		dir = dirname(socket_dir);
	}
	if (access(dir, W_OK | X_OK) != 0)
		(void)fprintf(stderr,
			      "message-sender: warning: STATE_DIR: %s cannot be written in: %s; "
			      "without it an earlier copy of the database that is put in its place "
			      "while the service is stopped may not be noticed; make it, or name a "
			      "directory that belongs to the user of the service\n",
			      dir, strerror(errno));
}

int command_check_config(const struct arguments *arguments)
{
	struct settings settings;

	if (configuration_load(&settings, arguments->config_file) || !fits_here(&settings))
		return EXIT_CONFIG;
	warn_state_dir(&settings);
	settings_print(stdout, &settings);
	return 0;
}

int command_settings(const struct arguments *arguments)
{
	(void)arguments;
	settings_print_reference(stdout);
	return 0;
}

int command_version(const struct arguments *arguments)
{
	(void)arguments;
	(void)printf("message-sender %s\n", PACKAGE_VERSION);
	return 0;
}
