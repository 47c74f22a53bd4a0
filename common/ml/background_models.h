/*
 * What background.c and background_models.c share; used by them only. Errors
 * as vu_background_create.
 */
#ifndef VU_ML_BACKGROUND_MODELS_H
#define VU_ML_BACKGROUND_MODELS_H

#include "ml/background.h"

#include <stdbool.h>
#include <stdint.h>

/* A section of numbers as newly allocated float32; the caller frees *out. */
vu_status vu_background_load_floats(const vu_model_file *file, const char *name, uint32_t rows, uint32_t columns,
                                    float **out, vu_model_section *section, vu_error *error);

/* The same into an array that is there. */
vu_status vu_background_read_floats(const vu_model_file *file, const char *name, uint32_t rows, uint32_t columns,
                                    float *out, vu_error *error);

/* DATA_LOSS, with `what` as the reason. */
vu_status vu_background_refuse(const vu_background *background, const char *what, vu_error *error);

/* Mean and basis of a space from the sections of these names. */
vu_status vu_background_load_discriminants(const vu_background *background, const char *mean, const char *basis,
                                           uint32_t dimensions, vu_voice_space *space, vu_error *error);

/* The values of a section that is used as it lies in the file. */
vu_status vu_background_check_rows(const vu_background *background, const vu_model_section *section, vu_error *error);

vu_status vu_background_check_cohort(const vu_background *background, uint32_t people, vu_error *error);

/* The models of frames that the file has, and, unless only places are wanted, their spaces. */
vu_status vu_background_load_models(vu_background *background, bool only_places, vu_error *error);

#endif
