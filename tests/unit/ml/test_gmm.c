/* Frames, mixtures, supervectors and subspaces, against their definitions. */
#include "ml/gmm.h"

#include "dsp/mfcc.h"
#include "dsp/statistics.h"
#include "ml/frames.h"
#include "ml/pca.h"
#include "ml/subspace.h"
#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static double normal(uint64_t *state)
{
	double u = synthetic_random(state) + 1e-12;
	return sqrt(-2 * log(u)) * cos(6.283185307179586 * synthetic_random(state));
}

/* ---- frames ---- */

static uint8_t *make_blob(size_t frames, const uint8_t *follows, size_t *bytes_out)
{
	float *mfcc = malloc((frames + 1) * VU_MFCC_COEFFICIENTS * sizeof *mfcc);
	uint8_t *blob = malloc(vu_statistics_bytes(frames));
	uint64_t seed = 3;

	assert_true(mfcc && blob);
	for (size_t i = 0; i < frames * VU_MFCC_COEFFICIENTS; i++)
		mfcc[i] = (float)(5 * normal(&seed) + 30);
	assert_int_equal(vu_statistics_pack(mfcc, follows, frames, blob), VU_OK);
	*bytes_out = vu_statistics_bytes(frames);
	free(mfcc);
	return blob;
}

static void test_frames_are_normalized(void **state)
{
	size_t bytes;
	size_t count;
	uint8_t follows[200];
	uint8_t *blob;
	float *frames;

	(void)state;
	memset(follows, 1, sizeof follows);
	follows[0] = follows[77] = follows[78] = 0;
	blob = make_blob(200, follows, &bytes);
	assert_int_equal(vu_frames_make(blob, bytes, &frames, &count, NULL), VU_OK);
	assert_int_equal(count, 200);
	for (size_t d = 0; d < VU_FRAMES_DIMENSIONS; d++) {
		double sum = 0;
		double squares = 0;
		for (size_t t = 0; t < count; t++) {
			sum += frames[t * VU_FRAMES_DIMENSIONS + d];
			squares += pow(frames[t * VU_FRAMES_DIMENSIONS + d], 2);
		}
		assert_true(fabs(squares / 200 - 1) < 1e-3);
		if (d < 19)
			assert_true(fabs(sum / 200) < 1e-4);
	}
	/* Frame 77 stands alone between pauses: nothing changes in it. */
	for (size_t d = 19; d < VU_FRAMES_DIMENSIONS; d++)
		assert_true(frames[77 * VU_FRAMES_DIMENSIONS + d] == 0);
	free(frames);
	free(blob);
}

/* Row `c` of an orthonormal DCT-II of `size` values. */
static double cosine(size_t c, size_t k, size_t size)
{
	return sqrt((c ? 2.0 : 1.0) / (double)size) *
	       cos(M_PI * (double)c * (2.0 * (double)k + 1) / (2.0 * (double)size));
}

/* By way of the spectrum that the cepstra describe, one of `bands` equal parts at a time. */
static void band_cepstra(const float *mfcc, size_t bands, double out[VU_MFCC_COEFFICIENTS])
{
	const size_t width = VU_MFCC_FILTERS / bands;
	const size_t each = VU_MFCC_COEFFICIENTS / bands;
	double energies[VU_MFCC_FILTERS] = {0};

	for (size_t k = 0; k < VU_MFCC_FILTERS; k++)
		for (size_t c = 0; c < VU_MFCC_COEFFICIENTS; c++)
			energies[k] +=
			    mfcc[c] / (1 + 11 * sin(M_PI * (double)c / 22)) * cosine(c, k, VU_MFCC_FILTERS);
	for (size_t c = 0; c < VU_MFCC_COEFFICIENTS; c++) {
		out[c] = 0;
		for (size_t k = 0; k < width; k++)
			out[c] += energies[c / each * width + k] * cosine(c % each, k, width);
	}
}

