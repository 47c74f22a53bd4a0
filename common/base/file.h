/*
 * Files that matter: opened with checks, written atomically.
 */
#ifndef VU_BASE_FILE_H
#define VU_BASE_FILE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Creates `path` and its parents with mode 0700; an existing folder is accepted as it is. */
vu_status vu_file_make_folder(const char *path, vu_error *error);

/*
 * Opens for reading with O_NOFOLLOW|O_CLOEXEC and checks by fstat that it is a
 * regular file owned by this user or root, not group- or world-writable, and at
 * most `max_bytes` long. The caller closes *fd_out.
 */
vu_status vu_file_open_safely(const char *path, uint64_t max_bytes, int *fd_out, uint64_t *bytes_out,
                              vu_error *error);

/* Reads a whole file through vu_file_open_safely. The caller frees *data_out, which ends in a NUL not counted. */
vu_status vu_file_read(const char *path, uint64_t max_bytes, char **data_out, size_t *bytes_out, vu_error *error);

/*
 * Writes through a temporary file in the same folder, fsync and rename, mode
 * 0600: after a crash at any instant `path` holds the old or the new content.
 */
vu_status vu_file_write_atomically(const char *path, const void *data, size_t bytes, vu_error *error);

#endif
