/* Section by section: read as float32, thinned where it belongs to the mixture, written again. */
#include "ml/background_convert.h"

#include "ml/frames.h"
#include "ml/gmm.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define F VU_FRAMES_DIMENSIONS

/* How a section follows the mixture when components go. */
typedef enum follows { FOLLOWS_NOTHING, FOLLOWS_WEIGHTS, FOLLOWS_ROWS, FOLLOWS_BLOCKS } follows;

static const struct {
	const char *name;
	bool bytes; /* may be i8 */
	follows follows;
} CONVERTED[] = {
    {"pca.basis", true, FOLLOWS_NOTHING},       {"lda.basis", true, FOLLOWS_NOTHING},
    {"cohort", true, FOLLOWS_NOTHING},          {"ubm.weight", false, FOLLOWS_WEIGHTS},
    {"ubm.mean", false, FOLLOWS_ROWS},          {"ubm.precision", false, FOLLOWS_ROWS},
    {"frame.mean", false, FOLLOWS_BLOCKS},      {"frame.basis", true, FOLLOWS_BLOCKS},
    {"frame.lda.basis", true, FOLLOWS_NOTHING}, {"frame.cohort", true, FOLLOWS_NOTHING},
    {"joint.lda.basis", true, FOLLOWS_NOTHING}, {"joint.cohort", true, FOLLOWS_NOTHING},
};
#define CONVERTED_COUNT (sizeof CONVERTED / sizeof *CONVERTED)

/* The components that stay, in their order. */
typedef struct selection {
	uint32_t all;
	uint32_t kept;
	uint32_t index[VU_GMM_COMPONENTS_MAX];
	float share; /* of the weight */
} selection;

static vu_status choose(const vu_model_file *file, double prune, selection *out, vu_error *error)
{
	float weight[VU_GMM_COMPONENTS_MAX];
	bool drop[VU_GMM_COMPONENTS_MAX] = {false};
	vu_model_section section;
	uint32_t dropped;
	vu_status status;

	*out = (selection){.share = 1};
	if (!vu_model_file_find(file, "ubm.weight", &section))
		return VU_OK;
	if (section.rows != 1 || section.columns > VU_GMM_COMPONENTS_MAX)
		return vu_fail(error, VU_DATA_LOSS, "unable to convert model %s: its mixture has an impossible size",
		               vu_model_file_name(file));
	status = vu_model_section_floats(file, &section, weight, error);
	if (status != VU_OK)
		return status;
	out->all = section.columns;
	dropped = (uint32_t)(prune * out->all) / 8 * 8;
	for (uint32_t i = 0; i < dropped; i++) {
		uint32_t lightest = out->all;
		for (uint32_t m = 0; m < out->all; m++)
			if (!drop[m] && (lightest == out->all || weight[m] < weight[lightest]))
				lightest = m;
		drop[lightest] = true;
		out->share -= weight[lightest];
	}
	for (uint32_t m = 0; m < out->all; m++)
		if (!drop[m])
			out->index[out->kept++] = m;
	return VU_OK;
}

/* Thins in place; what is kept only moves forward. */
static void thin(const selection *kept, follows how, uint32_t *rows, uint32_t *columns, float *values)
{
	uint32_t width = how == FOLLOWS_WEIGHTS ? 1 : F;
	uint32_t lines = how == FOLLOWS_BLOCKS ? *rows : 1;

	if (how == FOLLOWS_NOTHING || kept->kept == kept->all)
		return;
	for (uint32_t r = 0; r < lines; r++)
		for (uint32_t i = 0; i < kept->kept; i++)
			memmove(values + ((size_t)r * kept->kept + i) * width,
			        values + ((size_t)r * kept->all + kept->index[i]) * width, width * sizeof *values);
	if (how == FOLLOWS_WEIGHTS)
		for (uint32_t i = 0; i < kept->kept; i++)
			values[i] /= kept->share;
	if (how == FOLLOWS_ROWS)
		*rows = kept->kept;
	else
		*columns = kept->kept * width;
}

static vu_status convert_section(const vu_model_file *file, const vu_model_section *section, size_t which,
                                 vu_model_element element, const selection *kept, vu_model_writer *writer,
                                 vu_error *error)
{
	follows how = CONVERTED[which].follows;
	uint32_t rows = section->rows;
	uint32_t columns = section->columns;
	uint32_t length = how == FOLLOWS_WEIGHTS || how == FOLLOWS_ROWS ? kept->all : kept->all * F;
	float *values = malloc(((size_t)rows * columns + 1) * sizeof *values);
	vu_status status;

	if (!values)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to convert model %s: out of memory",
		               vu_model_file_name(file));
	if ((how == FOLLOWS_ROWS && (rows != length || columns != F)) ||
	    ((how == FOLLOWS_WEIGHTS || how == FOLLOWS_BLOCKS) && columns != length))
		status = vu_fail(error, VU_DATA_LOSS,
		                 "unable to convert model %s: its section '%s' does not fit its mixture",
		                 vu_model_file_name(file), section->name);
	else
		status = vu_model_section_floats(file, section, values, error);
	if (status == VU_OK) {
		thin(kept, how, &rows, &columns, values);
		if (how == FOLLOWS_WEIGHTS)
			element = VU_ELEMENT_F32;
		else if (!CONVERTED[which].bytes && element == VU_ELEMENT_I8)
			element = VU_ELEMENT_F16;
		vu_model_writer_add_floats(writer, section->name, element, rows, columns, values);
	}
	free(values);
	return status;
}

vu_status vu_background_convert(const vu_model_file *file, vu_model_element element, double prune,
                                vu_model_writer *writer, vu_error *error)
{
	selection kept;
	vu_status status;

	if (vu_model_file_kind(file) != VU_MODEL_BACKGROUND)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to convert model %s: it is a %s, not a background",
		               vu_model_file_name(file), vu_model_kind_name(vu_model_file_kind(file)));
	if ((element != VU_ELEMENT_F32 && element != VU_ELEMENT_F16 && element != VU_ELEMENT_I8) ||
	    !(prune >= 0 && prune <= 0.9))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to convert model %s: numbers can be f32, f16 or i8, and 0 to 0.9 dropped",
		               vu_model_file_name(file));
	status = choose(file, prune, &kept, error);
	for (size_t i = 0; i < vu_model_file_section_count(file) && status == VU_OK; i++) {
		vu_model_section section;
		size_t which = 0;
		vu_model_file_section_at(file, i, &section);
		while (which < CONVERTED_COUNT && strcmp(CONVERTED[which].name, section.name) != 0)
			which++;
		if (which < CONVERTED_COUNT)
			status = convert_section(file, &section, which, element, &kept, writer, error);
		else
			vu_model_writer_add(writer, section.name, section.element, section.rows, section.columns,
			                    section.data);
	}
	return status;
}
