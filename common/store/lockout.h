/*
 * Failures of users, and lockouts: the one policy of the orchestrator's own
 * ledger and of the one that computers share (models).
 *
 * After max_attempts failures (reject and spoof only) a user is
 * refused for lockout_s; twice as long for each lockout since the last accept, up
 * to a day. All functions run within a transaction of a store that has the table
 * VU_LOCKOUT_TABLE_SQL.
 *
 * The end of a lockout is a point of the monotonic clock of one run of the
 * machine, so setting the wall clock changes nothing. In another run (after a
 * reboot) what was left when the row was last written is served in full: a
 * reboot never shortens a lockout. It ends with the failures forgotten; an
 * accept forgets them too.
 */
#ifndef VU_STORE_LOCKOUT_H
#define VU_STORE_LOCKOUT_H

#include "base/status.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_LOCKOUT_MAX_S 86400
/* The longest name that is counted, a user's or a source's, with its end. */
#define VU_LOCKOUT_NAME_SIZE 144

#define VU_LOCKOUT_TABLE_SQL                                                                                         \
	"CREATE TABLE lockout ("                                                                                     \
	" user TEXT PRIMARY KEY,"                                                                                    \
	" failures INTEGER NOT NULL,"                                                                                \
	" boot_id TEXT NOT NULL,"              /* the run of the machine that until_us counts in */                  \
	" until_us INTEGER NOT NULL,"          /* monotonic; 0 = not locked */                                       \
	" remaining_us INTEGER NOT NULL,"      /* what was left when this row was last written */                    \
	" rounds INTEGER NOT NULL DEFAULT 0);" /* lockouts since the last accept */

typedef struct vu_lockout_rule {
	uint32_t max_attempts; /* at least 1 */
	uint32_t lockout_s;
	const char *boot_id; /* this run of the machine */
	int64_t now_us;      /* its monotonic clock */
} vu_lockout_rule;

typedef struct vu_lockout_state {
	bool locked;
	uint64_t remaining_s; /* rounded up; 0 unless locked */
	uint32_t failures;
	uint32_t failures_left; /* before the next lockout; 0 when locked */
} vu_lockout_state;

vu_status vu_lockout_read(vu_store *store, const vu_lockout_rule *rule, const char *user, vu_lockout_state *state_out,
                          vu_error *error);

/* Counts one failure of a user who is not locked; *state_out is how things stand then. */
vu_status vu_lockout_count(vu_store *store, const vu_lockout_rule *rule, const char *user,
                           vu_lockout_state *state_out, vu_error *error);

/* Forgets all failures of the user, and a lockout. */
vu_status vu_lockout_clear(vu_store *store, const char *user, vu_error *error);

/*
 * A source is who asks (the orchestrator's source.h). No user's name has a '/', with which all of
 * them begin, so sources are counted among the users, by a rule of their own: so
 * many times as many failures lead to a lockout, which only unlock-user of
 * anybody ends early.
 */
#define VU_LOCKOUT_SOURCE_TIMES 3

/* Takes back `failures` of a source that is not locked: those of a user who has now been accepted. */
vu_status vu_lockout_forgive(vu_store *store, const vu_lockout_rule *rule, const char *source, uint32_t failures,
                             vu_error *error);

/* Forgets all sources. */
vu_status vu_lockout_clear_sources(vu_store *store, vu_error *error);

typedef struct vu_lockout_user {
	char user[VU_LOCKOUT_NAME_SIZE]; /* or a source */
	vu_lockout_state state;
} vu_lockout_user;

/* The users who are locked now, at most `capacity` of them. */
vu_status vu_lockout_list(vu_store *store, const vu_lockout_rule *rule, vu_lockout_user *users, size_t capacity,
                          size_t *count_out, vu_error *error);

#endif
