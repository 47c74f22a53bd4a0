/* Opening templates: every shape and value that scoring relies on is checked here. */
#include "ml/template.h"

#include "base/secret.h"
#include "ml/adaptation.h"

#include <math.h>
#include <string.h>

const char *const vu_template_voices[VU_SPACES_MAX][2] = {
    {"voice", "voice.norm"},           {"frames.voice", "frames.norm"}, {"joint.voice", "joint.norm"},
    {"frames2.voice", "frames2.norm"}, {"joint2.voice", "joint2.norm"},
};

static vu_status unfit(const vu_template *t, const char *what, vu_error *error)
{
	return vu_fail(error, VU_DATA_LOSS, "unable to use template %s: %s; enrol again with --replace",
	               vu_model_file_name(t->file), what);
}

static vu_status read_norm(const vu_template *t, const float *pair, vu_cohort_statistics *out, vu_error *error)
{
	if (!isfinite(pair[0]) || !isfinite(pair[1]) || !(pair[1] > 0))
		return unfit(t, "its normalization is out of range", error);
	*out = (vu_cohort_statistics){pair[0], pair[1]};
	return VU_OK;
}

static vu_status open_svm(vu_template *t, vu_error *error)
{
	vu_model_section vectors;
	vu_model_section alpha;
	vu_model_section parameters;
	const float *values;
	vu_status status = vu_model_file_require(t->file, "svm.vectors", 0, 0, 0, &vectors, error);

	if (status != VU_OK)
		return status;
	if ((vectors.element != VU_ELEMENT_F16 && vectors.element != VU_ELEMENT_F32 &&
	     vectors.element != VU_ELEMENT_I8) ||
	    vectors.rows < 1 || vectors.rows > VU_OCSVM_VECTORS_MAX ||
	    vectors.columns < VU_BACKGROUND_COMPONENTS_MIN || vectors.columns > VU_BACKGROUND_COMPONENTS_MAX)
		return unfit(t, "the shape of its support vectors does not fit", error);
	status = vu_model_file_require(t->file, "svm.alpha", VU_ELEMENT_F32, 1, vectors.rows, &alpha, error);
	if (status == VU_OK)
		status = vu_model_file_require(t->file, "svm.param", VU_ELEMENT_F32, 1, 4, &parameters, error);
	if (status != VU_OK)
		return status;
	for (uint32_t i = 0; i < vectors.rows; i++) {
		float coefficient = ((const float *)alpha.data)[i];
		if (!(coefficient >= 0 && coefficient <= 1))
			return unfit(t, "a coefficient is out of range", error);
	}
	for (uint32_t i = 0; i < vectors.rows; i++) {
		vu_model_section row = vectors;
		float values_of_row[VU_BACKGROUND_COMPONENTS_MAX];
		row.rows = 1;
		row.data = (const uint8_t *)vectors.data + i * vu_model_row_bytes(vectors.element, vectors.columns);
		status = vu_model_section_floats(t->file, &row, values_of_row, error);
		if (status != VU_OK)
			return status;
	}
	values = parameters.data;
	if (!(values[0] > 0 && isfinite(values[0])) || !(values[1] > 0 && isfinite(values[1])))
		return unfit(t, "a parameter of its SVM is out of range", error);
	t->svm = (vu_ocsvm){
	    .element = vectors.element,
	    .vectors = vectors.data,
	    .coefficients = alpha.data,
	    .count = vectors.rows,
	    .dimensions = vectors.columns,
	    .gamma = values[0],
	    .rho = values[1],
	};
	return read_norm(t, values + 2, &t->svm_strangers, error);
}

static vu_status open_voice(vu_template *t, uint32_t space, vu_error *error)
{
	vu_model_section section;
	vu_status status = vu_model_file_require(t->file, vu_template_voices[space][0], 0, 1, 0, &section, error);

	if (status != VU_OK)
		return status;
	if (section.columns < 1 || section.columns > VU_BACKGROUND_DISCRIMINANTS_MAX)
		return unfit(t, "the shape of its voice does not fit", error);
	t->spaces[space].discriminants = section.columns;
	status = vu_model_section_floats(t->file, &section, t->spaces[space].voice, error);
	if (status == VU_OK)
		status = vu_model_file_require(t->file, vu_template_voices[space][1], VU_ELEMENT_F32, 1, 2, &section,
		                               error);
	return status == VU_OK ? read_norm(t, section.data, &t->spaces[space].strangers, error) : status;
}

static vu_status open_voices(vu_template *t, vu_error *error)
{
	vu_model_section section;
	vu_status status = open_voice(t, VU_SPACE_VECTOR, error);

	t->space_count = 1;
	for (uint32_t model = 0; model < VU_FRAMES_MODELS_MAX && status == VU_OK; model++) {
		uint32_t frames = VU_SPACE_FRAMES_OF(model);
		if (!vu_model_file_find(t->file, vu_template_voices[frames][0], &section))
			break;
		status = open_voice(t, frames, error);
		if (status == VU_OK)
			status = open_voice(t, VU_SPACE_JOINT_OF(model), error);
		t->space_count = 1 + 2 * (model + 1);
	}
	return status;
}

