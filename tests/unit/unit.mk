# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
#
# The unit tests: one program for each module. Calls that cannot be made to fail otherwise are
# wrapped (ld --wrap), so that every error path runs.

unit_tests = tests/unit/test_status \
	tests/unit/test_apart \
	tests/unit/test_await \
	tests/unit/test_clock \
	tests/unit/test_close_stuck \
	tests/unit/test_find \
	tests/unit/test_flock \
	tests/unit/test_strv \
	tests/unit/test_path \
	tests/unit/test_printable \
	tests/unit/test_options \
	tests/unit/test_secret \
	tests/unit/test_key \
	tests/unit/test_file \
	tests/unit/test_io \
	tests/unit/test_log \
	tests/unit/test_members \
	tests/unit/test_slots \
	tests/unit/test_worker \
	tests/unit/test_config \
	tests/unit/test_child \
	tests/unit/test_resolve \
	tests/unit/test_unlock \
	tests/unit/test_mount \
	tests/unit/test_probe \
	tests/unit/test_token \
	tests/unit/test_header \
	tests/unit/test_helpers \
	tests/unit/test_backup \
	tests/unit/test_block \
	tests/unit/test_manifest \
	tests/unit/test_seal_diff \
	tests/unit/test_seal \
	tests/unit/test_image \
	tests/unit/test_luks \
	tests/unit/test_luks_again \
	tests/unit/test_change \
	tests/unit/test_probe_header \
	tests/unit/test_mark \
	tests/unit/test_mapping \
	tests/unit/test_disks \
	tests/unit/test_dm \
	tests/unit/test_dm_release \
	tests/unit/test_dm_stack \
	tests/unit/test_dm_suspend \
	tests/unit/test_dm_target \
	tests/unit/test_lock \
	tests/unit/test_driver \
	tests/unit/test_peek \
	tests/unit/test_plugin \
	tests/unit/test_vital \
	tests/unit/test_watched \
	tests/unit/test_frame \
	tests/unit/test_account \
	tests/unit/test_acs \
	tests/unit/test_cloud \
	tests/unit/test_sigv4 \
	tests/unit/test_credentials \
	tests/unit/test_persist \
	tests/unit/test_stale \
	tests/unit/test_store \
	tests/unit/test_turn \
	tests/unit/test_http \
	tests/unit/test_route \
	tests/unit/test_dcos \
	tests/unit/test_sandbox

unit_support = tests/unit/support.c tests/unit/support.h
unit_cppflags = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(CRYPTSETUP_CFLAGS) $(DEVMAPPER_CFLAGS) \
	$(BLKID_CFLAGS) $(MOUNT_CFLAGS) $(CRYPTO_CFLAGS) $(CURL_CFLAGS) $(SECCOMP_CFLAGS) \
	-I$(top_srcdir)/tests/unit -I$(top_srcdir)/src
unit_wraps = -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=strdup -Wl,--wrap=strndup \
	-Wl,--wrap=reallocarray -Wl,--wrap=asprintf -Wl,--wrap=__asprintf_chk

tests_unit_test_status_SOURCES = tests/unit/test_status.c $(unit_support)
tests_unit_test_status_CPPFLAGS = $(unit_cppflags)
tests_unit_test_status_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_status_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_clock_SOURCES = tests/unit/test_clock.c $(unit_support)
tests_unit_test_clock_CPPFLAGS = $(unit_cppflags)
tests_unit_test_clock_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_clock_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_close_stuck_SOURCES = tests/unit/test_close_stuck.c src/cmd/close-stuck.c \
	$(unit_support)
