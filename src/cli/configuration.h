/*
 * configuration - the settings of a command: file, environment, faults told on stderr.
 */
#ifndef CLI_CONFIGURATION_H
#define CLI_CONFIGURATION_H

#include "base/compiler.h"
#include "config/settings.h"

/* 0, or -1 after every fault was printed; warnings are printed too. */
int configuration_load(struct settings *ret, const char *config_file) MUST_CHECK;
/* The same for commands that only need the database: nothing else has to be set. */
int configuration_load_for_database(struct settings *ret, const char *config_file) MUST_CHECK;

#endif
