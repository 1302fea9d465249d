/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pxenc/log.h"
#include "pxenc/status.h"

#define LINES 256

static struct {
	char *line[LINES];
	size_t count;
} captured;

static struct {
	char dir[256];
	char *path[64];
	size_t count;
} temp;

static struct fault allocation;

static void capture(const char *line)
{
	if (captured.count == LINES)
		fail_msg("more than %d lines were logged", LINES);
	captured.line[captured.count++] = strdup(line);
}

void log_forget(void)
{
	while (captured.count)
		free(captured.line[--captured.count]);
	px_log_set_sink(capture);
}

size_t log_count(void)
{
	return captured.count;
}

const char *log_line(size_t i)
{
	return i < captured.count ? captured.line[i] : "";
}

void log_check_one(const char *file, int line, ...)
{
	const char *word;
	va_list words;
	size_t i;

	if (captured.count != 1) {
		for (i = 0; i < captured.count; i++)
			print_error("logged: %s\n", captured.line[i]);
		print_error("%zu lines were logged, not 1\n", captured.count);
		_fail(file, line);
	}
	va_start(words, line);
	while ((word = va_arg(words, const char *)))
		if (!strstr(captured.line[0], word)) {
			print_error("'%s' is not in: %s\n", word, captured.line[0]);
			_fail(file, line);
		}
	va_end(words);
}

int temp_dir_make(void **state)
{
	const char *base = getenv("TMPDIR");

	snprintf(temp.dir, sizeof(temp.dir), "%s/pxenc-unit-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(temp.dir))
		return -1;
	*state = temp.dir;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int temp_dir_remove(void **state)
{
	(void)state;
	while (temp.count)
		free(temp.path[--temp.count]);
	return nftw(temp.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *temp_path(const char *name)
{
	char *path;

	assert_true(temp.count < sizeof(temp.path) / sizeof(temp.path[0]));
	assert_true(asprintf(&path, "%s/%s", temp.dir, name) > 0);
	temp.path[temp.count++] = path;
	return path;
}

const char *temp_file(const char *name, const void *data, size_t len, mode_t mode)
{
	const char *path = temp_path(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

bool fault_hits(struct fault *fault)
{
	if (!fault->times)
		return false;
	if (fault->skip) {
		fault->skip--;
		return false;
	}
	fault->times--;
	errno = fault->error;
	return true;
}

void allocation_fails(unsigned int nth)
{
	allocation = (struct fault){ .skip = nth ? nth - 1 : 0, .times = nth > 0, .error = ENOMEM };
}

void each_allocation_may_fail(int (*attempt)(void *arg), void *arg, int failure)
{
	unsigned int n;
	bool fired;
	int r;

	for (n = 1;; n++) {
		log_forget();
		allocation_fails(n);
		r = attempt(arg);
		fired = !allocation.times;
		allocation_fails(0);
		if (!fired)
			break;
		assert_int_equal(r, failure);
		if (failure == PX_NOMEM)
			assert_logged("out of memory");
	}
	assert_int_equal(r, 0);
	assert_true(n > 1);
}

/* Weak: a program that is linked without --wrap has no __real_ names, and needs none. */
#define WEAK __attribute__((weak))
void *__real_malloc(size_t size) WEAK;
void *__real_calloc(size_t n, size_t size) WEAK;
char *__real_strdup(const char *text) WEAK;
char *__real_strndup(const char *text, size_t len) WEAK;
void *__real_reallocarray(void *old, size_t n, size_t size) WEAK;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
int __wrap_asprintf(char **ret, const char *fmt, ...) PX_PRINTF(2, 3);
int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...) PX_PRINTF(3, 4);

void *__wrap_malloc(size_t size)
{
	return fault_hits(&allocation) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fault_hits(&allocation) ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text)
{
	return fault_hits(&allocation) ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fault_hits(&allocation) ? NULL : __real_strndup(text, len);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fault_hits(&allocation) ? NULL : __real_reallocarray(old, n, size);
}

/* The string is left undefined by a failure, as the manual page warns. */
static int __attribute__((format(printf, 2, 0)))
failing_vasprintf(char **ret, const char *fmt, va_list args)
{
	if (!fault_hits(&allocation))
		return vasprintf(ret, fmt, args);
	memset(ret, 0xa5, sizeof(*ret));
	return -1;
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = failing_vasprintf(ret, fmt, args);
	va_end(args);
	return n;
}

int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...)
{
	va_list args;
	int n;

	(void)flag;
	va_start(args, fmt);
	n = failing_vasprintf(ret, fmt, args);
	va_end(args);
	return n;
}
