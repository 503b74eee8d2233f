/*
 * compiler - the only place where compiler attributes are spelled.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/* The result must be looked at; ignore it on purpose with a cast to void. */
#define MUST_CHECK __attribute__((warn_unused_result))
/* Argument fmt is a printf format, the variable arguments begin at args. */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
/* Calls fn(&variable) when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))

#endif
