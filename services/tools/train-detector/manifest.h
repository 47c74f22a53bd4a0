/* The manifest beside a trained detector: where it comes from and what it reached. JSON, stable order. */
#ifndef VU_TRAIN_DETECTOR_MANIFEST_H
#define VU_TRAIN_DETECTOR_MANIFEST_H

#include "validate.h"

typedef struct held_out_rates {
	const char *presentation; /* "as it is", … */
	kind_rate rates[KINDS_MAX];
	size_t count;
} held_out_rates;

#define PRESENTATIONS 3

typedef struct manifest {
	const char *model_path;
	const char *const *corpora;
	size_t corpus_count;
	const learning *how;
	unsigned copies;
	unsigned folds;
	size_t files;
	size_t skipped;
	char list_hash[65]; /* BLAKE2b-256 over labels, names and bytes of all files, in order */
	const vu_traces_kind *traces;
	bool loudspeakers;
	/* Of loudspeakers only what is measured with counts, of channels as files are and altered. */
	struct {
		double repositories, repositories_altered, groups, groups_altered, corpora;
	} eer;
	repository_eer repositories[REPOSITORIES_MAX];
	size_t repository_count;
	float calibration[2];
	float thresholds[VU_DETECTOR_THRESHOLDS];
	double refused[VU_DETECTOR_POINTS];         /* of genuine files of corpora left out, as they are */
	double refused_altered[VU_DETECTOR_POINTS]; /* through channels */
	kind_rate kinds[VU_DETECTOR_POINTS][KINDS_MAX];
	size_t kind_count;
	held_out_rates held_out[PRESENTATIONS][VU_DETECTOR_POINTS];
	size_t presentation_count;
} manifest;

vu_status manifest_hash_list(const file_list *list, char hex[65], vu_error *error);
vu_status manifest_write(const manifest *m, const char *path, vu_error *error);

#endif
