/* What store.c and statement.c share. */
#ifndef VU_STORE_INTERNAL_H
#define VU_STORE_INTERNAL_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

struct vu_store {
	sqlite3 *database;
	char *path;
	pthread_mutex_t lock;
};

/* Puts SQLite's last error on this connection into words: "unable to <action>: …". */
vu_status vu_store_fail(sqlite3 *database, int code, const char *path, const char *action, vu_error *error);

#endif
