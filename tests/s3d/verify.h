/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* AWS Signature Version 4, verified: on its own, so that a signer's mistake is no mistake here. */
#ifndef S3D_VERIFY_H
#define S3D_VERIFY_H

#include <time.h>

#define S3D_HEADERS_MAX 32

/* A request as it was received. */
struct s3d_request {
	char *method;
	char *target;	     /* path and query */
	size_t header_count; /* names in small letters */
	struct {
		char *name;
		char *value;
	} headers[S3D_HEADERS_MAX];
};

/* The value of a header, "" if there is none. */
const char *s3d_header(const struct s3d_request *request, const char *name);

/* The access key of the Authorization header, to be freed; "" if it is none of SigV4. */
char *s3d_access_key(const struct s3d_request *request);

/* NULL, or the error code of S3 for what is wrong with the signature. */
const char *s3d_verify(const struct s3d_request *request, const char *secret, const char *region,
		       time_t now);

#endif