static void check_frames_of_bands(vu_frames_kind kind, size_t bands)
{
	enum { COUNT = 60 };
	static double expected[COUNT][VU_MFCC_COEFFICIENTS];
	double mean[VU_MFCC_COEFFICIENTS] = {0};
	double deviation[VU_MFCC_COEFFICIENTS] = {0};
	float mfcc[COUNT * VU_MFCC_COEFFICIENTS];
	float spread[VU_FRAMES_DIMENSIONS];
	float plain_spread[VU_FRAMES_DIMENSIONS];
	vu_statistics_view view;
	size_t bytes;
	size_t count;
	uint8_t *blob = make_blob(COUNT, NULL, &bytes);
	float *frames;
	float *plain;

	assert_int_equal(vu_statistics_open(blob, bytes, &view, NULL), VU_OK);
	vu_statistics_expand(&view, mfcc);
	for (size_t t = 0; t < COUNT; t++) {
		band_cepstra(mfcc + t * VU_MFCC_COEFFICIENTS, bands, expected[t]);
		for (size_t c = 0; c < VU_MFCC_COEFFICIENTS; c++)
			mean[c] += expected[t][c] / COUNT;
	}
	for (size_t t = 0; t < COUNT; t++)
		for (size_t c = 0; c < VU_MFCC_COEFFICIENTS; c++)
			deviation[c] += pow(expected[t][c] - mean[c], 2) / COUNT;
	assert_int_equal(vu_frames_describe(blob, bytes, kind, &frames, &count, spread, NULL), VU_OK);
	assert_int_equal(count, COUNT);
	for (size_t d = 0; d < 19; d++) {
		double scale = sqrt(deviation[d + 1]);
		assert_true(fabs(spread[d] - log(scale)) < 1e-3);
		for (size_t t = 0; t < COUNT; t++)
			assert_true(fabs(frames[t * VU_FRAMES_DIMENSIONS + d] -
			                 (expected[t][d + 1] - mean[d + 1]) / scale) < 1e-3);
	}
	/* A delta away from the ends, of C0 of the third quarter, where the upper half begins. */
	{
		double delta = (expected[31][10] - expected[29][10] + 2 * (expected[32][10] - expected[28][10])) / 10;
		assert_true(fabs(frames[30 * VU_FRAMES_DIMENSIONS + 29] * exp((double)spread[29]) - delta) < 1e-3);
	}
	assert_int_equal(vu_frames_describe(blob, bytes, VU_FRAMES_CEPSTRA, &plain, &count, plain_spread, NULL),
	                 VU_OK);
	assert_true(memcmp(plain, frames, COUNT * VU_FRAMES_DIMENSIONS * sizeof *plain) != 0);
	free(plain);
	free(frames);
	free(blob);
}

static void test_frames_of_bands(void **state)
{
	(void)state;
	check_frames_of_bands(VU_FRAMES_BANDS, 2);
	check_frames_of_bands(VU_FRAMES_QUARTERS, 4);
}

