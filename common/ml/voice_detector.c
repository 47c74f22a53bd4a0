/* Weights lie in the file as float16 and in memory as float32; what trees ask about is used as it lies in the file.
 */
#include "ml/voice_detector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vu_voice_detector {
	vu_model_file *file;
	vu_mlp mlp;
	float *parameters;
	size_t parameter_count;
	vu_trees trees;
	float *tree_values; /* limits and leaves */
	size_t tree_count;
	float trees_weight;
	float calibration[2];
	float thresholds[VU_DETECTOR_THRESHOLDS];
	char id[VU_MODEL_HASH_HEX_SIZE];
};

static vu_status read_floats(vu_voice_detector *d, const char *name, uint32_t rows, uint32_t columns, float *out,
                             vu_error *error)
{
	vu_model_section section;
	vu_status status = vu_model_file_require(d->file, name, 0, rows, columns, &section, error);
	return status == VU_OK ? vu_model_section_floats(d->file, &section, out, error) : status;
}

/* The shape is that of the sections; the rest must agree with it. */
static vu_status read_shape(vu_voice_detector *d, uint32_t inputs, vu_error *error)
{
	vu_model_section weights;
	vu_model_section offset;
	vu_status status = vu_model_file_require(d->file, "weights", VU_ELEMENT_F16, 0, inputs, &weights, error);

	if (status == VU_OK)
		status = vu_model_file_require(d->file, "offset", VU_ELEMENT_F32, 1, 0, &offset, error);
	if (status != VU_OK)
		return status;
	if (offset.columns == 0 || offset.columns > VU_MLP_MEMBERS_MAX || weights.rows == 0 ||
	    weights.rows % offset.columns || weights.rows / offset.columns > VU_MLP_HIDDEN_MAX)
		return vu_fail(error, VU_DATA_LOSS, "unable to use %s: %u units do not make %u networks",
		               vu_model_file_name(d->file), (unsigned)weights.rows, (unsigned)offset.columns);
	d->mlp.shape = (vu_mlp_shape){inputs, weights.rows / offset.columns, offset.columns};
	return VU_OK;
}

/* Depth of trees with so many questions each; 0: there is none. */
static uint32_t depth_of(uint32_t questions)
{
	for (uint32_t depth = 1; depth <= VU_TREES_DEPTH_MAX; depth++) {
		if (vu_trees_questions(depth) == questions)
			return depth;
	}
	return 0;
}

static vu_status read_trees(vu_voice_detector *d, uint32_t inputs, vu_error *error)
{
	vu_model_section asked;
	float base[2];
	float *leaves;
	uint32_t columns;
	uint32_t depth;
	size_t count;
	vu_status status = vu_model_file_require(d->file, "questions", VU_ELEMENT_BYTES, 0, 0, &asked, error);

	if (status != VU_OK)
		return status;
	columns = asked.columns / sizeof(uint16_t);
	depth = asked.columns % sizeof(uint16_t) ? 0 : depth_of(columns);
	if (depth == 0 || asked.rows == 0 || asked.rows > VU_TREES_MAX)
		return vu_fail(error, VU_DATA_LOSS, "unable to use %s: %u x %u bytes of questions do not make trees",
		               vu_model_file_name(d->file), (unsigned)asked.rows, (unsigned)asked.columns);
	count = (size_t)asked.rows * columns;
	for (size_t i = 0; i < count; i++) {
		if (((const uint16_t *)asked.data)[i] >= inputs)
			return vu_fail(error, VU_DATA_LOSS,
			               "unable to use %s: a tree asks about value %u, and there are %u",
			               vu_model_file_name(d->file), (unsigned)((const uint16_t *)asked.data)[i],
			               (unsigned)inputs);
	}
	d->tree_count = 2 * count + asked.rows;
	d->tree_values = malloc(d->tree_count * sizeof(float));
	if (!d->tree_values)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load %s: out of memory",
		               vu_model_file_name(d->file));
	leaves = d->tree_values + count;
	if ((status = read_floats(d, "limits", asked.rows, columns, d->tree_values, error)) != VU_OK ||
	    (status = read_floats(d, "leaves", asked.rows, columns + 1, leaves, error)) != VU_OK ||
	    (status = read_floats(d, "trees", 1, 2, base, error)) != VU_OK)
		return status;
	d->trees = (vu_trees){{inputs, asked.rows, depth}, asked.data, d->tree_values, leaves, base[0]};
	d->trees_weight = base[1];
	return VU_OK;
}

