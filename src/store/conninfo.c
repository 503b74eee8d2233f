#include "store/conninfo.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* The texts of an info: libpq's parsed options and cut copies of the host lists. */
struct memory {
	PQconninfoOption *given;
	PQconninfoOption *defaults;
	char *lists[3];
};

static const char *find(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val && *options->val ? options->val : NULL;
	return NULL;
}

static bool is_server(const char *keyword)
{
	return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
	       strcmp(keyword, "port") == 0;
}

/* Cuts list at its commas into at most CONNINFO_HOSTS_MAX parts; -1: more. */
static int split(char *list, const char **parts)
{
	int count = 0;

	while (list) {
		char *comma = strchr(list, ',');

		if (count == CONNINFO_HOSTS_MAX)
			return -1;
		if (comma)
			*comma++ = '\0';
		parts[count++] = *list ? list : NULL;
		list = comma;
	}
	return count;
}

/* The value of a server keyword, from the text or the environment, taken apart. */
static int server_list(struct memory *memory, unsigned which, const char *keyword,
		       const char **parts, struct err *ret_err)
{
	const char *value = find(memory->given, keyword);
	int count;

	if (!value && !find(memory->given, "service"))
		value = find(memory->defaults, keyword);
	if (!value)
		return 0;
	memory->lists[which] = strdup(value);
	if (!memory->lists[which]) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database connection string: no memory");
		return -1;
	}
	count = split(memory->lists[which], parts);
	if (count < 0)
		err_set(ret_err, ERR_INVALID, 0, "database connection string: more than %d in %s",
			CONNINFO_HOSTS_MAX, keyword);
	return count;
}

static int set_hosts(struct conninfo *info, struct memory *memory, struct err *ret_err)
{
	const char *hosts[CONNINFO_HOSTS_MAX] = { NULL };
	const char *addresses[CONNINFO_HOSTS_MAX] = { NULL };
	const char *ports[CONNINFO_HOSTS_MAX] = { NULL };
	int host_count = server_list(memory, 0, "host", hosts, ret_err);
	int address_count = host_count < 0 ? -1
					   : server_list(memory, 1, "hostaddr", addresses, ret_err);
	int port_count = address_count < 0 ? -1 : server_list(memory, 2, "port", ports, ret_err);
	int count = host_count > address_count ? host_count : address_count;

	if (port_count < 0)
		return -1;
	if (count == 0)
		count = 1;
	if ((host_count > 0 && host_count != count) ||
	    (address_count > 0 && address_count != count) ||
	    (port_count > 1 && port_count != count)) {
		err_set(ret_err, ERR_INVALID, 0,
			"database connection string: host, hostaddr and "
			"port must have as many parts as each other");
		return -1;
	}
	for (int i = 0; i < count; i++)
		info->hosts[i] = (struct conninfo_host){
			.host = hosts[i],
			.hostaddr = addresses[i],
			.port = port_count == 1 ? ports[0] : ports[i],
		};
	info->host_count = (unsigned)count;
	return 0;
}

int conninfo_parse(const char *text, struct conninfo *ret, struct err *ret_err)
{
	struct conninfo info = { .memory = calloc(1, sizeof(struct memory)) };
	struct memory *memory = info.memory;
	char *why = NULL;

	if (!memory) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database connection string: no memory");
		return -1;
	}
	memory->given = PQconninfoParse(text, &why);
	if (!memory->given) {
		size_t len = why ? strcspn(why, "\n") : 0;

		err_set(ret_err, ERR_INVALID, 0, "database connection string: %.*s", (int)len,
			why ? why : "");
		PQfreemem(why);
		conninfo_fini(&info);
		return -1;
	}
	memory->defaults = PQconndefaults();
	for (PQconninfoOption *o = memory->given; o->keyword; o++) {
		if (!o->val || is_server(o->keyword) || info.options == CONNINFO_OPTIONS_MAX)
			continue;
		info.keywords[info.options] = o->keyword;
		info.values[info.options++] = o->val;
	}
	if (set_hosts(&info, memory, ret_err) != 0) {
		conninfo_fini(&info);
		return -1;
	}
	*ret = info;
	return 0;
}

void conninfo_fini(struct conninfo *info)
{
	struct memory *memory = info->memory;

	if (!memory)
		return;
	PQconninfoFree(memory->given);
	PQconninfoFree(memory->defaults);
	for (unsigned i = 0; i < 3; i++)
		free(memory->lists[i]);
	free(memory);
	info->memory = NULL;
}

bool conninfo_needs_lookup(const struct conninfo_host *host)
{
	return !host->hostaddr && host->host && host->host[0] != '/' && host->host[0] != '@';
}
