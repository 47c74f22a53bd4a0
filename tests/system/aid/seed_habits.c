/*
 * Writes a habit into a state folder's prediction.db, for tests: the user came
 * at this time of day on each of the last DAYS days, and not yet today.
 *
 * usage: seed_habits FILE USER DAYS
 */
#include "habit_store.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_US (24 * INT64_C(3600000000))

int main(int argc, char **argv)
{
	habit_store *store;
	vu_error error;
	vu_status status;
	int64_t now_us = vu_clock_wall_us();

	if (argc != 4) {
		fputs("usage: seed_habits FILE USER DAYS\n", stderr);
		return 2;
	}
	status = habit_store_open(argv[1], &store, &error);
	for (long day = strtol(argv[3], NULL, 10); day > 0 && status == VU_OK; day--) {
		/* A little later than now, so that today's is yet to come. */
		int64_t at_us = now_us - day * DAY_US + INT64_C(600000000);
		status = habit_store_visit(store, argv[2], habit_moment_of(at_us), at_us, &error);
	}
	if (status != VU_OK) {
		fprintf(stderr, "seed_habits: %s\n", error.message);
		return 1;
	}
	habit_store_close(store);
	return 0;
}