static vu_status read_parameters(vu_voice_detector *d, vu_error *error)
{
	uint32_t inputs = d->mlp.shape.inputs;
	uint32_t hidden = d->mlp.shape.hidden;
	uint32_t members = d->mlp.shape.members;
	size_t units = (size_t)hidden * members;
	float *at;
	vu_status status;

	d->parameter_count = 2 * (size_t)inputs + units * inputs + 2 * units + members;
	d->parameters = at = malloc(d->parameter_count * sizeof(float));
	if (!at)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load %s: out of memory",
		               vu_model_file_name(d->file));
	d->mlp.mean = at;
	d->mlp.scale = at + inputs;
	d->mlp.weights = at + 2 * (size_t)inputs;
	d->mlp.bias = d->mlp.weights + units * inputs;
	d->mlp.out = d->mlp.bias + units;
	d->mlp.offset = d->mlp.out + units;
	if ((status = read_floats(d, "mean", 1, inputs, at, error)) != VU_OK ||
	    (status = read_floats(d, "scale", 1, inputs, at += inputs, error)) != VU_OK ||
	    (status = read_floats(d, "weights", (uint32_t)units, inputs, at += inputs, error)) != VU_OK ||
	    (status = read_floats(d, "bias", members, hidden, at += units * inputs, error)) != VU_OK ||
	    (status = read_floats(d, "out", members, hidden, at += units, error)) != VU_OK ||
	    (status = read_floats(d, "offset", 1, members, at += units, error)) != VU_OK ||
	    (status = read_floats(d, "calibration", 1, 2, d->calibration, error)) != VU_OK)
		return status;
	return read_floats(d, "thresholds", VU_DETECTOR_POINTS, 2, d->thresholds, error);
}

vu_status vu_voice_detector_create(vu_model_file *file, const char *features, uint32_t inputs,
                                   vu_voice_detector **detector_out, vu_error *error)
{
	vu_voice_detector *d = calloc(1, sizeof *d);
	char made_for[VU_DETECTOR_NAME_MAX];
	vu_status status;

	*detector_out = NULL;
	if (!d) {
		vu_model_file_close(file);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load a detector: out of memory");
	}
	d->file = file;
	vu_model_file_hash_hex(file, d->id);
	status = vu_model_file_text(file, "features", made_for, sizeof made_for, error);
	if (status == VU_OK && strcmp(made_for, features) != 0)
		status = vu_fail(error, VU_FAILED_PRECONDITION,
		                 "unable to use %s: it was made for %s, this program computes %s; build again",
		                 vu_model_file_name(file), made_for, features);
	if (status == VU_OK)
		status = read_shape(d, inputs, error);
	if (status == VU_OK)
		status = read_parameters(d, error);
	if (status == VU_OK)
		status = read_trees(d, inputs, error);
	if (status == VU_OK && !(d->calibration[1] > 0))
		status = vu_fail(error, VU_DATA_LOSS, "unable to use %s: its calibration turns the score around",
		                 vu_model_file_name(file));
	if (status != VU_OK) {
		vu_voice_detector_destroy(d);
		return status;
	}
	*detector_out = d;
	return VU_OK;
}

