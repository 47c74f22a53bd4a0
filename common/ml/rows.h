/*
 * Rows of a section of a model file, used as they lie there: of float32,
 * float16, or bytes with a scale a row. Pure functions; any thread.
 */
#ifndef VU_ML_ROWS_H
#define VU_ML_ROWS_H

#include "ml/model_file.h"

#include <stdint.h>

/* Dot product of row `index` and as many values as the section has columns. */
float vu_rows_dot(const vu_model_section *rows, uint32_t index, const float *values);

#endif
