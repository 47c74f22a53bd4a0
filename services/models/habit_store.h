/*
 * Habits in SQLite, <home>/prediction.db: a row per user, and one for each
 * quarter of the day in which they ever came. Nothing is kept in memory, so a
 * hundred thousand users cost disk alone. Survives restarts; a damaged file is
 * put aside and a new one begun: what is lost is guesses. Any thread.
 */
#ifndef VU_MODELS_HABIT_STORE_H
#define VU_MODELS_HABIT_STORE_H

#include "habit.h"

#include "base/status.h"

typedef struct habit_store habit_store;

/* Errors as vu_store_open. */
vu_status habit_store_open(const char *path, habit_store **store_out, vu_error *error);
/* NULL is allowed. */
void habit_store_close(habit_store *store);

/* Learns that the user came; again within two seconds it is the same visit. */
vu_status habit_store_visit(habit_store *store, const char *user, habit_moment at, int64_t wall_us, vu_error *error);

/* Erases what is known of a user; OK when nothing is. */
vu_status habit_store_forget(habit_store *store, const char *user, vu_error *error);

/*
 * Calls `each` for everybody who ever came in the window that begins now. The
 * habit has only what habit_predict needs for this moment, and lives for the
 * call; so does the name. Stops when it returns false. Others wait meanwhile:
 * it must not call the store.
 */
vu_status habit_store_scan(habit_store *store, habit_moment now,
                           bool (*each)(void *context, const char *user, const habit *h), void *context,
                           vu_error *error);

#endif