static vu_status open_shift(vu_template *t, vu_error *error)
{
	vu_model_section norm;
	float scale;
	vu_status status;

	if (!vu_model_file_find(t->file, "shift.voice", &norm))
		return VU_OK;
	status = vu_model_file_require(t->file, "shift.voice", VU_ELEMENT_I8, 1, 0, &t->shift, error);
	if (status == VU_OK)
		status = vu_model_file_require(t->file, "shift.norm", VU_ELEMENT_F32, 1, 2, &norm, error);
	if (status == VU_OK)
		status = read_norm(t, norm.data, &t->shift_strangers, error);
	if (status != VU_OK)
		return status;
	if (t->shift.columns < 1 || t->shift.columns > VU_SHIFT_LENGTH_MAX)
		return unfit(t, "the shape of its shift does not fit", error);
	/* Any byte is a number: there is nothing else to check. */
	memcpy(&scale, t->shift.data, sizeof scale);
	if (!isfinite(scale))
		return unfit(t, "a value of its shift is not a number", error);
	t->shift_length = t->shift.columns;
	return VU_OK;
}

static vu_status open_kept_frames(vu_template *t, vu_error *error)
{
	vu_model_section frames;
	vu_model_section lengths;
	uint64_t total = 0;
	vu_status status;

	if (!vu_model_file_find(t->file, "kept.frames", &frames))
		return VU_OK;
	status = vu_model_file_require(t->file, "kept.frames", VU_ELEMENT_BYTES, 1, 0, &frames, error);
	if (status == VU_OK)
		status = vu_model_file_require(t->file, "kept.lengths", VU_ELEMENT_U64, 1, 0, &lengths, error);
	if (status != VU_OK)
		return status;
	for (uint32_t i = 0; i < lengths.columns; i++) {
		uint64_t length = ((const uint64_t *)lengths.data)[i];
		if (length > frames.bytes - total)
			return unfit(t, "the lengths of its frames do not fit", error);
		total += length;
	}
	if (total != frames.bytes)
		return unfit(t, "the lengths of its frames do not fit", error);
	t->kept_frames_count = lengths.columns;
	t->kept_frames = frames.data;
	t->kept_lengths = lengths.data;
	return VU_OK;
}

static vu_status open_kept(vu_template *t, vu_error *error)
{
	vu_model_section kept;
	vu_model_section sample;
	vu_status status =
	    vu_model_file_require(t->file, "kept", VU_ELEMENT_F16, 0, VU_BACKGROUND_DIMENSIONS, &kept, error);

	if (status != VU_OK)
		return status;
	if (kept.rows > VU_TEMPLATE_KEPT_MAX)
		return unfit(t, "it keeps too many vectors", error);
	status = vu_model_file_require(t->file, "kept.sample", VU_ELEMENT_BYTES, 1, kept.rows, &sample, error);
	if (status != VU_OK)
		return status;
	t->kept_count = kept.rows;
	t->kept_sample = sample.data;
	return VU_OK;
}

vu_status vu_template_create(vu_model_file *file, vu_template **template_out, vu_error *error)
{
	char scorer[32];
	vu_template *t = vu_secret_alloc(sizeof *t); /* it holds a voice */
	vu_status status;

	if (!t) {
		vu_model_file_close(file);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open a template: out of memory");
	}
	t->file = file;
	status = vu_model_file_text(file, "scorer", scorer, sizeof scorer, error);
	if (status == VU_OK && strcmp(scorer, VU_TEMPLATE_SCORER) != 0)
		status = vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to use template %s: it is for the scorers '%s', not '%s'; enrol again with --replace",
		    vu_model_file_name(file), scorer, VU_TEMPLATE_SCORER);
	if (status == VU_OK)
		status = vu_model_file_text(file, "extractor", t->extractor, sizeof t->extractor, error);
	if (status == VU_OK)
		status = vu_model_file_text(file, "background", t->background, sizeof t->background, error);
	if (status == VU_OK)
		status = open_svm(t, error);
	if (status == VU_OK)
		status = open_voices(t, error);
	if (status == VU_OK)
		status = open_shift(t, error);
	if (status == VU_OK)
		status = vu_adaptation_open(t, error);
	if (status == VU_OK)
		status = open_kept(t, error);
	if (status == VU_OK)
		status = open_kept_frames(t, error);
	if (status != VU_OK) {
		vu_template_destroy(t);
		return status;
	}
	*template_out = t;
	return VU_OK;
}

void vu_template_destroy(vu_template *t)
{
	if (!t)
		return;
	vu_secret_free(t->adapted, sizeof *t->adapted);
	vu_model_file_close(t->file);
	vu_secret_free(t, sizeof *t);
}

vu_status vu_template_load_kept(const vu_template *t, float *out, vu_error *error)
{
	vu_model_section section;
	vu_status status = vu_model_file_require(t->file, "kept", VU_ELEMENT_F16, t->kept_count,
	                                         VU_BACKGROUND_DIMENSIONS, &section, error);

	return status == VU_OK ? vu_model_section_floats(t->file, &section, out, error) : status;
}
