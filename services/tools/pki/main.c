/*
 * vu-pki: a small certificate authority for services on several machines.
 *
 *   certificate.c   keys and certificates
 *   revocations.c   the revocation list
 *   authority.c     the folder
 *
 * Exit codes are those of jarvis-voice-unlock: 0, 1 nothing to revoke, 2 usage
 * or something there already, 9 permission, 70 internal.
 */
#include "authority.h"

#include <getopt.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define EXIT_NOTHING    1
#define EXIT_USAGE      2
#define EXIT_PERMISSION 9
#define EXIT_INTERNAL   70

static const char USAGE[] =
    "usage: vu-pki init [--folder DIR] [--name NAME]\n"
    "       vu-pki issue NAME [--host HOST]… [--role ROLE,…] [--days N] [--folder DIR]\n"
    "       vu-pki revoke NAME [--folder DIR]\n"
    "       vu-pki refresh [--folder DIR]\n"
    "       vu-pki list [--folder DIR]\n"
    "\n"
    "Certificates for services on several machines (tls+tcp:// endpoints).\n"
    "\n"
    "  init      makes an authority in DIR; keep DIR on one machine, offline if you can\n"
    "  issue     makes or renews what host NAME needs, in DIR/issued/NAME; copy that folder to the\n"
    "            host as $VOICE_UNLOCK_HOME/tls\n"
    "  revoke    makes NAME's certificates void; copy DIR/issued/* to the other hosts again\n"
    "  refresh   signs the revocation list again, which holds for 30 days\n"
    "  list      what was issued, until when it holds, and what was revoked\n"
    "\n"
    "  --folder DIR   default ./voice-unlock-pki\n"
    "  --name NAME    of the authority, default voice-unlock\n"
    "  --host HOST    name or address as other hosts dial it; default NAME; up to 16\n"
    "  --role ROLE    what the host calls other hosts for, with commas between: orchestrator (a suite that\n"
    "                 uses models, features or antispoof elsewhere), features, antispoof (services that\n"
    "                 fetch audio from elsewhere), or none: it only serves; default as before, else none\n"
    "  --days N       how long the certificate holds, 1 to 397; default 30\n"
    "  --help\n";

typedef struct pki_arguments {
	const char *verb;
	const char *name;
	const char *folder;
	const char *root_name;
	const char *hosts[PKI_HOSTS_MAX];
	unsigned host_count;
	const char *roles;
	unsigned days;
} pki_arguments;

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "vu-pki: %s%s\n\n%s", what, which, USAGE);
	return EXIT_USAGE;
}

static int exit_code(vu_status status)
{
	switch (status) {
	case VU_OK:
		return 0;
	case VU_NOT_FOUND:
		return EXIT_NOTHING;
	case VU_INVALID_ARGUMENT:
	case VU_ALREADY_EXISTS:
	case VU_OUT_OF_RANGE:
		return EXIT_USAGE;
	case VU_PERMISSION_DENIED:
		return EXIT_PERMISSION;
	default:
		return EXIT_INTERNAL;
	}
}

/* 0, or the exit code; -1: help was asked for. */
static int parse(int argc, char **argv, pki_arguments *out)
{
	static const struct option options[] = {{"folder", required_argument, NULL, 'f'},
	                                        {"name", required_argument, NULL, 'n'},
	                                        {"host", required_argument, NULL, 'o'},
	                                        {"days", required_argument, NULL, 'd'},
	                                        {"role", required_argument, NULL, 'r'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	bool takes_name;
	char *end;
	long days;
	int option;

	*out = (pki_arguments){.folder = "voice-unlock-pki", .root_name = "voice-unlock", .days = PKI_HOST_DAYS};
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			out->folder = optarg;
			break;
		case 'n':
			out->root_name = optarg;
			break;
		case 'o':
			if (out->host_count == PKI_HOSTS_MAX)
				return usage("more than 16 hosts: ", optarg);
			out->hosts[out->host_count++] = optarg;
			break;
		case 'r':
			out->roles = optarg;
			break;
		case 'd':
			days = strtol(optarg, &end, 10);
			if (*end != '\0' || end == optarg || days < 1 || days > PKI_HOST_DAYS_MAX)
				return usage("--days must be 1 to 397, not ", optarg);
			out->days = (unsigned)days;
			break;
		case 'h':
			return -1;
		default:
			return usage("see above", "");
		}
	}
	if (optind == argc)
		return usage("what is to be done?", "");
	out->verb = argv[optind++];
	takes_name = strcmp(out->verb, "issue") == 0 || strcmp(out->verb, "revoke") == 0;
	if (takes_name && optind == argc)
		return usage("which host? ", out->verb);
	if (takes_name)
		out->name = argv[optind++];
	return optind == argc ? 0 : usage("one word too many: ", argv[optind]);
}

