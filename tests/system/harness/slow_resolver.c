/*
 * LD_PRELOAD shim: getaddrinfo() of "slow.test" sleeps for 20 s and then fails, as with a name
 * server that does not answer; every other name is resolved as always.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int resolve_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **result)
{
	if (node != NULL && strcmp(node, "slow.test") == 0) {
		unsigned left = 20;

		while (left > 0)
			left = sleep(left);
		return EAI_AGAIN;
	}
	return ((resolve_fn *)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, result);
}
