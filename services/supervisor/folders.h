/*
 * The folders of a suite: state ($VOICE_UNLOCK_HOME) and sockets
 * ($VOICE_UNLOCK_RUNTIME_DIR), made with mode 0700. One that is there already
 * has to be ours: a folder of somebody else's, a symbolic link in its place or
 * one that others may write to is refused (they could replace our sockets),
 * one that others may merely read is closed to them.
 */
#ifndef VU_SUPERVISOR_FOLDERS_H
#define VU_SUPERVISOR_FOLDERS_H

#include "base/status.h"

/* PERMISSION_DENIED with the remedy; what mkdir says; FAILED_PRECONDITION when it is no folder. */
vu_status vu_folder_make_private(const char *path, vu_error *error);

/* Lets others pass through a private folder of ours (0711): the machine suite's sockets, each with a mode of its own.
 */
vu_status vu_folder_let_pass(const char *path, vu_error *error);

#endif