static void print_list(const pki_authority *authority, int64_t now_s)
{
	printf("%-32s %-20s %-10s %-10s %-12s %s\n", "serial", "name", "until", "state", "roles", "hosts");
	for (size_t i = 0; i < pki_authority_count(authority); i++) {
		const pki_entry *entry = pki_authority_entry(authority, i);
		const char *state = entry->revoked_s ? "revoked" : entry->until_s <= now_s ? "expired" : "valid";
		char serial[2 * PKI_SERIAL_BYTES + 1];
		char until[16] = "?";
		time_t time = (time_t)entry->until_s;
		struct tm parts;
		if (gmtime_r(&time, &parts))
			(void)strftime(until, sizeof until, "%Y-%m-%d", &parts);
		sodium_bin2hex(serial, sizeof serial, entry->serial, PKI_SERIAL_BYTES);
		printf("%-32s %-20s %-10s %-10s %-12s %s\n", serial, entry->name, until, state, entry->roles,
		       entry->hosts);
	}
}

static vu_status run(const pki_arguments *arguments, int64_t now_s, vu_error *error)
{
	pki_authority *authority = NULL;
	vu_status status;

	if (strcmp(arguments->verb, "init") == 0) {
		status = pki_authority_init(arguments->folder, arguments->root_name, now_s, error);
		if (!status)
			printf("An authority is in %s. Next: vu-pki issue NAME --host HOST --folder %s\n",
			       arguments->folder, arguments->folder);
		return status;
	}
	status = pki_authority_open(arguments->folder, &authority, error);
	if (status)
		return status;
	if (strcmp(arguments->verb, "issue") == 0) {
		status = pki_authority_issue(authority, arguments->name, arguments->hosts, arguments->host_count,
		                             arguments->roles, arguments->days, now_s, error);
		if (!status)
			printf(
			    "%s/issued/%s is ready: copy it to that host as $VOICE_UNLOCK_HOME/tls, and crl.pem and "
			    "peers\nof the others to theirs. A suite that serves other hosts shows a renewed one "
			    "within "
			    "seconds.\n",
			    arguments->folder, arguments->name);
	} else if (strcmp(arguments->verb, "revoke") == 0) {
		status = pki_authority_revoke(authority, arguments->name, now_s, error);
		if (!status)
			printf("%s is revoked: copy crl.pem and peers of %s/issued/* to their hosts, which take "
			       "them within seconds.\n",
			       arguments->name, arguments->folder);
	} else if (strcmp(arguments->verb, "refresh") == 0) {
		status = pki_authority_refresh(authority, now_s, error);
	} else {
		print_list(authority, now_s);
	}
	pki_authority_close(authority);
	return status;
}

int main(int argc, char **argv)
{
	static const char *const verbs[] = {"init", "issue", "revoke", "refresh", "list"};
	pki_arguments arguments;
	vu_error error;
	vu_status status;
	bool known = false;
	int code = parse(argc, argv, &arguments);

	if (code < 0) {
		fputs(USAGE, stdout);
		return 0;
	}
	if (code > 0)
		return code;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		known = known || strcmp(arguments.verb, verbs[i]) == 0;
	if (!known)
		return usage("unknown word ", arguments.verb);
	if (sodium_init() < 0) {
		fprintf(stderr, "vu-pki: unable to start libsodium\n");
		return EXIT_INTERNAL;
	}
	/* Keys are written here: whatever is made belongs to its owner alone. */
	umask(077);
	status = run(&arguments, (int64_t)time(NULL), &error);
	if (status)
		fprintf(stderr, "vu-pki: %s\n", error.message);
	return exit_code(status);
}
