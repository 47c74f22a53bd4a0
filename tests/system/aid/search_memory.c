/*
 * Looks for what a template holds, or for a key, in files and in the memory of processes.
 *
 * usage: search_memory TEMPLATE file PATH…
 *        search_memory TEMPLATE memory PID…
 *        search_memory --key KEYFILE file|memory …
 *        search_memory --key KEYFILE --of OWNER SEALED file|memory …
 *
 * With --key it is the master key in that file (or the key of the audit log,
 * whose file looks the same), with --of the key of one sealed template, which
 * the master key opens; half of its bytes are a hit. TEMPLATE is a plain template file. Known are: the vectors kept
 * of enrolment as float32 (that round to what was kept), float16 and int8 as templates pack rows, and every stretch
 * of the file that is not text or zeros. Prints, for each place, NAME HITS REGION where REGION is "locked" (locked in
 * memory and left out of dumps) or what the system calls it. Exit 0 when all could be read, whatever was found, 3
 * when the system does not let memory be read, 2 for anything else. Its own memory it never searches. Reads /proc, so
 * memory is searched on Linux only.
 */
#include "ml/float16.h"
#include "ml/model_file.h"
#include "ml/template.h"
#include "store/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS      (1u << 18) /* of the set; a template has some ten thousand pieces */
#define PIECE      8          /* bytes that are looked up */
#define STRETCH    16         /* bytes of the file that make one piece of it */
#define CHUNK      (1u << 20)
#define OVERLAP    64
#define VECTORS    64
#define DIMENSIONS 100

typedef struct needle {
	uint64_t key;        /* 0: free */
	const uint8_t *rest; /* the stretch's second half, or NULL */
} needle;

static needle halves[SLOTS]; /* four float16 in a row */
static needle bytes_set[SLOTS];
static unsigned known;
static bool for_key; /* bytes alone */

static void put(needle *set, uint64_t key, const uint8_t *rest)
{
	uint64_t slot = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 46;

	if (key == 0)
		return;
	while (set[slot % SLOTS].key != 0 && set[slot % SLOTS].key != key)
		slot++;
	if (set[slot % SLOTS].key == 0)
		known++;
	set[slot % SLOTS] = (needle){key, rest};
}

static bool has(const needle *set, uint64_t key, const uint8_t *rest)
{
	uint64_t slot = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 46;

	if (key == 0)
		return false;
	while (set[slot % SLOTS].key != 0 && set[slot % SLOTS].key != key)
		slot++;
	if (set[slot % SLOTS].key != key)
		return false;
	return !set[slot % SLOTS].rest || memcmp(set[slot % SLOTS].rest, rest, STRETCH - PIECE) == 0;
}

/* Text and fillings are in every process. */
static bool is_telling(const uint8_t *at)
{
	unsigned distinct = 0;
	unsigned printable = 0;

	for (unsigned i = 0; i < STRETCH; i++) {
		unsigned k = 0;
		while (k < i && at[k] != at[i])
			k++;
		distinct += k == i;
		printable += at[i] >= 0x20 && at[i] < 0x7f;
	}
	return distinct >= 12 && printable <= 10;
}

/* Every fourth piece of what is kept, so that any stretch of 16 values is met. */
static void know_vectors(const vu_template *t)
{
	static float vectors[VECTORS * DIMENSIONS];
	vu_float16 packed[DIMENSIONS];
	vu_error error;

	if (vu_template_load_kept(t, vectors, &error) != VU_OK) {
		fprintf(stderr, "%s\n", error.message);
		exit(2);
	}
	for (uint32_t v = 0; v < t->kept_count; v++) {
		uint8_t row[4 + DIMENSIONS];
		static uint8_t rows[VECTORS][4 + DIMENSIONS];
		vu_float16_pack(vectors + v * DIMENSIONS, packed, DIMENSIONS);
		for (unsigned i = 0; i + 4 <= DIMENSIONS; i += 4) {
			uint64_t key;
			memcpy(&key, packed + i, sizeof key);
			put(halves, key, NULL);
		}
		vu_model_row_pack_i8(vectors + v * DIMENSIONS, DIMENSIONS, row);
		memcpy(rows[v], row, sizeof row);
		for (unsigned i = 4; i + STRETCH <= 4 + DIMENSIONS; i += STRETCH) {
			uint64_t key;
			memcpy(&key, rows[v] + i, sizeof key);
			if (is_telling(rows[v] + i))
				put(bytes_set, key, rows[v] + i + PIECE);
		}
	}
}

