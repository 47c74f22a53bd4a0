/* One kernel an element. */
#include "ml/rows.h"

#include "ml/kernel.h"

#include <string.h>

float vu_rows_dot(const vu_model_section *rows, uint32_t index, const float *values)
{
	const uint8_t *row = (const uint8_t *)rows->data + index * vu_model_row_bytes(rows->element, rows->columns);
	float scale;

	switch (rows->element) {
	case VU_ELEMENT_F16:
		return vu_kernel_dot_half((const vu_float16 *)(const void *)row, values, rows->columns);
	case VU_ELEMENT_I8:
		memcpy(&scale, row, sizeof scale);
		return scale * vu_kernel_dot_i8((const int8_t *)row + sizeof scale, values, rows->columns);
	default:
		return vu_kernel_dot((const float *)(const void *)row, values, rows->columns);
	}
}
