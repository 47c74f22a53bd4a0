/* What the files of the audit log share: the head, and one line. Used by audit*.c only. */
#ifndef VU_STORE_AUDIT_INTERNAL_H
#define VU_STORE_AUDIT_INTERNAL_H

#include "store/audit.h"
#include "store/master_key.h"

#include <limits.h>
#include <pthread.h>
#include <stddef.h>

#define VU_AUDIT_HASH_BYTES 32

struct vu_audit {
	char folder[PATH_MAX];
	char current[PATH_MAX];
	char key_path[PATH_MAX];
	char head_path[PATH_MAX];
	pthread_mutex_t lock;
	bool has_key;
	vu_master_key *key; /* secret memory */
};

/* The head's file, whole. */
typedef struct vu_audit_head {
	uint64_t first_seq; /* of the oldest line kept */
	uint64_t next_seq;
	uint64_t current_bytes;              /* of current.jsonl */
	uint64_t current_first;              /* seq of its first line */
	uint8_t before[VU_AUDIT_HASH_BYTES]; /* hash of the line before the oldest */
	uint8_t last[VU_AUDIT_HASH_BYTES];   /* hash of the newest line */
	uint8_t mac[VU_AUDIT_HASH_BYTES];
} vu_audit_head;

/* What a line says of itself. */
typedef struct vu_audit_parsed {
	uint64_t seq;
	uint64_t time_us;
	uint8_t prev[VU_AUDIT_HASH_BYTES];
	uint8_t hash[VU_AUDIT_HASH_BYTES];
} vu_audit_parsed;

/* Under the log's own key. */
void vu_audit_mac(const vu_audit *audit, const void *data, size_t bytes, uint8_t mac[VU_AUDIT_HASH_BYTES]);
void vu_audit_hash(const char *line, size_t bytes, uint8_t hash[VU_AUDIT_HASH_BYTES]);

/* Reads the key at first use; with `make` there is one afterwards. NOT_FOUND without. */
vu_status vu_audit_load_key(vu_audit *audit, bool make, vu_error *error);

/* Opens and locks it; closing unlocks. *fresh_out: there was none, and one was made. */
vu_status vu_audit_open_head(vu_audit *audit, bool make, int *fd_out, bool *fresh_out, vu_error *error);
/* DATA_LOSS: it is truncated or was changed. */
vu_status vu_audit_read_head(const vu_audit *audit, int fd, vu_audit_head *out, vu_error *error);
/* Fills in the MAC. */
vu_status vu_audit_write_head(const vu_audit *audit, int fd, vu_audit_head *h, vu_error *error);

/* False when it is not a line that was written with this key. `bytes` without the newline. */
bool vu_audit_parse(const vu_audit *audit, const char *line, size_t bytes, vu_audit_parsed *out);
/* The line that follows the head, with its newline; 0 when it cannot be made. */
size_t vu_audit_format(const vu_audit *audit, const vu_audit_event *event, const vu_audit_head *h,
                       char line[VU_AUDIT_LINE_MAX + 2]);

#endif