tests_unit_test_close_stuck_CPPFLAGS = $(unit_cppflags)
tests_unit_test_close_stuck_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_close_stuck_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_find_SOURCES = tests/unit/test_find.c src/cmd/find.c $(unit_support)
tests_unit_test_find_CPPFLAGS = $(unit_cppflags)
tests_unit_test_find_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_find_LDADD = libpxvolume.a libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_flock_SOURCES = tests/unit/test_flock.c $(unit_support)
tests_unit_test_flock_CPPFLAGS = $(unit_cppflags)
tests_unit_test_flock_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) -Wl,--wrap=flock
tests_unit_test_flock_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_strv_SOURCES = tests/unit/test_strv.c $(unit_support)
tests_unit_test_strv_CPPFLAGS = $(unit_cppflags)
tests_unit_test_strv_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_strv_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_path_SOURCES = tests/unit/test_path.c $(unit_support)
tests_unit_test_path_CPPFLAGS = $(unit_cppflags)
tests_unit_test_path_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_path_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_printable_SOURCES = tests/unit/test_printable.c $(unit_support)
tests_unit_test_printable_CPPFLAGS = $(unit_cppflags)
tests_unit_test_printable_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_printable_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_options_SOURCES = tests/unit/test_options.c $(unit_support)
tests_unit_test_options_CPPFLAGS = $(unit_cppflags)
tests_unit_test_options_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_options_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_secret_SOURCES = tests/unit/test_secret.c $(unit_support)
tests_unit_test_secret_CPPFLAGS = $(unit_cppflags)
tests_unit_test_secret_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=munmap -Wl,--wrap=mlock -Wl,--wrap=madvise -Wl,--wrap=read
tests_unit_test_secret_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_key_SOURCES = tests/unit/test_key.c $(unit_support)
tests_unit_test_key_CPPFLAGS = $(unit_cppflags)
tests_unit_test_key_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=getrandom -Wl,--wrap=mmap
tests_unit_test_key_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_file_SOURCES = tests/unit/test_file.c $(unit_support)
tests_unit_test_file_CPPFLAGS = $(unit_cppflags)
tests_unit_test_file_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=fstat -Wl,--wrap=read -Wl,--wrap=mlock
tests_unit_test_file_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_io_SOURCES = tests/unit/test_io.c $(unit_support)
tests_unit_test_io_CPPFLAGS = $(unit_cppflags)
tests_unit_test_io_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=read -Wl,--wrap=write -Wl,--wrap=pread -Wl,--wrap=pwrite
tests_unit_test_io_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_log_SOURCES = tests/unit/test_log.c $(unit_support)
tests_unit_test_log_CPPFLAGS = $(unit_cppflags)
tests_unit_test_log_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=write -Wl,--wrap=px_console_say
tests_unit_test_log_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_members_SOURCES = tests/unit/test_members.c $(unit_support)
tests_unit_test_members_CPPFLAGS = $(unit_cppflags)
tests_unit_test_members_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_members_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_slots_SOURCES = tests/unit/test_slots.c $(unit_support)
tests_unit_test_slots_CPPFLAGS = $(unit_cppflags)
tests_unit_test_slots_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=open -Wl,--wrap=read
tests_unit_test_slots_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_worker_SOURCES = tests/unit/test_worker.c $(unit_support)
tests_unit_test_worker_CPPFLAGS = $(unit_cppflags)
tests_unit_test_worker_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=fork -Wl,--wrap=__gcov_fork -Wl,--wrap=pipe2 -Wl,--wrap=waitpid \
	-Wl,--wrap=fstat
tests_unit_test_worker_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_config_SOURCES = tests/unit/test_config.c $(unit_support)
tests_unit_test_config_CPPFLAGS = $(unit_cppflags)
tests_unit_test_config_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=access -Wl,--wrap=open
tests_unit_test_config_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_child_SOURCES = tests/unit/test_child.c $(unit_support)
tests_unit_test_child_CPPFLAGS = $(unit_cppflags)
tests_unit_test_child_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=fork -Wl,--wrap=__gcov_fork -Wl,--wrap=pipe2 -Wl,--wrap=fcntl -Wl,--wrap=read \
	-Wl,--wrap=waitid -Wl,--wrap=poll -Wl,--wrap=syscall -Wl,--wrap=prctl \
	-Wl,--wrap=getppid -Wl,--wrap=open -Wl,--wrap=dup2 -Wl,--wrap=lseek -Wl,--wrap=write \
	-Wl,--wrap=memfd_create -Wl,--wrap=_exit -Wl,--wrap=close_range
