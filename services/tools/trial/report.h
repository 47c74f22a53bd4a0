/* Figures of scored trials, for people and as a table. */
#ifndef VU_TRIAL_REPORT_H
#define VU_TRIAL_REPORT_H

#include "list.h"

vu_status report_print(const trial_set *set, vu_error *error);
vu_status report_write(const trial_set *set, const char *path, vu_error *error);

#endif
