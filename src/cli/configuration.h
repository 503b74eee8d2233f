/*
 * configuration - the settings of a command: file, environment, faults told on stderr.
 *
 * Without --config the file is CONFIGURATION_FILE when that is there, unless DATABASE_URL is in
 * the environment: then the caller has said all of it there.
 */
#ifndef CLI_CONFIGURATION_H
#define CLI_CONFIGURATION_H

#include "base/compiler.h"
#include "config/settings.h"

#define CONFIGURATION_FILE SYSCONFDIR "/message-sender/message-sender.conf"

/* The file that counts; null: none. */
const char *configuration_file(const char *config_file) MUST_CHECK;
/* config_file: as given on the command line, may be null.  0, or -1 after every fault was
 * printed; warnings are printed too. */
int configuration_load(struct settings *ret, const char *config_file) MUST_CHECK;
/* The same for commands that only need the database: nothing else has to be set. */
int configuration_load_for_database(struct settings *ret, const char *config_file) MUST_CHECK;

#endif