tests_unit_test_child_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_apart_SOURCES = tests/unit/test_apart.c $(unit_support)
tests_unit_test_apart_CPPFLAGS = $(unit_cppflags)
tests_unit_test_apart_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=fork -Wl,--wrap=__gcov_fork -Wl,--wrap=waitpid -Wl,--wrap=poll \
	-Wl,--wrap=syscall -Wl,--wrap=_exit
tests_unit_test_apart_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_await_SOURCES = tests/unit/test_await.c $(unit_support)
tests_unit_test_await_CPPFLAGS = $(unit_cppflags)
tests_unit_test_await_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) -Wl,--wrap=poll
tests_unit_test_await_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_resolve_SOURCES = tests/unit/test_resolve.c src/resolve.c $(unit_support)
tests_unit_test_resolve_CPPFLAGS = $(unit_cppflags)
tests_unit_test_resolve_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_resolve_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_unlock_SOURCES = tests/unit/test_unlock.c src/unlock.c src/resolve.c $(unit_support)
tests_unit_test_unlock_CPPFLAGS = $(unit_cppflags)
tests_unit_test_unlock_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=stat -Wl,--wrap=nanosleep
tests_unit_test_unlock_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_mount_SOURCES = tests/unit/test_mount.c $(unit_support)
tests_unit_test_mount_CPPFLAGS = $(unit_cppflags)
tests_unit_test_mount_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mnt_new_context -Wl,--wrap=mnt_free_context \
	-Wl,--wrap=mnt_context_enable_fake -Wl,--wrap=mnt_context_enable_sloppy \
	-Wl,--wrap=mnt_context_disable_mtab -Wl,--wrap=mnt_context_set_source \
	-Wl,--wrap=mnt_context_set_target -Wl,--wrap=mnt_context_set_fstype \
	-Wl,--wrap=mnt_context_set_options -Wl,--wrap=mnt_context_set_target_ns \
	-Wl,--wrap=mnt_context_mount -Wl,--wrap=mnt_context_get_excode \
	-Wl,--wrap=mnt_new_table_from_file -Wl,--wrap=mnt_new_iter
tests_unit_test_mount_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_probe_SOURCES = tests/unit/test_probe.c $(unit_support)
tests_unit_test_probe_CPPFLAGS = $(unit_cppflags)
tests_unit_test_probe_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=blkid_do_safeprobe -Wl,--wrap=blkid_new_probe_from_filename
tests_unit_test_probe_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_token_SOURCES = tests/unit/test_token.c $(unit_support)
tests_unit_test_token_CPPFLAGS = $(unit_cppflags)
tests_unit_test_token_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_token_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_header_SOURCES = tests/unit/test_header.c $(unit_support)
tests_unit_test_header_CPPFLAGS = $(unit_cppflags)
tests_unit_test_header_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_header_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_helpers_SOURCES = tests/unit/test_helpers.c src/volume/helpers.c $(unit_support)
tests_unit_test_helpers_CPPFLAGS = $(unit_cppflags)
tests_unit_test_helpers_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_helpers_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_backup_SOURCES = tests/unit/test_backup.c $(unit_support)
tests_unit_test_backup_CPPFLAGS = $(unit_cppflags)
tests_unit_test_backup_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=memfd_create -Wl,--wrap=ftruncate -Wl,--wrap=pread -Wl,--wrap=pwrite \
	-Wl,--wrap=fsync -Wl,--wrap=getrandom -Wl,--wrap=EVP_MD_CTX_new -Wl,--wrap=px_mac \
	-Wl,--wrap=fstat -Wl,--wrap=crypt_metadata_locking
