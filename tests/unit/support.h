/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_TESTS_SUPPORT_H
#define PXENC_TESTS_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>

/* A test whose name is the behaviour that it shows. */
#define TEST(name) static void name(void **state __attribute__((unused)))

/* What was logged since log_forget: the sink is ours from the first of these calls on. */
void log_forget(void);
size_t log_count(void);
const char *log_line(size_t i);

/* Exactly one line, and it has each of the words (NULL-terminated). */
void log_check_one(const char *file, int line, ...);
#define assert_logged(...) log_check_one(__FILE__, __LINE__, __VA_ARGS__, NULL)
#define assert_silent() assert_int_equal(log_count(), 0)

/* A failure: this status, and one line that has the words. */
#define assert_fails(status, call, ...)                                                            \
	do {                                                                                       \
		log_forget();                                                                      \
		assert_int_equal(call, status);                                                    \
		assert_logged(__VA_ARGS__);                                                        \
	} while (0)

/* A success that says nothing. */
#define assert_ok(call)                                                                            \
	do {                                                                                       \
		log_forget();                                                                      \
		assert_int_equal(call, 0);                                                         \
		assert_silent();                                                                   \
	} while (0)

/* A directory for one test, and what is below it gone afterwards: for *_setup_teardown. */
int temp_dir_make(void **state);
int temp_dir_remove(void **state);

/* DIR/NAME, valid until the end of the test (temp_dir_remove frees it). */
const char *temp_path(const char *name);
const char *temp_file(const char *name, const void *data, size_t len, mode_t mode);
#define temp_text(name, text, mode) temp_file(name, text, sizeof(text) - 1, mode)

/* A call that fails when its turn comes, for a wrapper to ask. */
struct fault {
	unsigned int skip;  /* so many calls go well */
	unsigned int times; /* then so many fail */
	int error;	    /* with this errno */
};
bool fault_hits(struct fault *fault);

/*
 * For programs linked with --wrap for malloc, calloc, strdup, strndup, reallocarray, asprintf and
 * __asprintf_chk: runs attempt with its first, second, … allocation failing until it needs no
 * more. Every failure must return failure and, when that is PX_NOMEM, log "out of memory" once.
 * attempt leaves nothing behind.
 */
void each_allocation_may_fail(int (*attempt)(void *arg), void *arg, int failure);

/* The nth allocation from now fails (1 is the next); 0: none. */
void allocation_fails(unsigned int nth);

#endif