vu_status vu_voice_detector_open(const char *path, bool map, const char *features, uint32_t inputs,
                                 vu_voice_detector **detector_out, vu_error *error)
{
	vu_model_file *file;
	vu_status status = vu_model_file_open(path, VU_MODEL_DETECTOR, map, &file, error);

	*detector_out = NULL;
	return status == VU_OK ? vu_voice_detector_create(file, features, inputs, detector_out, error) : status;
}

void vu_voice_detector_destroy(vu_voice_detector *d)
{
	if (!d)
		return;
	vu_model_file_close(d->file);
	free(d->parameters);
	free(d->tree_values);
	free(d);
}

float vu_detector_parts_score(const vu_detector_parts *parts, const float *vector)
{
	return vu_mlp_score(parts->mlp, vector) + parts->trees_weight * vu_trees_score(parts->trees, vector);
}

float vu_voice_detector_score(const vu_voice_detector *d, const float *vector)
{
	const vu_detector_parts parts = {&d->mlp, &d->trees, d->trees_weight};

	return d->calibration[0] + d->calibration[1] * vu_detector_parts_score(&parts, vector);
}

float vu_voice_detector_threshold(const vu_voice_detector *d, unsigned point, bool narrow)
{
	return d->thresholds[2 * (point < VU_DETECTOR_POINTS ? point : VU_DETECTOR_POINTS - 1) + narrow];
}

const char *vu_voice_detector_id(const vu_voice_detector *d)
{
	return d->id;
}

size_t vu_voice_detector_bytes(const vu_voice_detector *d)
{
	return sizeof *d + (d->parameter_count + d->tree_count) * sizeof(float) + vu_model_file_bytes(d->file);
}

static void write_trees(vu_model_writer *writer, const vu_trees *trees, float weight)
{
	const float base[2] = {trees->base, weight};
	uint32_t rows = trees->shape.trees;
	uint32_t columns = vu_trees_questions(trees->shape.depth);

	vu_model_writer_add_floats(writer, "trees", VU_ELEMENT_F32, 1, 2, base);
	vu_model_writer_add(writer, "questions", VU_ELEMENT_BYTES, rows, columns * (uint32_t)sizeof(uint16_t),
	                    trees->feature);
	vu_model_writer_add_floats(writer, "limits", VU_ELEMENT_F32, rows, columns, trees->threshold);
	vu_model_writer_add_floats(writer, "leaves", VU_ELEMENT_F32, rows, columns + 1, trees->leaf);
}

void vu_voice_detector_write(vu_model_writer *writer, const vu_detector_parts *parts, const char *features,
                             const float calibration[2], const float thresholds[VU_DETECTOR_THRESHOLDS])
{
	const vu_mlp *mlp = parts->mlp;
	const vu_mlp_shape *s = &mlp->shape;

	vu_model_writer_add_text(writer, "features", features);
	vu_model_writer_add_floats(writer, "mean", VU_ELEMENT_F32, 1, s->inputs, mlp->mean);
	vu_model_writer_add_floats(writer, "scale", VU_ELEMENT_F32, 1, s->inputs, mlp->scale);
	vu_model_writer_add_floats(writer, "weights", VU_ELEMENT_F16, s->members * s->hidden, s->inputs,
	                           mlp->weights);
	vu_model_writer_add_floats(writer, "bias", VU_ELEMENT_F32, s->members, s->hidden, mlp->bias);
	vu_model_writer_add_floats(writer, "out", VU_ELEMENT_F32, s->members, s->hidden, mlp->out);
	vu_model_writer_add_floats(writer, "offset", VU_ELEMENT_F32, 1, s->members, mlp->offset);
	write_trees(writer, parts->trees, parts->trees_weight);
	vu_model_writer_add_floats(writer, "calibration", VU_ELEMENT_F32, 1, 2, calibration);
	vu_model_writer_add_floats(writer, "thresholds", VU_ELEMENT_F32, VU_DETECTOR_POINTS, 2, thresholds);
}