static void know_template(const char *path)
{
	static uint8_t data[1 << 20];
	vu_model_file *file;
	vu_template *t;
	vu_error error;
	size_t bytes;
	FILE *stream;

	stream = fopen(path, "re");
	bytes = stream ? fread(data, 1, sizeof data, stream) : 0;
	if (stream)
		fclose(stream);
	if (vu_model_file_open(path, VU_MODEL_TEMPLATE, false, &file, &error) != VU_OK ||
	    vu_template_create(file, &t, &error) != VU_OK) {
		fprintf(stderr, "%s\n", error.message);
		exit(2);
	}
	know_vectors(t);
	for (size_t at = 1024; at + STRETCH <= bytes; at += STRETCH) {
		uint64_t key;
		memcpy(&key, data + at, sizeof key);
		if (is_telling(data + at))
			put(bytes_set, key, data + at + PIECE);
	}
	vu_template_destroy(t);
	if (known < 500) {
		fprintf(stderr, "too little to look for: %u pieces\n", known);
		exit(2);
	}
}

/* All stretches that begin at a multiple of 8: any half of the key has one. */
static void know_key(const uint8_t key[VU_SEAL_KEY_BYTES])
{
	static uint8_t copy[VU_SEAL_KEY_BYTES];

	for_key = true;
	memcpy(copy, key, sizeof copy);
	for (unsigned at = 0; at + STRETCH <= sizeof copy; at += PIECE) {
		uint64_t piece;
		memcpy(&piece, copy + at, sizeof piece);
		put(bytes_set, piece, copy + at + PIECE);
	}
}

/* The file's own key, unwrapped as seal.h lays it out; independent of the code that is searched. */
static void know_sealed(const uint8_t master[VU_SEAL_KEY_BYTES], const char *owner, const char *path)
{
	enum { BOUND = 32, NONCE = 32, WRAPPED = 56 };
	uint8_t head[VU_SEAL_HEADER_BYTES];
	uint8_t bound[BOUND + VU_SEAL_OWNER_MAX];
	uint8_t key[VU_SEAL_KEY_BYTES];
	FILE *stream = fopen(path, "re");

	/* "/ada": whose it is has a namespace before it, which real users have none of. */
	if (!stream || fread(head, 1, sizeof head, stream) != sizeof head || strlen(owner) > VU_SEAL_OWNER_MAX) {
		fprintf(stderr, "%s: no sealed file\n", path);
		exit(2);
	}
	fclose(stream);
	memcpy(bound, head, BOUND);
	memcpy(bound + BOUND, owner, strlen(owner));
	if (sodium_init() < 0 ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, head + WRAPPED, sizeof key + 16, bound,
	                                               BOUND + strlen(owner), head + NONCE, master) != 0) {
		fprintf(stderr, "%s: the key does not open it for %s\n", path, owner);
		exit(2);
	}
	know_key(key);
}

/* Whether the rounding of a float32 is worth a look: values of speech are neither tiny nor huge. */
static bool round_value(const uint8_t *at, vu_float16 *out)
{
	uint32_t bits;
	float value;

	memcpy(&bits, at, sizeof bits);
	if (((bits >> 23) & 255) < 127 - 20 || ((bits >> 23) & 255) > 127 + 14)
		return false;
	memcpy(&value, &bits, sizeof value);
	*out = vu_float16_from_float(value);
	return true;
}

