/* Where the background model lies: for the services that use it, so that they all use the same. */
#ifndef VU_ML_BACKGROUND_PATH_H
#define VU_ML_BACKGROUND_PATH_H

#include "base/config.h"
#include "base/status.h"

#include <limits.h>

/*
 * The configured one, else the one that ships, beside the folder of this
 * program both in the build tree and where it is installed. Whether it is there
 * is not looked at. INVALID_ARGUMENT: its path is too long.
 */
vu_status vu_background_find(const vu_config *config, char path[PATH_MAX], vu_error *error);

#define VU_BACKGROUND_EDITION_SIZE 80

/*
 * Names what lies at `path` now, so that a file put in its place is noticed
 * without opening it: another text means another file. "none" when there is
 * none.
 */
void vu_background_edition(const char *path, char edition[VU_BACKGROUND_EDITION_SIZE]);

#endif