static void test_frames_refused(void **state)
{
	size_t bytes;
	size_t count;
	float *frames;
	uint8_t *blob = make_blob(VU_FRAMES_MIN, NULL, &bytes);
	uint8_t *brief = make_blob(VU_FRAMES_MIN - 1, NULL, &count);
	vu_error error = {0};

	(void)state;
	assert_int_equal(vu_frames_make(brief, count, &frames, &count, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "speak for longer"));
	assert_int_equal(vu_frames_make(blob, bytes - 1, &frames, &count, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_frames_make(blob, 0, &frames, &count, &error), VU_INVALID_ARGUMENT);
	blob[4] = 9;
	assert_int_equal(vu_frames_make(blob, bytes, &frames, &count, &error), VU_UNIMPLEMENTED);
	blob[4] = 1;
	assert_int_equal(vu_frames_make(blob, bytes, &frames, &count, &error), VU_OK);
	free(frames);
	free(brief);
	free(blob);
}

static void test_frames_shorten(void **state)
{
	size_t bytes;
	size_t short_bytes;
	uint8_t *blob = make_blob(100, NULL, &bytes);
	uint8_t *out = malloc(bytes);
	vu_statistics_view whole;
	vu_statistics_view part;
	float *a = malloc(100 * VU_MFCC_COEFFICIENTS * sizeof *a);
	float *b = malloc(100 * VU_MFCC_COEFFICIENTS * sizeof *b);

	(void)state;
	assert_true(out && a && b);
	assert_int_equal(vu_frames_shorten(blob, bytes, 40, out, &short_bytes, NULL), VU_OK);
	assert_int_equal(short_bytes, vu_statistics_bytes(40));
	assert_int_equal(vu_statistics_open(out, short_bytes, &part, NULL), VU_OK);
	assert_int_equal(part.frames, 40);
	assert_int_equal(vu_statistics_open(blob, bytes, &whole, NULL), VU_OK);
	vu_statistics_expand(&whole, a);
	vu_statistics_expand(&part, b);
	for (size_t i = 0; i < 40 * VU_MFCC_COEFFICIENTS; i++)
		assert_true(fabsf(a[i] - b[i]) < 0.2f);
	assert_int_equal(vu_frames_shorten(blob, bytes, 100, out, &short_bytes, NULL), VU_OK);
	assert_int_equal(short_bytes, bytes);
	assert_memory_equal(out, blob, bytes);
	assert_int_equal(vu_frames_shorten(blob, 10, 40, out, &short_bytes, NULL), VU_INVALID_ARGUMENT);
	free(b);
	free(a);
	free(out);
	free(blob);
}

/* ---- mixtures ---- */

#define CLUSTERS 8
#define D        3
#define COUNT    8000

static void make_clusters(float *frames, double centers[CLUSTERS][D])
{
	uint64_t seed = 17;

	for (int c = 0; c < CLUSTERS; c++)
		for (int d = 0; d < D; d++)
			centers[c][d] = d == 0 ? 16 * c : d == 1 ? (c % 2) * 3 : 0;
	for (int t = 0; t < COUNT; t++)
		for (int d = 0; d < D; d++)
			frames[t * D + d] = (float)(centers[t % CLUSTERS][d] + 0.5 * normal(&seed));
}

static void test_finds_clusters(void **state)
{
	float *frames = malloc(COUNT * D * sizeof *frames);
	double centers[CLUSTERS][D];
	vu_gmm *gmm;
	vu_gmm *again;
	double total = 0;

	(void)state;
	assert_non_null(frames);
	make_clusters(frames, centers);
	assert_int_equal(vu_gmm_train(frames, COUNT, D, CLUSTERS, 40, &gmm), VU_OK);
	for (int c = 0; c < CLUSTERS; c++) {
		bool found = false;
		for (int m = 0; m < CLUSTERS && !found; m++) {
			found = true;
			for (int d = 0; d < D; d++)
				found = found && fabs(gmm->mean[m * D + d] - centers[c][d]) < 0.2;
		}
		assert_true(found);
		total += gmm->weight[c];
		for (int d = 0; d < D; d++)
			assert_true(fabs(gmm->precision[c * D + d] - 4) < 1);
	}
	assert_true(fabs(total - 1) < 1e-4);
	assert_int_equal(vu_gmm_train(frames, COUNT, D, CLUSTERS, 40, &again), VU_OK);
	assert_memory_equal(gmm->mean, again->mean, CLUSTERS * D * sizeof(float));
	vu_gmm_destroy(again);
	vu_gmm_destroy(gmm);
	free(frames);
}

/* Posteriors and likelihood by the definition, in double precision. */
static void test_accumulates_what_the_definition_says(void **state)
{
	enum { M = 16, N = 5, T = 200 };
	vu_gmm *gmm;
	float frames[T * N];
	float zeroth[M] = {0};
	float first[M * N] = {0};
	double expected_zeroth[M] = {0};
	double expected_first[M * N] = {0};
	double expected_likelihood = 0;
	double likelihood;
	uint64_t seed = 5;

	(void)state;
	assert_int_equal(vu_gmm_create(M, N, &gmm), VU_OK);
	for (int m = 0; m < M; m++) {
		gmm->weight[m] = 1.0f / M;
		for (int d = 0; d < N; d++) {
			gmm->mean[m * N + d] = (float)normal(&seed);
			gmm->precision[m * N + d] = (float)(0.5 + synthetic_random(&seed));
		}
	}
	assert_int_equal(vu_gmm_prepare(gmm), VU_OK);
	for (int i = 0; i < T * N; i++)
		frames[i] = (float)(1.5 * normal(&seed));
	for (int t = 0; t < T; t++) {
		double p[M];
		double sum = 0;
		for (int m = 0; m < M; m++) {
			double exponent = 0;
			double norm = 1;
			for (int d = 0; d < N; d++) {
				double precision = gmm->precision[m * N + d];
				exponent -= 0.5 * precision * pow(frames[t * N + d] - gmm->mean[m * N + d], 2);
				norm *= sqrt(precision / 6.283185307179586);
			}
			p[m] = gmm->weight[m] * norm * exp(exponent);
			sum += p[m];
		}
		expected_likelihood += log(sum) / T;
		for (int m = 0; m < M; m++) {
			expected_zeroth[m] += p[m] / sum;
			for (int d = 0; d < N; d++)
				expected_first[m * N + d] += p[m] / sum * frames[t * N + d];
		}
	}
	likelihood = vu_gmm_accumulate(gmm, frames, T, zeroth, first);
	assert_true(fabs(likelihood - expected_likelihood) < 1e-4);
	for (int m = 0; m < M; m++) {
		assert_true(fabs(zeroth[m] - expected_zeroth[m]) < 1e-2);
		for (int d = 0; d < N; d++)
			assert_true(fabs(first[m * N + d] - expected_first[m * N + d]) < 1e-2);
	}
	vu_gmm_destroy(gmm);
}

static void test_supervector_shows_the_shift(void **state)
{
	float *frames = malloc(COUNT * D * sizeof *frames);
	double centers[CLUSTERS][D];
	float none[CLUSTERS * D];
	float shifted[CLUSTERS * D];
	vu_gmm *gmm;

	(void)state;
	assert_non_null(frames);
	make_clusters(frames, centers);
	assert_int_equal(vu_gmm_create(CLUSTERS, D, &gmm), VU_OK);
	for (int c = 0; c < CLUSTERS; c++) {
		gmm->weight[c] = 1.0f / CLUSTERS;
		for (int d = 0; d < D; d++) {
			gmm->mean[c * D + d] = (float)centers[c][d];
			gmm->precision[c * D + d] = 4;
		}
	}
	assert_int_equal(vu_gmm_prepare(gmm), VU_OK);
	assert_int_equal(vu_gmm_supervector(gmm, frames, COUNT, 8, none), VU_OK);
	for (int t = 0; t < COUNT; t++)
		frames[t * D + 1] += 0.25f; /* half a standard deviation */
	assert_int_equal(vu_gmm_supervector(gmm, frames, COUNT, 8, shifted), VU_OK);
	for (int i = 0; i < CLUSTERS * D; i++) {
		assert_true(fabsf(none[i]) < 0.05f);
		assert_true(fabs(shifted[i] - (i % D == 1 ? 0.5 * sqrt(1.0 / CLUSTERS) : 0)) < 0.06);
	}
	vu_gmm_destroy(gmm);
	free(frames);
}

static void test_refuses(void **state)
{
	vu_gmm *gmm;
	float frames[90] = {0};

	(void)state;
	assert_int_equal(vu_gmm_create(12, 4, &gmm), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_gmm_create(0, 4, &gmm), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_gmm_create(2048, 4, &gmm), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_gmm_create(8, 65, &gmm), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_gmm_train(frames, 30, 3, 8, 2, &gmm), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_gmm_create(8, 1, &gmm), VU_OK);
	for (int m = 0; m < 8; m++)
		gmm->weight[m] = gmm->mean[m] = gmm->precision[m] = 1;
	assert_int_equal(vu_gmm_prepare(gmm), VU_OK);
	gmm->precision[3] = 0;
	assert_int_equal(vu_gmm_prepare(gmm), VU_INVALID_ARGUMENT);
	gmm->precision[3] = NAN;
	assert_int_equal(vu_gmm_prepare(gmm), VU_INVALID_ARGUMENT);
	gmm->precision[3] = 1;
	gmm->weight[0] = -1;
	assert_int_equal(vu_gmm_prepare(gmm), VU_INVALID_ARGUMENT);
	vu_gmm_destroy(gmm);
}

/* ---- subspace ---- */

static void test_subspace_equals_pca(void **state)
{
	enum { ROWS = 300, N = 60, RANK = 5 };
	float *rows = malloc(ROWS * N * sizeof *rows);
	float mean[N];
	float basis[RANK * N];
	float pca_mean[N];
	float pca_basis[N * N];
	float variances[N];
	uint64_t seed = 9;

	(void)state;
	assert_non_null(rows);
	for (int r = 0; r < ROWS; r++)
		for (int d = 0; d < N; d++)
			rows[r * N + d] = (float)(normal(&seed) * (d < RANK ? 10.0 - d : 0.5) + d);
	assert_int_equal(vu_subspace_fit(rows, ROWS, N, RANK, 1, mean, basis), VU_OK);
	assert_int_equal(vu_pca_fit(rows, ROWS, N, pca_mean, pca_basis, variances), VU_OK);
	for (int k = 0; k < RANK; k++) {
		assert_true(fabsf(fabsf(vu_dot(basis + k * N, pca_basis + k * N, N)) - 1) < 1e-3f);
		for (int j = 0; j < RANK; j++)
			assert_true(fabsf(vu_dot(basis + k * N, basis + j * N, N) - (float)(k == j)) < 1e-4f);
	}
	assert_int_equal(vu_subspace_fit(rows, RANK, N, RANK, 1, mean, basis), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_subspace_fit(rows, ROWS, N, 0, 1, mean, basis), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_subspace_fit(rows, ROWS, N, 241, 1, mean, basis), VU_INVALID_ARGUMENT);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames_are_normalized),
	    cmocka_unit_test(test_frames_of_bands),
	    cmocka_unit_test(test_frames_refused),
	    cmocka_unit_test(test_frames_shorten),
	    cmocka_unit_test(test_finds_clusters),
	    cmocka_unit_test(test_accumulates_what_the_definition_says),
	    cmocka_unit_test(test_supervector_shows_the_shift),
	    cmocka_unit_test(test_refuses),
	    cmocka_unit_test(test_subspace_equals_pca),
	};
	return cmocka_run_group_tests_name("gmm", tests, NULL, NULL);
}