/* Hits that begin in the first `bytes` of data, which goes on for OVERLAP more unless it is the end. */
static size_t search(const uint8_t *data, size_t bytes, size_t readable)
{
	vu_float16 row[4] = {0};
	unsigned run = 0;
	size_t hits = 0;

	for (size_t at = 0; for_key && at + STRETCH <= readable && at < bytes; at++) {
		uint64_t key;
		memcpy(&key, data + at, sizeof key);
		hits += has(bytes_set, key, data + at + PIECE);
	}
	for (size_t at = 0; !for_key && at + STRETCH <= readable && at < bytes; at++) {
		uint64_t key;
		memcpy(&key, data + at, sizeof key);
		if (has(bytes_set, key, data + at + PIECE) || (at % 2 == 0 && has(halves, key, NULL)))
			hits++;
		if (at % 4 == 0) {
			memmove(row, row + 1, sizeof row - sizeof *row);
			run = round_value(data + at, &row[3]) ? run + 1 : 0;
			memcpy(&key, row, sizeof key);
			if (run >= 4 && has(halves, key, NULL))
				hits++;
		}
	}
	return hits;
}

static void search_file(const char *path)
{
	static uint8_t data[CHUNK + OVERLAP];
	size_t kept = 0;
	size_t hits = 0;
	size_t got;
	FILE *stream = fopen(path, "re");

	if (!stream) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	while ((got = fread(data + kept, 1, CHUNK, stream)) > 0) {
		size_t all = kept + got;
		size_t part = all > OVERLAP ? all - OVERLAP : all;
		part -= part % 4;
		hits += search(data, part, all);
		kept = all - part;
		memmove(data, data + part, kept);
	}
	fclose(stream);
	printf("%s %zu file\n", path, hits);
}

static void search_region(int fd, const char *name, uint64_t from, uint64_t to, const char *what)
{
	static uint8_t data[CHUNK + OVERLAP];
	size_t hits = 0;

	for (uint64_t at = from; at < to;) {
		size_t want = to - at < sizeof data ? (size_t)(to - at) : sizeof data;
		ssize_t got = pread(fd, data, want, (off_t)at);
		size_t part = want > CHUNK ? CHUNK : want;
		if (got > 0)
			hits += search(data, part, (size_t)got);
		at += part;
	}
	if (hits > 0)
		printf("%s %zu %s\n", name, hits, what);
}

/* Regions of smaps in turn: a header line, and VmFlags at the end. */
static void search_process(const char *pid)
{
	char path[64];
	char line[1024];
	char what[512] = "";
	uint64_t from = 0, to = 0;
	bool locked, readable = false;
	FILE *maps;
	int fd;

	snprintf(path, sizeof path, "/proc/%s/smaps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof path, "/proc/%s/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(errno == EACCES || errno == EPERM ? 3 : 2);
	}
	while (fgets(line, sizeof line, maps)) {
		char rights[8];
		uint64_t begin, end;
		int after = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %n", &begin, &end, rights, &after) == 3) {
			from = begin;
			to = end;
			line[strcspn(line, "\n")] = '\0';
			snprintf(what, sizeof what, "%s", after > 0 && line[after] ? line + after : "anonymous");
			readable = rights[0] == 'r' && strncmp(what, "[v", 2) != 0;
		} else if (strncmp(line, "VmFlags:", 8) == 0 && readable) {
			locked = strstr(line, " lo") && strstr(line, " dd");
			search_region(fd, pid, from, to, locked ? "locked" : what);
			readable = false;
		}
	}
	fclose(maps);
	close(fd);
	printf("%s searched\n", pid);
}

int main(int argc, char **argv)
{
	bool key = argc > 2 && strcmp(argv[1], "--key") == 0;
	bool sealed = key && argc > 5 && strcmp(argv[3], "--of") == 0;
	int where = key ? (sealed ? 6 : 3) : 2;
	bool memory = argc > where + 1 && strcmp(argv[where], "memory") == 0;
	vu_master_key master;
	vu_error error;

	if (!memory && (argc < where + 2 || strcmp(argv[where], "file") != 0)) {
		fprintf(stderr,
		        "usage: search_memory TEMPLATE|--key KEYFILE [--of OWNER SEALED] file PATH…|memory PID…\n");
		return 2;
	}
	if (key && vu_master_key_read(argv[2], &master, &error) != VU_OK) {
		fprintf(stderr, "%s\n", error.message);
		return 2;
	}
	if (sealed)
		know_sealed(master.current, argv[4], argv[5]);
	else if (key)
		know_key(master.current);
	else
		know_template(argv[1]);
	for (int i = where + 1; i < argc; i++) {
		if (memory)
			search_process(argv[i]);
		else
			search_file(argv[i]);
	}
	return 0;
}
