/* Writing the manifest. */
#include "manifest.h"

#include "base/file.h"
#include "ml/model_file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

vu_status manifest_hash_files(char *const *paths, const char *const *names, size_t count, char hex[65],
                              vu_error *error)
{
	crypto_generichash_state state;
	uint8_t hash[32];
	uint8_t piece[65536];

	crypto_generichash_init(&state, NULL, 0, sizeof hash);
	for (size_t i = 0; i < count; i++) {
		FILE *file = fopen(paths[i], "rb");
		size_t got;
		if (!file)
			return vu_fail_errno(error, errno, "unable to open %s", paths[i]);
		crypto_generichash_update(&state, (const uint8_t *)names[i], strlen(names[i]) + 1);
		while ((got = fread(piece, 1, sizeof piece, file)) > 0)
			crypto_generichash_update(&state, piece, got);
		fclose(file);
	}
	crypto_generichash_final(&state, hash, sizeof hash);
	sodium_bin2hex(hex, 65, hash, sizeof hash);
	return VU_OK;
}

/* Numbers as they are read, not as they are stored; null for what could not be measured. */
static json_t *rounded(double value, double digits)
{
	return isfinite(value) ? json_real(round(value * digits) / digits) : json_null();
}

static json_t *rates_json(const vu_training_rates *rates)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:o}", "eer", rounded(rates->eer, 1e4), "frr_at_far_0.01",
	                 rounded(rates->frr_at_far_1, 1e4), "frr_at_far_0.001", rounded(rates->frr_at_far_01, 1e4),
	                 "min_dcf", rounded(rates->min_dcf, 1e4), "cllr", rounded(rates->cllr, 1e4));
}

static json_t *figures_json(const vu_training_figures *f)
{
	static const char *const names[VU_BACKGROUND_LEVELS] = {"convenient", "standard", "strict"};
	json_t *levels = json_object();

	for (int level = 0; level < VU_BACKGROUND_LEVELS; level++)
		json_object_set_new(levels, names[level],
		                    json_pack("{s:o,s:o,s:o,s:b}", "threshold", rounded(f->thresholds[level], 1e4),
		                              "far", rounded(f->false_accepts[level], 1e6), "frr",
		                              rounded(f->false_rejects[level], 1e4), "extrapolated",
		                              (int)f->extrapolated[level]));
	return json_pack(
	    "{s:i,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "components", (int)f->components,
	    "target_trials", (json_int_t)f->target_trials, "stranger_trials", (json_int_t)f->stranger_trials, "svm",
	    rates_json(&f->svm), "cosine", rates_json(&f->spaces[VU_SPACE_VECTOR]), "cosine_of_frames",
	    rates_json(&f->spaces[VU_SPACE_FRAMES]), "cosine_of_both", rates_json(&f->spaces[VU_SPACE_JOINT]),
	    "second_cosine_of_frames", rates_json(&f->spaces[VU_SPACE_FRAMES_OF(1)]), "second_cosine_of_both",
	    rates_json(&f->spaces[VU_SPACE_JOINT_OF(1)]), "shift", rates_json(&f->shift), "fused",
	    rates_json(&f->fused), "fused_of_corrupted", rates_json(&f->corrupted), "levels", levels);
}

vu_status manifest_write(const manifest *m, const char *path, vu_error *error)
{
	const vu_training_config *c = m->config;
	vu_model_file *file;
	char hash[VU_MODEL_HASH_HEX_SIZE];
	json_t *root;
	json_t *corpora = json_array();
	json_t *figures = json_array();
	char *text = NULL;
	size_t bytes;
	vu_status status = vu_model_file_open(m->model_path, VU_MODEL_BACKGROUND, false, &file, error);

	if (status != VU_OK) {
		json_decref(corpora);
		json_decref(figures);
		return status;
	}
	vu_model_file_hash_hex(file, hash);
	bytes = vu_model_file_bytes(file);
	vu_model_file_close(file);
	for (size_t i = 0; i < m->corpus_count; i++)
		json_array_append_new(corpora, json_string(m->corpora[i]));
	for (size_t i = 0; i < VU_TRAINING_CALIBRATIONS; i++)
		json_array_append_new(figures, figures_json(&m->figures[i]));
	root = json_pack(
	    "{s:s,s:I,s:s,s:o,s:s,s:I,s:I,s:I,s:o,s:{s:I,s:i,s:i,s:i,s:i,s:o,s:o,s:o,s:o,s:i,s:i,s:o,s:i,s:i,s:i,s:i,"
	    "s:i,"
	    "s:i,s:o,"
	    "s:i,s:o,s:i,s:o,s:o,s:i,s:i,s:o,s:i,s:o,s:i,s:o,s:o,s:o,s:o,s:o},s:s,s:o}",
	    "model", hash, "bytes", (json_int_t)bytes, "extractor", c->extractor, "corpora", corpora, "corpus_hash",
	    m->corpus_hash, "files", (json_int_t)m->files, "files_skipped", (json_int_t)m->skipped, "people",
	    (json_int_t)m->people, "speech_s", rounded(m->speech_s, 1), "training", "seed", (json_int_t)c->seed,
	    "folds", (int)c->folds, "enrol_samples", (int)c->enrol_samples, "corrupted_copies", (int)m->copies,
	    "discriminants", (int)c->discriminants, "shrinkage", rounded(c->shrinkage, 1e6), "weight_power",
	    rounded(c->weight_power, 1e6), "svm_nu", rounded(c->svm_nu, 1e6), "svm_gamma", rounded(c->svm_gamma, 1e6),
	    "svm_top", (int)c->svm_top, "second_top", (int)c->second_top, "audio_share", rounded(c->audio_share, 1e6),
	    "mixture", (int)c->mixture, "frames_models", (int)c->frames_models, "kind", (int)c->frames_kinds[0],
	    "second_kind", (int)c->frames_kinds[1], "iterations", (int)c->iterations, "rank", (int)c->rank,
	    "relevance", rounded(c->relevance, 1e6), "frames_discriminants", (int)c->frames_discriminants,
	    "frames_shrinkage", rounded(c->frames_shrinkage, 1e6), "frames_top", (int)c->frames_top, "joint_weight",
	    rounded(c->joint_weight, 1e6), "joint_shrinkage", rounded(c->joint_shrinkage, 1e6), "joint_top",
	    (int)c->joint_top, "joint_discriminants", (int)c->joint_discriminants, "corpus_weight",
	    rounded(c->corpus_weight, 1e6), "shift_cohort", (int)c->shift_cohort, "shift_relevance",
	    rounded(c->shift_relevance, 1e6), "shift_top", (int)c->shift_top, "shift_audio_share",
	    rounded(c->shift_audio_share, 1e6), "shift_frames", rounded(c->shift_frames, 1e6), "shift_trust",
	    rounded(c->shift_trust, 1e6), "prior", rounded(c->prior, 1e6), "caution", rounded(c->caution, 1e6),
	    "figures_of", "cross-validation over people; none of them had a part in the model that scored them",
	    "figures", figures);
	text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(8)) : NULL;
	if (!text)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write %s: out of memory", path);
	else {
		size_t length = strlen(text);
		text[length] = '\n'; /* in place of the NUL; the length says where it ends */
		status = vu_file_write_atomically(path, text, length + 1, error);
	}
	free(text);
	json_decref(root);
	return status;
}