tests_unit_test_backup_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_block_SOURCES = tests/unit/test_block.c $(unit_support)
tests_unit_test_block_CPPFLAGS = $(unit_cppflags)
tests_unit_test_block_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=opendir -Wl,--wrap=readdir
tests_unit_test_block_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_manifest_SOURCES = tests/unit/test_manifest.c src/cmd/manifest.c $(unit_support)
tests_unit_test_manifest_CPPFLAGS = $(unit_cppflags)
tests_unit_test_manifest_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_manifest_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_seal_diff_SOURCES = tests/unit/test_seal_diff.c $(unit_support)
tests_unit_test_seal_diff_CPPFLAGS = $(unit_cppflags)
tests_unit_test_seal_diff_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_seal_diff_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_seal_SOURCES = tests/unit/test_seal.c $(unit_support)
tests_unit_test_seal_CPPFLAGS = $(unit_cppflags)
tests_unit_test_seal_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=EVP_KDF_fetch -Wl,--wrap=EVP_KDF_derive -Wl,--wrap=EVP_MAC_fetch \
	-Wl,--wrap=EVP_MAC_init -Wl,--wrap=px_secret_new
tests_unit_test_seal_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_luks_SOURCES = tests/unit/test_luks.c $(unit_support)
tests_unit_test_luks_CPPFLAGS = $(unit_cppflags)
tests_unit_test_luks_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=crypt_init -Wl,--wrap=crypt_load -Wl,--wrap=crypt_dump_json \
	-Wl,--wrap=crypt_format -Wl,--wrap=crypt_set_pbkdf_type \
	-Wl,--wrap=crypt_keyslot_set_encryption -Wl,--wrap=crypt_keyslot_add_by_volume_key \
	-Wl,--wrap=crypt_token_json_set -Wl,--wrap=crypt_metadata_locking \
	-Wl,--wrap=crypt_activate_by_passphrase -Wl,--wrap=crypt_deactivate_by_name \
	-Wl,--wrap=fstat -Wl,--wrap=lseek -Wl,--wrap=pread -Wl,--wrap=px_seal_verify \
	-Wl,--wrap=open
tests_unit_test_luks_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_luks_again_SOURCES = tests/unit/test_luks_again.c $(unit_support)
tests_unit_test_luks_again_CPPFLAGS = $(unit_cppflags)
tests_unit_test_luks_again_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=crypt_resume_by_passphrase -Wl,--wrap=crypt_activate_by_passphrase \
	-Wl,--wrap=crypt_resize -Wl,--wrap=crypt_get_active_device
tests_unit_test_luks_again_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_probe_header_SOURCES = tests/unit/test_probe_header.c tests/unit/luks_samples.h $(unit_support)
tests_unit_test_probe_header_CPPFLAGS = $(unit_cppflags)
tests_unit_test_probe_header_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_probe_header_LDADD = libpxprobe.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_mark_SOURCES = tests/unit/test_mark.c tests/unit/luks_samples.h $(unit_support)
tests_unit_test_mark_CPPFLAGS = $(unit_cppflags)
tests_unit_test_mark_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_mark_LDADD = libpxprobe.a libpxvolume.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) \
	$(CMOCKA_LIBS)

tests_unit_test_image_SOURCES = tests/unit/test_image.c $(unit_support)
tests_unit_test_image_CPPFLAGS = $(unit_cppflags)
tests_unit_test_image_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=memfd_create -Wl,--wrap=ftruncate -Wl,--wrap=pread -Wl,--wrap=pwrite \
	-Wl,--wrap=fsync -Wl,--wrap=stat -Wl,--wrap=open -Wl,--wrap=__open_2
tests_unit_test_image_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_change_SOURCES = tests/unit/test_change.c $(unit_support)
tests_unit_test_change_CPPFLAGS = $(unit_cppflags)
tests_unit_test_change_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=crypt_set_pbkdf_type -Wl,--wrap=crypt_keyslot_set_encryption \
	-Wl,--wrap=crypt_keyslot_add_by_volume_key -Wl,--wrap=crypt_keyslot_destroy \
	-Wl,--wrap=crypt_volume_key_get -Wl,--wrap=crypt_token_json_set \
	-Wl,--wrap=crypt_dump_json -Wl,--wrap=crypt_set_label \
	-Wl,--wrap=crypt_metadata_locking -Wl,--wrap=crypt_keyslot_add_by_key \
	-Wl,--wrap=crypt_reencrypt_init_by_passphrase -Wl,--wrap=crypt_reencrypt_run \
	-Wl,--wrap=crypt_set_data_device -Wl,--wrap=px_header_finish -Wl,--wrap=px_luks2_read \
	-Wl,--wrap=fcntl
