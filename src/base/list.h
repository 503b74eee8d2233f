/*
 * list - intrusive doubly linked list.  A node is in at most one list; an unlinked node
 * points to itself.  No memory of its own.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Harmless on an unlinked (initialised) node. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* First node taken out, or null. */
static inline struct list *list_take_first(struct list *head)
{
	struct list *node = head->next;

	if (node == head)
		return NULL;
	/* The analyser takes nodes of a list that was freed one by one for freed ones. */
	// NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
	list_remove(node);
	return node;
}

/* The object that holds the node.  (clang-format takes "(node) -" for a cast.) */
/* clang-format off */
#define LIST_OBJECT(node, type, member) ((type *)((char *)(node) - offsetof(type, member)))
/* clang-format on */

#endif
