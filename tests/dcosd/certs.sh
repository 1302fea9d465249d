#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
#
# certs.sh DIRECTORY: makes a CA (ca.crt, ca.key) and a server certificate that it signed
# (server.crt, server.key), for pxenc-dcosd and the tests that use it.
set -eu

[ $# -eq 1 ] || { echo "usage: certs.sh DIRECTORY" >&2; exit 1; }
mkdir -p "$1"
cd "$1"

for key in ca.key server.key; do
	(umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key")
done
openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=pxenc test CA" -out ca.crt \
	-addext "keyUsage=critical,keyCertSign,cRLSign"
openssl req -new -key server.key -subj "/CN=master.mesos" -out server.csr
cat >server.ext <<EOF
basicConstraints=CA:FALSE
keyUsage=digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,DNS:master.mesos,IP:127.0.0.1,IP:127.0.0.2,IP:::1
EOF
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -set_serial 1 -days 3650 \
	-extfile server.ext -out server.crt 2>/dev/null
rm server.csr server.ext
