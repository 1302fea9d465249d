/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/cmd.h"

/* The command table, which is the help as well. A new command is one file and one row. */
const struct px_command px_commands[] = {
	{ "format",
	  "DEVICE [--secret PATH | --cluster-key | --generate] [--fstype TYPE] [--auto]\n"
	  "                    [--label L] [--cipher C] [--sector-size N] [--recovery-key] "
	  "[--force]",
	  "make DEVICE an encrypted volume whose key lies in the store", px_cmd_format },
	{ "open",
	  "DEVICE [NAME] [-o OPTIONS] [--test] [--service]\n"
	  "  open --all [DEVICE …] [-o OPTIONS] [--test] [--json]",
	  "unlock a volume as /dev/mapper/NAME, or only prove its key; --all: many at once,\n"
	  "                  those named, or all of this machine that boot may open",
	  px_cmd_open },
	{ "close", "NAME|DEVICE [--deferred | --force] | --stuck [--force]", "lock a volume again",
	  px_cmd_close },
	{ "resize", "NAME|DEVICE [-o OPTIONS]", "make a volume as large as its device is now",
	  px_cmd_resize },
	{ "suspend", "NAME|DEVICE", "take a volume's key from the kernel; its I/O waits",
	  px_cmd_suspend },
	{ "resume", "NAME|DEVICE [-o OPTIONS]", "fetch the key again, and let the I/O go on",
	  px_cmd_resume },
	{ "guard", "[--interval SECONDS]",
	  "suspend the volumes whose secrets the store withdraws; a service", px_cmd_guard },
	{ "status", "[NAME|DEVICE …] [--json]", "show what is open, and how", px_cmd_status },
	{ "doctor", "[DEVICE] [--json]",
	  "check every link of the chain, to the store or to DEVICE's key; changes nothing",
	  px_cmd_doctor },
	{ "enroll",
	  "DEVICE [--secret PATH | --cluster-key | --generate] [--recovery-key] [--auto]\n"
	  "                    [--key-file F | --present-secret PATH]",
	  "take over a LUKS2 volume that was made elsewhere", px_cmd_enroll },
	{ "rotate",
	  "{DEVICE | --all [DEVICE …]} [--secret PATH | --cluster-key | --generate]\n"
	  "                    [--keep-old] [--reencrypt [--force]]",
	  "change the key of a volume, open or not; --all: of those named, or of all that there "
	  "are",
	  px_cmd_rotate },
	{ "erase", "DEVICE [--force]",
	  "destroy a volume for good: its keyslots, its own secrets, its header backup",
	  px_cmd_erase },
	{ "header backup", "DEVICE", "put a backup of a volume's header into the store",
	  px_cmd_header_backup },
	{ "header restore", "DEVICE [--uuid UUID] [--force]",
	  "write a lost or broken header anew, from its backup in the store",
	  px_cmd_header_restore },
	{ "header seal", "DEVICE [--force]",
	  "show what was changed in a header, and accept it by sealing it anew",
	  px_cmd_header_seal },
	{ "secrets dcos login",
	  "{--username U [--password P | --password-stdin] | --service-account F}\n"
	  "                    [--base-path B] [--persist]",
	  "log this machine in to DC/OS: until it restarts, or with --persist for good",
	  px_cmd_login },
	{ "secrets dcos logout", "", "forget the login", px_cmd_logout },
	{ "secrets set-cluster-key", "--secret PATH",
	  "make a secret the cluster-wide key: once, for all nodes", px_cmd_set_cluster_key },
	{ "secrets create", "PATH [--value=V | --value-file F | --generate]", "create a secret",
	  px_cmd_secret_create },
	{ "secrets update", "PATH [--value=V | --value-file F | --generate] [--force]",
	  "replace a secret's value", px_cmd_secret_update },
	{ "secrets get", "PATH", "print a secret's value", px_cmd_secret_get },
	{ "secrets list", "[PATH] [--json]", "list the secrets below a path", px_cmd_secret_list },
	{ "secrets delete", "PATH [--force]", "delete a secret for good", px_cmd_secret_delete },
	{ "credentials create",
	  "--provider s3 [--s3-access-key A | --use-iam]\n"
	  "                    [--s3-secret-key K | --s3-secret-key-file F] [--s3-region R]\n"
	  "                    [--s3-endpoint E] [--s3-disable-ssl] [--s3-storage-class C]\n"
	  "                    [--disable-path-style] [OPTIONS] NAME\n"
	  "  credentials create --provider azure --azure-account-name A\n"
	  "                    [--azure-account-key K | --azure-account-key-file F] [OPTIONS] "
	  "NAME\n"
	  "  credentials create --provider google --google-project-id P\n"
	  "                    --google-json-key-file F [OPTIONS] NAME\n"
	  "  OPTIONS: [--bucket B] [--encryption-passphrase P | --encryption-passphrase-file F]",
	  "keep cloud credentials in the store, once they have proved good",
	  px_cmd_credentials_create },
	{ "credentials list", "[--json]", "list cloud credentials, without what is secret",
	  px_cmd_credentials_list },
	{ "credentials validate", "NAME", "try cloud credentials", px_cmd_credentials_validate },
	{ "credentials delete", "NAME [--force]", "delete cloud credentials for good",
	  px_cmd_credentials_delete },
	{ "credentials exec", "NAME -- COMMAND [ARGUMENT …]",
	  "run a command with cloud credentials in its environment", px_cmd_credentials_exec },
	{ "token-key", "DEVICE UUID <HEADER", "for cryptsetup's plugin, not for people",
	  px_cmd_token_key },
	{ NULL, NULL, NULL, NULL },
};
