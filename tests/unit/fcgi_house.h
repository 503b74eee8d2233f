/*
 * fcgi_house - a running FastCGI server and its peers in one thread, for tests of
 * src/fcgi/server.h: whoever waits for something lets the loop turn meanwhile.
 */
#ifndef TESTS_UNIT_FCGI_HOUSE_H
#define TESTS_UNIT_FCGI_HOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fcgi/server.h"
#include "fcgi_wire.h"

enum { HOUSE_BODY_MAX = 100000, HOUSE_HELD_MAX = 67108864, HOUSE_REQUESTS_MAX = 4096 };

/* The program around the server: remembers requests; answers those to /now at once, with
 * their own body. */
struct house {
	struct loop *loop;
	struct fcgi_server *server;
	int listen_fd;
	struct sockaddr_un address;
	socklen_t address_len;
	uint64_t ids[HOUSE_REQUESTS_MAX];
	unsigned count;
	enum http_fault fault; /* of the last request, as the next two */
	char path[64];
	size_t body_len;
};

extern struct house house;
extern struct fcgi_server_settings house_settings;

/* Check fixtures: a server with usual settings. */
void house_open(void);
void house_close(void);
/* Again, with house_settings as they are now. */
void house_reopen(void);

/* Answers 200 with this body. */
bool answer(uint64_t id, const char *text);
/* Lets the loop work for a millisecond or two. */
void turn(void);
void turn_until_requests(unsigned n);
void turn_until_busy(unsigned n);

/* A new connection; the caller closes it. */
int dial(void);
void push(int fd, const void *data, size_t len);
/* Dials and sends one request. */
int ask(unsigned id, unsigned flags, const char *uri, const char *body);
/* Reads into w until it holds len bytes; false: the connection was closed before. */
bool pull(int fd, struct wire *w, size_t len);
/* Waits for bytes or the end of the connection. */
bool is_closed(int fd);
/* Reads one answer with this body; what follows must be nothing. */
void expect(int fd, unsigned id, const char *body);
/* Reads an END_REQUEST and nothing else. */
void expect_end(int fd, unsigned id, unsigned protocol_status);

#endif
