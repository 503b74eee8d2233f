/*
 * Decision: one inbox (socket pair) per slot instead of one per pair of workers.  Packets of
 * SOCK_SEQPACKET are whole whoever writes them, and the number of descriptors grows with the
 * workers, not with their square (docs/decisions/0002-bells.md).
 */
#include "delivery/node.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "delivery/node_file.h"

#define SEQLOCK_MS 50
#define INBOX_BYTES (4 * 1024 * 1024)

struct node_slot {
	_Atomic uint32_t version;
	_Atomic uint32_t life;
	_Atomic int64_t beaten_ms;
	struct message_id incarnation;
};

struct node_page {
	struct node_slot slots[NODE_SLOTS_MAX];
	_Atomic uint32_t owner[NODE_WORKERS_MAX];
	/* Ring of the dead, written behind `dead_count`. */
	_Atomic uint32_t dead_count;
	struct message_id dead[NODE_DEAD_KEPT];
};

struct node {
	unsigned workers;
	struct message_id id;
	char boot_id[NODE_FILE_BOOT_BYTES];
	char file[NODE_FILE_PATH_BYTES];
	struct node_page *page;
	int read_fds[NODE_SLOTS_MAX];
	int write_fds[NODE_SLOTS_MAX];
};

static int inbox_open(struct node *node, unsigned slot, struct err *ret_err)
{
	int pair[2];
	const int bytes = INBOX_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) {
		err_set(ret_err, ERR_TEMPORARY, errno, "cannot make an inbox: %s", strerror(errno));
		return -1;
	}
	node->read_fds[slot] = pair[0];
	node->write_fds[slot] = pair[1];
	/* A larger buffer is welcome, a smaller one works: a bell is only a hint. */
	if (setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

struct node *node_new(unsigned workers, struct err *ret_err)
{
	struct node *node = calloc(1, sizeof(*node));
	void *page = mmap(NULL, sizeof(struct node_page), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!node || page == MAP_FAILED) {
		err_set(ret_err, ERR_TEMPORARY, errno, "no memory for the shared page");
		free(node);
		if (page != MAP_FAILED)
			(void)munmap(page, sizeof(struct node_page));
		return NULL;
	}
	node->workers = workers;
	node->page = page;
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++)
		node->read_fds[s] = node->write_fds[s] = -1;
	for (unsigned s = 0; s < node_slots(node); s++) {
		if (inbox_open(node, s, ret_err)) {
			node_free(node);
			return NULL;
		}
	}
	for (unsigned n = 0; n < workers; n++)
		node_set_owner(node, n, n);
	return node;
}

void node_free(struct node *node)
{
	if (!node)
		return;
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++) {
		fd_close(&node->read_fds[s]);
		fd_close(&node->write_fds[s]);
	}
	(void)munmap(node->page, sizeof(*node->page));
	free(node);
}

void node_set_identity(struct node *node, struct message_id id, const char *boot_id,
		       const char *file)
{
	node->id = id;
	text_copy_cut(node->boot_id, sizeof(node->boot_id), boot_id);
	text_copy_cut(node->file, sizeof(node->file), file);
}

struct message_id node_id(const struct node *node)
{
	return node->id;
}

const char *node_boot_id(const struct node *node)
{
	return node->boot_id;
}

const char *node_file(const struct node *node)
{
	return node->file;
}

unsigned node_workers(const struct node *node)
{
	return node->workers;
}

unsigned node_slots(const struct node *node)
{
	return 2 * node->workers;
}

void node_set(struct node *node, unsigned slot, enum node_life life, struct message_id incarnation)
{
	struct node_slot *s = &node->page->slots[slot];

	atomic_fetch_add(&s->version, 1);
	s->incarnation = incarnation;
	atomic_store(&s->beaten_ms, 0);
	atomic_store(&s->life, (uint32_t)life);
	atomic_fetch_add(&s->version, 1);
}

void node_set_life(struct node *node, unsigned slot, enum node_life life)
{
	atomic_store(&node->page->slots[slot].life, (uint32_t)life);
}

void node_set_owner(struct node *node, unsigned number, unsigned slot)
{
	atomic_store(&node->page->owner[number], slot);
}

void node_set_dead(struct node *node, unsigned slot)
{
	struct node_page *page = node->page;
	const uint32_t count = atomic_load(&page->dead_count);

	page->dead[count % NODE_DEAD_KEPT] = page->slots[slot].incarnation;
	atomic_store(&page->dead_count, count + 1);
	node_set(node, slot, NODE_FREE, (struct message_id){ { 0 } });
}

void node_beat(struct node *node, unsigned slot, int64_t boot_ms)
{
	atomic_store(&node->page->slots[slot].beaten_ms, boot_ms);
}

int64_t node_beaten_ms(const struct node *node, unsigned slot)
{
	return atomic_load(&node->page->slots[slot].beaten_ms);
}

enum node_life node_life(const struct node *node, unsigned slot)
{
	return (enum node_life)atomic_load(&node->page->slots[slot].life);
}

unsigned node_owner(const struct node *node, unsigned number)
{
	return atomic_load(&node->page->owner[number % node->workers]);
}

static bool slot_is(const struct node_slot *s, struct message_id incarnation)
{
	struct message_id copy;
	uint32_t before;
	uint32_t life;
	/* A master that was killed while it wrote leaves the version odd for ever: then this says
	 * "alive", and the attempt's own deadline decides in the end. */
	const int64_t until_ms = clock_boot_ms() + SEQLOCK_MS;

	do {
		before = atomic_load(&s->version);
		copy = s->incarnation;
		life = atomic_load(&s->life);
		if (!(before & 1) && atomic_load(&s->version) == before)
			return life != NODE_FREE && message_id_equal(copy, incarnation);
		(void)sched_yield();
	} while (clock_boot_ms() < until_ms);
	return true;
}

bool node_lives(const struct node *node, unsigned slot, struct message_id incarnation)
{
	return slot_is(&node->page->slots[slot], incarnation);
}

int node_slot(const struct node *node, struct message_id incarnation)
{
	for (unsigned s = 0; s < node_slots(node); s++) {
		if (node_lives(node, s, incarnation))
			return (int)s;
	}
	return -1;
}

/* The ring first: a worker that dies between the two looks is then still found alive, which
 * only means that the next look decides. */
enum node_incarnation node_incarnation(const struct node *node, struct message_id incarnation)
{
	const struct node_page *page = node->page;
	const uint32_t count = atomic_load(&page->dead_count);
	const uint32_t kept = count < NODE_DEAD_KEPT ? count : NODE_DEAD_KEPT;

	for (uint32_t i = 1; i <= kept; i++) {
		if (message_id_equal(page->dead[(count - i) % NODE_DEAD_KEPT], incarnation))
			return NODE_DEAD;
	}
	return node_slot(node, incarnation) < 0 ? NODE_STRANGER : NODE_ALIVE;
}

int node_read_fd(const struct node *node, unsigned slot)
{
	return node->read_fds[slot];
}

int node_write_fd(const struct node *node, unsigned slot)
{
	return node->write_fds[slot];
}
