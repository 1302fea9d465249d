/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PROC_CRYPTO "/proc/crypto"

/* Some 20 KiB with every cipher loaded; more than this is no /proc/crypto. */
#define PROC_CRYPTO_MAX ((size_t)1 << 20)

/* A piece of a text that is not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

/* One algorithm of /proc/crypto. */
struct algorithm {
	struct span name;
	struct span driver;
	struct span type;
	unsigned long priority;
};

static bool is_text(struct span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

/* Cuts the next line off, without its newline. False at the end. */
static bool next_line(struct span *text, struct span *ret_line)
{
	const char *newline;

	if (text->len == 0)
		return false;
	newline = memchr(text->at, '\n', text->len);
	ret_line->at = text->at;
	ret_line->len = newline ? (size_t)(newline - text->at) : text->len;
	text->at += ret_line->len;
	text->len -= ret_line->len;
	if (newline) {
		text->at++;
		text->len--;
	}
	return true;
}

static unsigned long to_number(struct span span)
{
	unsigned long number = 0;

	for (size_t i = 0; i < span.len && span.at[i] >= '0' && span.at[i] <= '9'; i++)
		number = number * 10 + (unsigned long)(span.at[i] - '0');
	return number;
}

/* "priority     : 401" */
static void take_line(struct algorithm *algorithm, struct span line)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct span key = { line.at, 0 }, value;

	if (!colon)
		return;
	while (line.at + key.len < colon && line.at[key.len] != ' ')
		key.len++;
	value = (struct span){ colon + 1, line.len - (size_t)(colon + 1 - line.at) };
	while (value.len > 0 && value.at[0] == ' ')
		value = (struct span){ value.at + 1, value.len - 1 };

	if (is_text(key, "name"))
		algorithm->name = value;
	else if (is_text(key, "driver"))
		algorithm->driver = value;
	else if (is_text(key, "type"))
		algorithm->type = value;
	else if (is_text(key, "priority"))
		algorithm->priority = to_number(value);
}

/* Cuts the next algorithm off: its lines, up to an empty one. False at the end. */
static bool next_algorithm(struct span *text, struct algorithm *ret_algorithm)
{
	struct algorithm algorithm = { .priority = 0 };
	struct span line;
	bool any = false;

	while (next_line(text, &line)) {
		if (line.len == 0 && any)
			break;
		take_line(&algorithm, line);
		any = true;
	}
	*ret_algorithm = algorithm;
	return any;
}

static bool is_cipher(const struct algorithm *algorithm)
{
	/* lskcipher: since Linux 6.7, for ciphers that work on plain memory; dm-crypt takes both.
	 */
	return is_text(algorithm->type, "skcipher") || is_text(algorithm->type, "lskcipher");
}

static int find_best(struct span crypto, const char *name, char **ret_driver)
{
	struct algorithm algorithm, best = { .name = { NULL, 0 } };
	char *driver;

	while (next_algorithm(&crypto, &algorithm)) {
		if (!is_cipher(&algorithm) || !is_text(algorithm.name, name))
			continue;
		if (!best.name.at || algorithm.priority > best.priority)
			best = algorithm;
	}
	if (!best.driver.at)
		return -ENOENT;
	driver = strndup(best.driver.at, best.driver.len);
	if (!driver)
		return -ENOMEM;
	*ret_driver = driver;
	return 0;
}

/*
 * dm-crypt's cipher in the kernel's own words: "aes-xts-plain64" is xts(aes); the essiv template
 * has been a cipher of its own since Linux 5.4.
 */
static int name_cipher(const char *cipher, bool essiv, char **ret_name)
{
	size_t algorithm = strcspn(cipher, "-");
	const char *mode = cipher + algorithm + (cipher[algorithm] == '-' ? 1 : 0);
	size_t mode_len = strcspn(mode, "-");
	const char *hash = strstr(mode, "-essiv:");
	int n;

	if (algorithm == 0 || mode_len == 0 || (essiv && !hash))
		return -EINVAL;
	if (essiv)
		n = asprintf(ret_name, "essiv(%.*s(%.*s),%s)", (int)mode_len, mode, (int)algorithm,
			     cipher, hash + strlen("-essiv:"));
	else
		n = asprintf(ret_name, "%.*s(%.*s)", (int)mode_len, mode, (int)algorithm, cipher);
	if (n < 0) {
		*ret_name = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int find_named(struct span crypto, const char *cipher, bool essiv, char **ret_driver)
{
	px_auto(free) char *name = NULL;
	int r = name_cipher(cipher, essiv, &name);

	return r < 0 ? r : find_best(crypto, name, ret_driver);
}

int px_driver_find(const char *crypto, size_t len, const char *cipher, char **ret_driver)
{
	const struct span text = { crypto, len };
	int r = -ENOENT;

	if (strstr(cipher, "-essiv:"))
		r = find_named(text, cipher, true, ret_driver);
	return r == -ENOENT ? find_named(text, cipher, false, ret_driver) : r;
}

/* A file of /proc, whose size is not known before it is read. */
static int read_file(const char *path, char **ret_text, size_t *ret_len)
{
	px_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	px_auto(free) char *text = malloc(PROC_CRYPTO_MAX);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (!text)
		return -ENOMEM;
	do {
		n = read(fd, text + len, PROC_CRYPTO_MAX - len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
	} while (n > 0 && len < PROC_CRYPTO_MAX);
	*ret_text = px_steal(&text);
	*ret_len = len;
	return 0;
}

int px_driver_of(const char *cipher, char **ret_driver)
{
	px_auto(free) char *text = NULL;
	size_t len = 0;
	int r = read_file(PROC_CRYPTO, &text, &len);

	return r < 0 ? r : px_driver_find(text, len, cipher, ret_driver);
}
