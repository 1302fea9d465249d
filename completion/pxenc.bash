# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash
# Completion for pxenc(8). Words, devices and mappings alone: it never asks the store.

# The mappings that there are, without device-mapper's own node.
_pxenc_mappings() {
	local node
	for node in /dev/mapper/*; do
		[[ -b $node ]] && printf '%s\n' "${node##*/}"
	done
}

# Block devices below /dev; for anything else that looks like a path, files.
_pxenc_devices() {
	local path
	while IFS= read -r path; do
		if [[ -d $path ]]; then
			printf '%s/\n' "$path"
		elif [[ -b $path || $1 != /dev/* ]]; then
			printf '%s\n' "$path"
		fi
	done < <(compgen -f -- "$1")
}

# The words of the command so far, its options left out: "secrets dcos login".
_pxenc_command() {
	local i words=()
	for ((i = 1; i < COMP_CWORD && ${#words[@]} < 3; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || words+=("${COMP_WORDS[i]}")
	done
	case "${words[*]}" in
	'secrets dcos '*) echo "${words[*]:0:3}" ;;
	'header '* | 'secrets '* | 'credentials '*) echo "${words[*]:0:2}" ;;
	*) echo "${words[0]-}" ;;
	esac
}

# Its arguments, one a line, as all candidates are here.
_pxenc_list() { printf '%s\n' "$@"; }

# The values of an option that takes one. Fails where the word before is no such option.
_pxenc_value() {
	case $1 in
	--fstype) _pxenc_list ext4 xfs btrfs ;;
	--cipher)
		_pxenc_list aes-xts-plain64 serpent-xts-plain64 twofish-xts-plain64 \
			aes-cbc-essiv:sha256 xchacha12,aes-adiantum-plain64 \
			xchacha20,aes-adiantum-plain64
		;;
	--sector-size) _pxenc_list 512 1024 2048 4096 ;;
	-o | --options) _pxenc_list secret= cluster_key name= ro discard timeout= ;;
	--provider) _pxenc_list s3 azure google ;;
	--value-file | --key-file | --service-account | --*-key-file | --encryption-passphrase-file) compgen -f -- "$2" ;;
	--secret | --present-secret | --uuid | --interval | --label | --username | --password | --base-path | --value) ;;
	--s3-*key | --s3-region | --s3-endpoint | --s3-storage-class | --bucket) ;;
	--azure-account-* | --google-project-id | --encryption-passphrase) ;;
	*) return 1 ;;
	esac
}

# What may follow the command's words.
_pxenc_words() {
	local options=(--help --verbose)
	case $1 in
	'')
		options=(format open close resize suspend resume guard status doctor enroll rotate erase
			header secrets credentials --help --version)
		;;
	format)
		options+=(--secret --cluster-key --generate --fstype --auto --label --cipher
			--sector-size --recovery-key --force)
		;;
	enroll)
		options+=(--secret --cluster-key --generate --key-file --present-secret
			--recovery-key --auto)
		;;
	rotate) options+=(--secret --cluster-key --generate --keep-old --reencrypt --force --all) ;;
	open) options+=(--options --test --service --all --json) ;;
	erase | 'header seal') options+=(--force) ;;
	header) options=(backup restore seal) ;;
	'header restore') options+=(--uuid --force) ;;
	close) options+=(--deferred --force --stuck) ;;
	resize | resume) options+=(--options) ;;
	guard) options+=(--interval) ;;
	status | doctor | 'secrets list') options+=(--json) ;;
	secrets) options=(dcos set-cluster-key create update get list delete) ;;
	'secrets dcos') options=(login logout) ;;
	'secrets dcos login')
		options+=(--username --password-stdin --password --service-account --base-path
			--persist)
		;;
	'secrets set-cluster-key') options+=(--secret) ;;
	'secrets create') options+=(--value-file --generate --value=) ;;
	'secrets update') options+=(--value-file --generate --value= --force) ;;
	'secrets delete') options+=(--force) ;;
	credentials) options=(create list validate delete exec) ;;
	'credentials create')
		options+=(--provider --s3-access-key --s3-secret-key-file --s3-secret-key= --s3-region
			--s3-endpoint --s3-disable-ssl --s3-storage-class --disable-path-style --use-iam
			--bucket --azure-account-name --azure-account-key-file --azure-account-key=
			--google-project-id --google-json-key-file --encryption-passphrase-file
			--encryption-passphrase=)
		;;
	'credentials list') options+=(--json) ;;
	'credentials delete') options+=(--force) ;;
	esac
	_pxenc_list "${options[@]}"
}

# Options only after a dash; else the command's next word, or what it works on.
_pxenc_arguments() {
	if [[ $2 == -* ]]; then
		_pxenc_words "$1"
		return
	fi
	case $1 in
	'' | header | secrets | 'secrets dcos' | credentials) _pxenc_words "$1" ;;
	format | open | doctor | enroll | rotate | erase | 'header '*) _pxenc_devices "${2:-/dev/}" ;;
	close | resize | suspend | resume | status)
		_pxenc_mappings
		[[ $2 != */* ]] || _pxenc_devices "$2"
		;;
	esac
}

# compgen -W would expand what file names hold, $(…) included: so the candidates are compared here.
_pxenc() {
	local current=${COMP_WORDS[COMP_CWORD]} found candidate
	found=$(_pxenc_value "${COMP_WORDS[COMP_CWORD - 1]}" "$current") ||
		found=$(_pxenc_arguments "$(_pxenc_command)" "$current")
	COMPREPLY=()
	while IFS= read -r candidate; do
		[[ -n $candidate && $candidate == "$current"* ]] || continue
		[[ $candidate != *[!A-Za-z0-9._/,:=+@-]* ]] || printf -v candidate %q "$candidate"
		COMPREPLY+=("$candidate")
	done <<<"$found"
	case ${#COMPREPLY[@]},${COMPREPLY[0]-} in
	1,*/ | 1,*=) compopt -o nospace 2>/dev/null ;;
	esac
}

complete -F _pxenc pxenc
