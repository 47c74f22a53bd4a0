/* Section by section: read as float32, thinned where it belongs to the mixture, written again. */
#include "ml/background_convert.h"

#include "ml/background.h"
#include "ml/frames.h"
#include "ml/gmm.h"
#include "ml/pca.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define F VU_FRAMES_DIMENSIONS

/* How a section follows the mixture when components go. */
typedef enum follows { FOLLOWS_NOTHING, FOLLOWS_WEIGHTS, FOLLOWS_ROWS, FOLLOWS_BLOCKS, FOLLOWS_UNIT_BLOCKS } follows;

typedef struct convertible {
	const char *name;
	bool bytes; /* may be i8 */
	follows follows;
} convertible;

static const convertible OF_VECTORS[] = {
    {"pca.basis", true, FOLLOWS_NOTHING},
    {"lda.basis", true, FOLLOWS_NOTHING},
    {"cohort", true, FOLLOWS_NOTHING},
};
/* Of the first model's shifts. */
static const convertible OF_SHIFTS[] = {
    {"shift.mean", false, FOLLOWS_BLOCKS},
    {"shift.cohort", true, FOLLOWS_UNIT_BLOCKS},
};
/* Of a model of frames; after what vu_background_section puts before them. */
static const convertible OF_MODELS[] = {
    {"weight", false, FOLLOWS_WEIGHTS}, {"mean", false, FOLLOWS_ROWS},        {"precision", false, FOLLOWS_ROWS},
    {"mean", false, FOLLOWS_BLOCKS},    {"basis", true, FOLLOWS_BLOCKS},      {"lda.basis", true, FOLLOWS_NOTHING},
    {"cohort", true, FOLLOWS_NOTHING},  {"lda.basis", true, FOLLOWS_NOTHING}, {"cohort", true, FOLLOWS_NOTHING},
};
static const vu_background_part PARTS[] = {VU_PART_UBM,    VU_PART_UBM,    VU_PART_UBM,
                                           VU_PART_FRAMES, VU_PART_FRAMES, VU_PART_FRAMES,
                                           VU_PART_FRAMES, VU_PART_JOINT,  VU_PART_JOINT};
#define OF_VECTORS_COUNT (sizeof OF_VECTORS / sizeof *OF_VECTORS)
#define OF_SHIFTS_COUNT  (sizeof OF_SHIFTS / sizeof *OF_SHIFTS)
#define OF_MODELS_COUNT  (sizeof OF_MODELS / sizeof *OF_MODELS)

/* How a section is converted, NULL for one that stays as it is; *model_out is the model of frames it belongs to. */
static const convertible *find(const char *name, uint32_t *model_out)
{
	*model_out = 0;
	for (size_t i = 0; i < OF_VECTORS_COUNT; i++)
		if (strcmp(name, OF_VECTORS[i].name) == 0)
			return &OF_VECTORS[i];
	for (size_t i = 0; i < OF_SHIFTS_COUNT; i++)
		if (strcmp(name, OF_SHIFTS[i].name) == 0)
			return &OF_SHIFTS[i];
	for (uint32_t model = 0; model < VU_FRAMES_MODELS_MAX; model++)
		for (size_t i = 0; i < OF_MODELS_COUNT; i++) {
			char full[VU_MODEL_NAME_SIZE];
			vu_background_section(full, PARTS[i], model, OF_MODELS[i].name);
			*model_out = model;
			if (strcmp(name, full) == 0)
				return &OF_MODELS[i];
		}
	return NULL;
}

/* The components that stay, in their order. */
typedef struct selection {
	uint32_t all;
	uint32_t kept;
	uint32_t index[VU_GMM_COMPONENTS_MAX];
	float share; /* of the weight */
} selection;

static vu_status choose(const vu_model_file *file, uint32_t model, double prune, selection *out, vu_error *error)
{
	char name[VU_MODEL_NAME_SIZE];
	float weight[VU_GMM_COMPONENTS_MAX];
	bool drop[VU_GMM_COMPONENTS_MAX] = {false};
	vu_model_section section;
	uint32_t dropped;
	vu_status status;

	*out = (selection){.share = 1};
	vu_background_section(name, VU_PART_UBM, model, "weight");
	if (!vu_model_file_find(file, name, &section))
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
	uint32_t lines = how == FOLLOWS_BLOCKS || how == FOLLOWS_UNIT_BLOCKS ? *rows : 1;

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
	for (uint32_t r = 0; r < lines && how == FOLLOWS_UNIT_BLOCKS; r++)
		vu_normalize_length(values + (size_t)r * *columns, *columns);
}

static vu_status convert_section(const vu_model_file *file, const vu_model_section *section, const convertible *which,
                                 vu_model_element element, const selection *kept, vu_model_writer *writer,
                                 vu_error *error)
{
	follows how = which->follows;
	uint32_t rows = section->rows;
	uint32_t columns = section->columns;
	uint32_t length = how == FOLLOWS_WEIGHTS || how == FOLLOWS_ROWS ? kept->all : kept->all * F;
	float *values = malloc(((size_t)rows * columns + 1) * sizeof *values);
	vu_status status;

	if (!values)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to convert model %s: out of memory",
		               vu_model_file_name(file));
	if ((how == FOLLOWS_ROWS && (rows != length || columns != F)) ||
	    (how != FOLLOWS_NOTHING && how != FOLLOWS_ROWS && columns != length))
		status = vu_fail(error, VU_DATA_LOSS,
		                 "unable to convert model %s: its section '%s' does not fit its mixture",
		                 vu_model_file_name(file), section->name);
	else
		status = vu_model_section_floats(file, section, values, error);
	if (status == VU_OK) {
		thin(kept, how, &rows, &columns, values);
		if (element == 0)
			element = section->element;
		if (how == FOLLOWS_WEIGHTS)
			element = VU_ELEMENT_F32;
		else if (!which->bytes && element == VU_ELEMENT_I8)
			element = VU_ELEMENT_F16;
		vu_model_writer_add_floats(writer, section->name, element, rows, columns, values);
	}
	free(values);
	return status;
}

vu_status vu_background_convert(const vu_model_file *file, vu_model_element element, double prune,
                                vu_model_writer *writer, vu_error *error)
{
	selection kept[VU_FRAMES_MODELS_MAX];
	vu_status status;

	if (vu_model_file_kind(file) != VU_MODEL_BACKGROUND)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to convert model %s: it is a %s, not a background",
		               vu_model_file_name(file), vu_model_kind_name(vu_model_file_kind(file)));
	if ((element != 0 && element != VU_ELEMENT_F32 && element != VU_ELEMENT_F16 && element != VU_ELEMENT_I8) ||
	    !(prune >= 0 && prune <= 0.9))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to convert model %s: numbers can be f32, f16 or i8, and 0 to 0.9 dropped",
		               vu_model_file_name(file));
	status = VU_OK;
	for (uint32_t model = 0; model < VU_FRAMES_MODELS_MAX && status == VU_OK; model++)
		status = choose(file, model, prune, &kept[model], error);
	for (size_t i = 0; i < vu_model_file_section_count(file) && status == VU_OK; i++) {
		vu_model_section section;
		uint32_t model;
		const convertible *which;
		vu_model_file_section_at(file, i, &section);
		which = find(section.name, &model);
		if (which)
			status = convert_section(file, &section, which, element, &kept[model], writer, error);
		else
			vu_model_writer_add(writer, section.name, section.element, section.rows, section.columns,
			                    section.data);
	}
	return status;
}
