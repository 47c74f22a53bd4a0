/*
 * A trained detector of attacks as a model file (kind detector): an
 * ensemble of perceptrons and a sum of trees over a vector of traces, how they
 * are calibrated, and the thresholds of the levels.
 *
 *   features    text: the name of the vector's definition
 *   corpora     text: what it was trained on, a line each
 *   mean scale  f32, 1 x inputs
 *   weights     f16, (members x hidden) x inputs
 *   bias out    f32, members x hidden
 *   offset      f32, 1 x members
 *   trees       f32, 1 x 2: base of the sum, and what it weighs
 *   questions   bytes, trees x 2 (2^depth - 1): the value asked about, u16 each
 *   limits      f32, trees x (2^depth - 1): what it must be below
 *   leaves      f32, trees x 2^depth
 *   calibration f32, 1 x 2: llr = [0] + [1] x (score of perceptrons + weight x score of trees)
 *   thresholds  f32, points x 2, of the llr: for wide and for narrow (telephone's) bands
 *
 * Read-only once made; any thread.
 */
#ifndef VU_ML_VOICE_DETECTOR_H
#define VU_ML_VOICE_DETECTOR_H

#include "ml/mlp.h"
#include "ml/model_file.h"
#include "ml/trees.h"

/* Operating points: lenient (level medium) and strict (high and above). */
#define VU_DETECTOR_POINTS     2
#define VU_DETECTOR_THRESHOLDS (2 * VU_DETECTOR_POINTS)
#define VU_DETECTOR_NAME_MAX   64

typedef struct vu_voice_detector vu_voice_detector;

/*
 * Opens `path` and checks that it was made for vectors named `features` of
 * `inputs` values. Errors as vu_model_file_open; FAILED_PRECONDITION for other
 * features; DATA_LOSS for shapes or values that cannot be.
 */
vu_status vu_voice_detector_open(const char *path, bool map, const char *features, uint32_t inputs,
                                 vu_voice_detector **detector_out, vu_error *error);
/* The same over an open file, which it takes over in any case. */
vu_status vu_voice_detector_create(vu_model_file *file, const char *features, uint32_t inputs,
                                   vu_voice_detector **detector_out, vu_error *error);
void vu_voice_detector_destroy(vu_voice_detector *detector);

/* Log-likelihood ratio, higher = more like genuine speech. NaN when the vector is not finite. */
float vu_voice_detector_score(const vu_voice_detector *detector, const float *vector);
float vu_voice_detector_threshold(const vu_voice_detector *detector, unsigned point, bool narrow);
/* First digits of the file's hash, for logs. */
const char *vu_voice_detector_id(const vu_voice_detector *detector);
size_t vu_voice_detector_bytes(const vu_voice_detector *detector);

/* What a detector consists of; both have the same inputs. */
typedef struct vu_detector_parts {
	const vu_mlp *mlp;
	const vu_trees *trees;
	float trees_weight;
} vu_detector_parts;

/* The score of both, not calibrated. NaN when the vector is not finite. */
float vu_detector_parts_score(const vu_detector_parts *parts, const float *vector);

/* Adds everything but the corpora to a writer of kind VU_MODEL_DETECTOR. */
void vu_voice_detector_write(vu_model_writer *writer, const vu_detector_parts *parts, const char *features,
                             const float calibration[2], const float thresholds[VU_DETECTOR_THRESHOLDS]);

#endif