tests_unit_test_change_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_mapping_SOURCES = tests/unit/test_mapping.c $(unit_support)
tests_unit_test_mapping_CPPFLAGS = $(unit_cppflags)
tests_unit_test_mapping_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=fdopendir -Wl,--wrap=read -Wl,--wrap=readdir
tests_unit_test_mapping_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_disks_SOURCES = tests/unit/test_disks.c $(unit_support)
tests_unit_test_disks_CPPFLAGS = $(unit_cppflags)
tests_unit_test_disks_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=fdopendir
tests_unit_test_disks_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dm_SOURCES = tests/unit/test_dm.c $(unit_support)
tests_unit_test_dm_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dm_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=access -Wl,--wrap=dm_task_create -Wl,--wrap=dm_task_set_name \
	-Wl,--wrap=dm_task_secure_data -Wl,--wrap=dm_task_run -Wl,--wrap=dm_task_get_errno \
	-Wl,--wrap=dm_task_get_info -Wl,--wrap=dm_get_next_target -Wl,--wrap=dm_task_destroy
tests_unit_test_dm_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dm_release_SOURCES = tests/unit/test_dm_release.c $(unit_support)
tests_unit_test_dm_release_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dm_release_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=access -Wl,--wrap=px_apart -Wl,--wrap=dm_task_create \
	-Wl,--wrap=dm_task_set_name -Wl,--wrap=dm_task_no_flush -Wl,--wrap=dm_task_skip_lockfs \
	-Wl,--wrap=dm_task_deferred_remove -Wl,--wrap=dm_task_add_target -Wl,--wrap=dm_task_run \
	-Wl,--wrap=dm_task_get_errno -Wl,--wrap=dm_task_get_info \
	-Wl,--wrap=dm_get_next_target -Wl,--wrap=dm_task_destroy \
	-Wl,--wrap=dm_task_update_nodes
tests_unit_test_dm_release_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dm_stack_SOURCES = tests/unit/test_dm_stack.c $(unit_support)
tests_unit_test_dm_stack_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dm_stack_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=access -Wl,--wrap=dm_task_create -Wl,--wrap=dm_task_set_name \
	-Wl,--wrap=dm_task_set_uuid -Wl,--wrap=dm_task_add_target \
	-Wl,--wrap=dm_task_set_cookie -Wl,--wrap=dm_udev_wait -Wl,--wrap=dm_task_run \
	-Wl,--wrap=dm_task_get_errno -Wl,--wrap=dm_task_secure_data \
	-Wl,--wrap=dm_task_no_flush -Wl,--wrap=dm_task_skip_lockfs -Wl,--wrap=dm_task_get_info \
	-Wl,--wrap=dm_get_next_target -Wl,--wrap=dm_task_destroy
tests_unit_test_dm_stack_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dm_suspend_SOURCES = tests/unit/test_dm_suspend.c $(unit_support)
tests_unit_test_dm_suspend_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dm_suspend_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=access -Wl,--wrap=dm_task_create -Wl,--wrap=dm_task_set_name \
	-Wl,--wrap=dm_task_set_sector -Wl,--wrap=dm_task_set_message -Wl,--wrap=dm_task_run \
	-Wl,--wrap=dm_task_get_errno -Wl,--wrap=dm_task_destroy
tests_unit_test_dm_suspend_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dm_target_SOURCES = tests/unit/test_dm_target.c $(unit_support)
tests_unit_test_dm_target_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dm_target_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_dm_target_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_lock_SOURCES = tests/unit/test_lock.c $(unit_support)
tests_unit_test_lock_CPPFLAGS = $(unit_cppflags)
tests_unit_test_lock_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_lock_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_driver_SOURCES = tests/unit/test_driver.c $(unit_support)
tests_unit_test_driver_CPPFLAGS = $(unit_cppflags)
tests_unit_test_driver_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=open -Wl,--wrap=read
tests_unit_test_driver_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_peek_SOURCES = tests/unit/test_peek.c src/cmd/peek.c $(unit_support)
tests_unit_test_peek_CPPFLAGS = $(unit_cppflags)
tests_unit_test_peek_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=fork -Wl,--wrap=__gcov_fork -Wl,--wrap=waitpid -Wl,--wrap=px_await
tests_unit_test_peek_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_plugin_SOURCES = tests/unit/test_plugin.c $(plugin_sources) $(unit_support)
tests_unit_test_plugin_CPPFLAGS = $(unit_cppflags)
tests_unit_test_plugin_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=poll -Wl,--wrap=read -Wl,--wrap=mlock -Wl,--wrap=memfd_create
tests_unit_test_plugin_LDADD = libpxcore.a $(CMOCKA_LIBS)

