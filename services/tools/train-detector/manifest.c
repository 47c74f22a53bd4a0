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

static const char *const POINTS[VU_DETECTOR_POINTS] = {"medium", "high"};

vu_status manifest_hash_list(const file_list *list, char hex[65], vu_error *error)
{
	crypto_generichash_state state;
	uint8_t hash[32];
	uint8_t piece[65536];

	crypto_generichash_init(&state, NULL, 0, sizeof hash);
	for (size_t i = 0; i < list->count; i++) {
		const listed_file *f = &list->files[i];
		const char *slash = strrchr(f->path, '/');
		const char *name = slash ? slash + 1 : f->path;
		FILE *file = fopen(f->path, "rb");
		size_t got;
		if (!file)
			return vu_fail_errno(error, errno, "unable to open %s", f->path);
		crypto_generichash_update(&state, (const uint8_t *)(f->spoof ? "s" : "b"), 1);
		crypto_generichash_update(&state, (const uint8_t *)name, strlen(name) + 1);
		while ((got = fread(piece, 1, sizeof piece, file)) > 0)
			crypto_generichash_update(&state, piece, got);
		fclose(file);
	}
	crypto_generichash_final(&state, hash, sizeof hash);
	sodium_bin2hex(hex, 65, hash, sizeof hash);
	return VU_OK;
}

static json_t *rounded(double value)
{
	return json_real(isfinite(value) ? round(value * 1e4) / 1e4 : -1);
}

/* {kind: [wrong, files]} of one side. */
static json_t *kinds_json(const kind_rate *rates, size_t count, bool spoof)
{
	json_t *all = json_object();
	for (size_t i = 0; i < count; i++) {
		if (rates[i].spoof == spoof)
			json_object_set_new(
			    all, rates[i].kind,
			    json_pack("[I,I]", (json_int_t)rates[i].wrong, (json_int_t)rates[i].files));
	}
	return all;
}

static json_t *share_json(const kind_rate *rates, size_t count, bool spoof)
{
	size_t wrong = 0;
	size_t files = 0;
	for (size_t i = 0; i < count; i++) {
		if (rates[i].spoof == spoof) {
			wrong += rates[i].wrong;
			files += rates[i].files;
		}
	}
	return rounded(files ? (double)wrong / (double)files : NAN);
}

static json_t *point_json(const manifest *m, int point)
{
	const kind_rate *rates = m->kinds[point];
	json_t *held_out = json_object();

	for (size_t p = 0; p < m->presentation_count; p++) {
		const held_out_rates *h = &m->held_out[p][point];
		json_object_set_new(held_out, h->presentation,
		                    json_pack("{s:o,s:o,s:o}", "bpcer", share_json(h->rates, h->count, false),
		                              "refused", kinds_json(h->rates, h->count, false), "passed",
		                              kinds_json(h->rates, h->count, true)));
	}
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "threshold", rounded((double)m->thresholds[2 * point]),
	                 "threshold_narrow", rounded((double)m->thresholds[2 * point + 1]), "apcer",
	                 share_json(rates, m->kind_count, true), "bpcer_of_corpora_left_out",
	                 rounded(m->refused[point]), "the_same_through_channels", rounded(m->refused_altered[point]),
	                 "genuine_refused_of", kinds_json(rates, m->kind_count, false), "attacks_passed_of",
	                 kinds_json(rates, m->kind_count, true), "people_held_out", held_out);
}

/* {repository: [EER, files]} */
static json_t *repositories_json(const manifest *m)
{
	json_t *all = json_object();
	for (size_t i = 0; i < m->repository_count; i++) {
		const repository_eer *r = &m->repositories[i];
		json_object_set_new(all, r->name, json_pack("[o,I]", rounded(r->eer), (json_int_t)r->files));
	}
	return all;
}

static json_t *eer_json(const manifest *m)
{
	if (m->loudspeakers)
		return json_pack("{s:o,s:o}", "presented_by_chains_not_trained_on_groups_left_out",
		                 rounded(m->eer.groups), "and_genuine_corpora_left_out", rounded(m->eer.corpora));
	return json_pack("{s:o,s:o,s:o,s:o,s:o}", "repositories_left_out", rounded(m->eer.repositories),
	                 "repositories_left_out_through_channels", rounded(m->eer.repositories_altered),
	                 "all_groups_left_out", rounded(m->eer.groups), "all_groups_left_out_through_channels",
	                 rounded(m->eer.groups_altered), "repositories_and_genuine_corpora_left_out",
	                 rounded(m->eer.corpora));
}

vu_status manifest_write(const manifest *m, const char *path, vu_error *error)
{
	const vu_mlp_training *h = &m->how->mlp;
	const vu_trees_training *t = &m->how->trees;
	vu_model_file *file;
	char hash[VU_MODEL_HASH_HEX_SIZE];
	json_t *corpora = json_array();
	json_t *root;
	char *text;
	size_t bytes;
	vu_status status = vu_model_file_open(m->model_path, VU_MODEL_DETECTOR, false, &file, error);

	if (status != VU_OK) {
		json_decref(corpora);
		return status;
	}
	vu_model_file_hash_hex(file, hash);
	bytes = vu_model_file_bytes(file);
	vu_model_file_close(file);
	for (size_t i = 0; i < m->corpus_count; i++)
		json_array_append_new(corpora, json_string(m->corpora[i]));
	root = json_pack("{s:s,s:I,s:s,s:o,s:s,s:I,s:I,s:{s:I,s:i,s:i,s:i,s:i,s:i,s:o,s:o,s:o,s:i,s:i,s:o,s:o,s:o,s:"
	                 "o,s:o,s:o,s:i},s:s,s:o,s:o,s:o,s:o}",
	                 "model", hash, "bytes", (json_int_t)bytes, "features", m->traces->version, "corpora",
	                 corpora, "files_hash", m->list_hash, "files", (json_int_t)m->files, "files_skipped",
	                 (json_int_t)m->skipped, "training", "seed", (json_int_t)h->seed, "copies", (int)m->copies,
	                 "hidden", (int)h->hidden, "members", (int)h->members, "epochs", (int)h->epochs, "batch",
	                 (int)h->batch, "rate", rounded((double)h->rate), "decay", rounded((double)h->decay),
	                 "dropout", rounded((double)h->dropout), "trees", (int)t->trees, "depth", (int)t->depth,
	                 "tree_rate", rounded((double)t->rate), "smooth", rounded((double)t->smooth), "least",
	                 rounded((double)t->least), "columns", rounded((double)t->columns), "rows",
	                 rounded((double)t->rows), "trees_weight", rounded((double)m->how->trees_weight), "folds",
	                 (int)m->folds, "figures_of",
	                 "cross-validation: repository, vocoder family or person, and for genuine speech the whole "
	                 "corpus, had no part in the model that scored it",
	                 "eer", eer_json(m), "eer_and_files_by_repository", repositories_json(m), POINTS[0],
	                 point_json(m, 0), POINTS[1], point_json(m, 1));
	text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(8)) : NULL;
	json_decref(root);
	if (!text)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write %s: out of memory", path);
	bytes = strlen(text);
	text[bytes] = '\n'; /* in place of the NUL; the length says where it ends */
	status = vu_file_write_atomically(path, text, bytes + 1, error);
	free(text);
	return status;
}
