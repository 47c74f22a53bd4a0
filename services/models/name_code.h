/*
 * User names as file names. Lower-case letters, digits, '-', '_' and '.' stand
 * for themselves, every other byte is '%' and two hex digits; so names that
 * differ in case or in Unicode normalization never meet in one file, on any
 * file system, and no name can leave its folder.
 */
#ifndef VU_MODELS_NAME_CODE_H
#define VU_MODELS_NAME_CODE_H

#include "base/user_name.h"

#include <stdbool.h>
#include <stddef.h>

#define NAME_CODE_SIZE (3 * VU_USER_NAME_MAX + 1)

/* `name` has passed vu_user_name_check. */
void name_code_encode(const char *name, char code[NAME_CODE_SIZE]);

/* False unless `code` (of `length` bytes) is exactly what some valid name encodes to. */
bool name_code_decode(const char *code, size_t length, char name[VU_USER_NAME_MAX + 1]);

#endif
