/*
 * sqlstate - what an error of PostgreSQL means for the one who sent the batch.  Pure.
 *
 * Codes: PostgreSQL's documentation, appendix A; to be expected in failovers and
 * restarts (08, 25006, 40, 53300, 55P03, 57P01 to 57P03).
 */
#ifndef STORE_SQLSTATE_H
#define STORE_SQLSTATE_H

enum sqlstate_class {
	SQLSTATE_DATA,      /* 22, 23, 54: a row's own fault; halve the batch */
	SQLSTATE_REPEAT,    /* 40001, 40P01, 55P03, 57014: repeat the batch unchanged, then halve */
	SQLSTATE_RECONNECT, /* 08, 53300, 57P01-05, 25006, 26000, 0A000: this session is no good */
	SQLSTATE_SCHEMA,    /* 3F000, 42P01, 42703, 42883: not the schema of this program */
	SQLSTATE_FENCED,    /* MS001: this incarnation begins no attempts any more */
	SQLSTATE_SERVER,    /* 53, 58, 42501: trouble of all: say so and try again later */
	SQLSTATE_OTHER,     /* unexpected: trouble of a row, perhaps: repeat, then halve */
};

/* code: five characters, or null when libpq has none (its own errors). */
enum sqlstate_class sqlstate_classify(const char *code);
/* The code as a number, base 36: for struct err; 0 when null or malformed. */
int sqlstate_number(const char *code);

#endif