tests_unit_test_vital_SOURCES = tests/unit/test_vital.c $(unit_support)
tests_unit_test_vital_CPPFLAGS = $(unit_cppflags)
tests_unit_test_vital_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=px_mount_device -Wl,--wrap=stat -Wl,--wrap=readdir -Wl,--wrap=openat \
	-Wl,--wrap=getline -Wl,--wrap=__getdelim -Wl,--wrap=ferror
tests_unit_test_vital_LDADD = libpxvolume.a libpxcore.a $(VOLUME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_watched_SOURCES = tests/unit/test_watched.c src/cmd/watched.c $(unit_support)
tests_unit_test_watched_CPPFLAGS = $(unit_cppflags)
tests_unit_test_watched_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps)
tests_unit_test_watched_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_frame_SOURCES = tests/unit/test_frame.c $(unit_support)
tests_unit_test_frame_CPPFLAGS = $(unit_cppflags)
tests_unit_test_frame_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=poll -Wl,--wrap=read -Wl,--wrap=write
tests_unit_test_frame_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_account_SOURCES = tests/unit/test_account.c $(unit_support)
tests_unit_test_account_CPPFLAGS = $(unit_cppflags)
tests_unit_test_account_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=BIO_new_mem_buf -Wl,--wrap=EVP_MD_CTX_new \
	-Wl,--wrap=EVP_DigestSign
tests_unit_test_account_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_acs_SOURCES = tests/unit/test_acs.c $(unit_support)
tests_unit_test_acs_CPPFLAGS = $(unit_cppflags)
tests_unit_test_acs_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=renameat -Wl,--wrap=unlinkat -Wl,--wrap=flock \
	-Wl,--wrap=EVP_MD_CTX_new -Wl,--wrap=fdopendir -Wl,--wrap=px_now_ms
tests_unit_test_acs_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_cloud_SOURCES = tests/unit/test_cloud.c $(unit_support)
tests_unit_test_cloud_CPPFLAGS = $(unit_cppflags)
tests_unit_test_cloud_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap
tests_unit_test_cloud_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_sigv4_SOURCES = tests/unit/test_sigv4.c $(unit_support)
tests_unit_test_sigv4_CPPFLAGS = $(unit_cppflags)
tests_unit_test_sigv4_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=HMAC -Wl,--wrap=EVP_Digest
tests_unit_test_sigv4_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_credentials_SOURCES = tests/unit/test_credentials.c $(unit_support)
tests_unit_test_credentials_CPPFLAGS = $(unit_cppflags)
tests_unit_test_credentials_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap
tests_unit_test_credentials_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) \
	$(CMOCKA_LIBS)

tests_unit_test_persist_SOURCES = tests/unit/test_persist.c $(unit_support)
tests_unit_test_persist_CPPFLAGS = $(unit_cppflags)
tests_unit_test_persist_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=fsync -Wl,--wrap=flock -Wl,--wrap=openat \
	-Wl,--wrap=renameat -Wl,--wrap=unlinkat -Wl,--wrap=poll -Wl,--wrap=geteuid \
	-Wl,--wrap=access -Wl,--wrap=faccessat -Wl,--wrap=linkat
