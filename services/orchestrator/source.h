/*
 * Who asks, for counting failures by source besides by user (store/lockout.h):
 *
 *   /uid/1000               a process of that uid, whomever it asks for
 *   /pam:sudo:pts/3:anna    root, for somebody who stands at a door: a PAM
 *                           service on a terminal
 *
 * Root asks for everybody by PAM. Were that one source, who fails often enough
 * would keep all others out; so it is the door and the user claimed there. A
 * new door does not help who guesses: the user's own failures count at all of
 * them. The door is believed from root alone: any other process could name a
 * new one for each guess.
 */
#ifndef VU_ORCHESTRATOR_SOURCE_H
#define VU_ORCHESTRATOR_SOURCE_H

#include "store/lockout.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define VU_SOURCE_DOOR_MAX 64
/* The longest door and user name, and what stands around them. */
#define VU_SOURCE_SIZE VU_LOCKOUT_NAME_SIZE

/* `door` may be "". */
void vu_source_write(char *source, size_t size, uid_t uid, const char *door, const char *user);

/* True for the second kind, whose failures are all of one user. */
bool vu_source_is_door(const char *source);

#endif
