/*
 * Reading and checking the body of a send, as Meta would.
 */
#ifndef SIMULATOR_GRAPH_MESSAGE_H
#define SIMULATOR_GRAPH_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>

/* Borrows its texts from the JSON value. */
struct graph_message {
	bool marks_read; /* the read and typing form: nothing is sent */
	bool is_template;
	bool is_group;
	const char *to; /* as written; the user id when `is_user_id` */
	bool is_user_id;
	char key[136];        /* the recipient's digits, or `to` when it is no phone number */
	const char *callback; /* biz_opaque_callback_data, or "" */
};

/*
 * 0, or the error code with `why` (160 bytes). `ret_message` may be filled in part on failure.
 * `country`: what goes before a phone number without plus, or NULL.
 */
int graph_message_read(const json_t *json, const char *country, struct graph_message *ret_message,
		       char why[160]);

#endif