tests_unit_test_persist_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_stale_SOURCES = tests/unit/test_stale.c src/volume/stale.c $(unit_support)
tests_unit_test_stale_CPPFLAGS = $(unit_cppflags)
tests_unit_test_stale_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=nanosleep -Wl,--wrap=px_deadline_in -Wl,--wrap=px_deadline_left
tests_unit_test_stale_LDADD = libpxcore.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_store_SOURCES = tests/unit/test_store.c $(unit_support)
tests_unit_test_store_CPPFLAGS = $(unit_cppflags)
tests_unit_test_store_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=px_child_start -Wl,--wrap=mmap -Wl,--wrap=flock -Wl,--wrap=renameat \
	-Wl,--wrap=unlinkat -Wl,--wrap=px_account_sign \
	-Wl,--wrap=px_now_ms
tests_unit_test_store_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_turn_SOURCES = tests/unit/test_turn.c $(unit_support)
tests_unit_test_turn_CPPFLAGS = $(unit_cppflags)
tests_unit_test_turn_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) -Wl,--wrap=fcntl
tests_unit_test_turn_LDADD = libpxstore.a libpxcore.a $(CRYPTO_LIBS) $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_http_SOURCES = tests/unit/test_http.c tests/unit/peers.h $(unit_support)
tests_unit_test_http_CPPFLAGS = $(unit_cppflags)
tests_unit_test_http_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=curl_easy_init -Wl,--wrap=curl_easy_setopt \
	-Wl,--wrap=curl_easy_perform -Wl,--wrap=curl_easy_getinfo -Wl,--wrap=curl_slist_append \
	-Wl,--wrap=curl_url -Wl,--wrap=curl_global_init -Wl,--wrap=getaddrinfo \
	-Wl,--wrap=freeaddrinfo -Wl,--wrap=getnameinfo
tests_unit_test_http_LDADD = libpxfetch.a libpxstore.a libpxcore.a $(FETCH_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

tests_unit_test_route_SOURCES = tests/unit/test_route.c tests/unit/peers.h $(unit_support)
tests_unit_test_route_CPPFLAGS = $(unit_cppflags)
tests_unit_test_route_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=px_http_resolve -Wl,--wrap=px_http_new -Wl,--wrap=px_http_ask \
	-Wl,--wrap=px_now_ms -Wl,--wrap=px_deadline_left -Wl,--wrap=nanosleep \
	-Wl,--wrap=getrandom -Wl,--wrap=px_sandbox_is_outdated
tests_unit_test_route_LDADD = libpxfetch.a libpxstore.a libpxcore.a $(FETCH_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dcos_SOURCES = tests/unit/test_dcos.c $(unit_support)
tests_unit_test_dcos_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dcos_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=mmap -Wl,--wrap=px_route_is_stale -Wl,--wrap=px_route_has_expired \
	-Wl,--wrap=px_route_ask -Wl,--wrap=setitimer
tests_unit_test_dcos_LDADD = libpxfetch.a libpxstore.a libpxcore.a $(FETCH_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c $(unit_support)
tests_unit_test_sandbox_CPPFLAGS = $(unit_cppflags)
tests_unit_test_sandbox_LDFLAGS = $(AM_LDFLAGS) $(unit_wraps) \
	-Wl,--wrap=prctl -Wl,--wrap=setrlimit -Wl,--wrap=getrlimit -Wl,--wrap=close_range \
	-Wl,--wrap=setsid -Wl,--wrap=mlockall -Wl,--wrap=setgroups -Wl,--wrap=setresgid \
	-Wl,--wrap=setresuid -Wl,--wrap=geteuid -Wl,--wrap=getppid -Wl,--wrap=syscall \
	-Wl,--wrap=seccomp_load -Wl,--wrap=seccomp_init -Wl,--wrap=seccomp_rule_add_array \
	-Wl,--wrap=fopen -Wl,--wrap=getrandom -Wl,--wrap=open -Wl,--wrap=fstat
tests_unit_test_sandbox_LDADD = libpxfetch.a libpxstore.a libpxcore.a $(FETCH_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

# For scripts/test: TAP, one program after the other.
check-unit: $(unit_tests)
	@status=0; for test in $(unit_tests); do \
		echo "# $$test"; CMOCKA_MESSAGE_OUTPUT=tap ./$$test || status=1; \
	done; exit $$status
