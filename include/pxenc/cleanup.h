/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CLEANUP_H
#define PXENC_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/*
 * Owned locals: px_auto(free) char *s = NULL; hand over with px_steal(&s).
 * px_auto(name) calls name##_cleanup with the variable's address at the end of the scope.
 */
#define px_auto(name) px_cleanup(px_##name##_cleanup)

/* The same with a function of any name. */
#define px_cleanup(function) __attribute__((cleanup(function)))

#define px_steal(ptr)                                                                              \
	__extension__({                                                                            \
		__typeof__(ptr) px_steal_ptr_ = (ptr);                                             \
		__typeof__(*px_steal_ptr_) px_steal_val_ = *px_steal_ptr_;                         \
		*px_steal_ptr_ = NULL;                                                             \
		px_steal_val_;                                                                     \
	})

#define PX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define PX_MUST_CHECK __attribute__((warn_unused_result))

static inline void px_free_cleanup(void *p)
{
	free(*(void **)p);
}

static inline void px_fd_cleanup(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#endif
