/* Eigenvectors, discriminants, scaler: against their definitions. */
#include "ml/linear.h"

#include "ml/pca.h"
#include "ml/scaler.h"
#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N 40

static void random_symmetric(double *matrix, uint64_t seed, bool positive)
{
	double factor[N * N];

	for (size_t i = 0; i < N * N; i++)
		factor[i] = synthetic_random(&seed) - 0.5;
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < N; j++) {
			double sum = 0;
			for (size_t k = 0; k < N; k++)
				sum += factor[i * N + k] * factor[j * N + k];
			matrix[i * N + j] =
			    positive ? sum + (i == j ? 0.1 : 0) : factor[i * N + j] + factor[j * N + i];
		}
	}
}

/* v^T m w */
static double form(const double *m, const double *v, const double *w)
{
	double sum = 0;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++)
			sum += v[i] * m[i * N + j] * w[j];
	return sum;
}

static void test_eigen(void **state)
{
	double matrix[N * N];
	double copy[N * N];
	double values[N];
	double vectors[N * N];

	(void)state;
	random_symmetric(matrix, 3, false);
	memcpy(copy, matrix, sizeof copy);
	assert_int_equal(vu_linear_eigen(copy, N, values, vectors), VU_OK);
	for (size_t a = 0; a < N; a++) {
		if (a)
			assert_true(values[a - 1] >= values[a]);
		for (size_t b = 0; b < N; b++) {
			double dot = 0;
			for (size_t k = 0; k < N; k++)
				dot += vectors[a * N + k] * vectors[b * N + k];
			assert_true(fabs(dot - (a == b)) < 1e-10);
			assert_true(fabs(form(matrix, vectors + a * N, vectors + b * N) - (a == b ? values[a] : 0)) <
			            1e-10);
		}
	}
}

static void test_eigen_of_no_number(void **state)
{
	double matrix[4] = {1, NAN, NAN, 1};
	double values[2];
	double vectors[4];

	(void)state;
	assert_int_equal(vu_linear_eigen(matrix, 2, values, vectors), VU_INTERNAL);
}

static void test_generalized_eigen(void **state)
{
	double between[N * N];
	double within[N * N];
	double b[N * N];
	double w[N * N];
	double values[N];
	double basis[N * N];

	(void)state;
	random_symmetric(between, 5, true);
	random_symmetric(within, 6, true);
	memcpy(b, between, sizeof b);
	memcpy(w, within, sizeof w);
	assert_int_equal(vu_linear_generalized_eigen(b, w, N, 0, values, basis), VU_OK);
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < N; j++) {
			assert_true(fabs(form(within, basis + i * N, basis + j * N) - (i == j)) < 1e-8);
			assert_true(fabs(form(between, basis + i * N, basis + j * N) - (i == j ? values[i] : 0)) <
			            1e-8 * values[0]);
		}
	}
}

static void test_solve(void **state)
{
	double matrix[N * N];
	double copy[N * N];
	double x[N];
	double b[N];
	double bad[4] = {1, 2, 2, 1};

	(void)state;
	random_symmetric(matrix, 9, true);
	memcpy(copy, matrix, sizeof copy);
	for (size_t i = 0; i < N; i++) {
		b[i] = 0;
		for (size_t j = 0; j < N; j++) {
			x[j] = (double)j - 3;
			b[i] += matrix[i * N + j] * x[j];
		}
	}
	assert_int_equal(vu_linear_solve(copy, b, N), VU_OK);
	for (size_t i = 0; i < N; i++)
		assert_true(fabs(b[i] - x[i]) < 1e-8);
	assert_int_equal(vu_linear_solve(bad, b, 2), VU_INTERNAL);
}

static void test_scaler(void **state)
{
	float rows[300];
	float mean[3];
	float inverse[3];
	double sums[3] = {0};
	double squares[3] = {0};
	uint64_t seed = 4;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		rows[3 * i] = (float)(1000 + 50 * synthetic_random(&seed));
		rows[3 * i + 1] = (float)(synthetic_random(&seed) * 1e-3);
		rows[3 * i + 2] = 7; /* says nothing */
	}
	assert_int_equal(vu_scaler_fit(rows, 100, 3, mean, inverse), VU_OK);
	for (size_t i = 0; i < 100; i++) {
		float out[3];
		vu_scaler_apply(mean, inverse, 3, rows + 3 * i, out);
		for (size_t d = 0; d < 3; d++) {
			sums[d] += out[d];
			squares[d] += out[d] * out[d];
		}
	}
	for (size_t d = 0; d < 2; d++) {
		assert_true(fabs(sums[d]) < 1e-2);
		assert_true(fabs(squares[d] / 99 - 1) < 1e-3);
	}
	assert_true(squares[2] == 0);
	rows[0] = 1e6f;
	rows[1] = -1e6f;
	vu_scaler_apply(mean, inverse, 3, rows, rows);
	assert_true(rows[0] == VU_SCALER_LIMIT && rows[1] == -VU_SCALER_LIMIT);
	assert_int_equal(vu_scaler_fit(rows, 1, 3, mean, inverse), VU_INVALID_ARGUMENT);
}

static void test_pca_finds_the_main_directions(void **state)
{
	enum { ROWS = 400, D = 10 };
	float *rows = malloc(ROWS * D * sizeof *rows);
	float mean[D];
	float basis[D * D];
	float variances[D];
	double variance[D] = {0};
	uint64_t seed = 11;

	(void)state;
	assert_non_null(rows);
	for (size_t i = 0; i < ROWS; i++) {
		double along = synthetic_random(&seed) - 0.5;
		for (size_t d = 0; d < D; d++)
			rows[i * D + d] =
			    (float)((double)d + (d < 2 ? 10 * along : 0) + 0.1 * synthetic_random(&seed));
	}
	assert_int_equal(vu_pca_fit(rows, ROWS, D, mean, basis, variances), VU_OK);
	assert_true(fabs(fabs(basis[0]) - sqrt(0.5)) < 1e-2 && fabs(fabs(basis[1]) - sqrt(0.5)) < 1e-2);
	for (size_t i = 0; i < ROWS; i++) {
		float all[D];
		float some[3];
		vu_pca_apply(mean, basis, D, D, rows + i * D, all);
		vu_pca_apply(mean, basis, D, 3, rows + i * D, some);
		assert_memory_equal(all, some, sizeof some);
		for (size_t d = 0; d < D; d++)
			variance[d] += all[d] * all[d] / (ROWS - 1);
	}
	for (size_t d = 0; d < D; d++)
		assert_true(fabs(variance[d] - variances[d]) < 1e-3 * variances[0]);
	assert_int_equal(vu_pca_fit(rows, 1, D, mean, basis, variances), VU_INVALID_ARGUMENT);
	free(rows);
}

static void test_lda_whitens_within_and_separates(void **state)
{
	enum { PEOPLE = 30, EACH = 8, D = 6, ROWS = PEOPLE * EACH };
	float *rows = malloc(ROWS * D * sizeof *rows);
	uint32_t labels[ROWS];
	float mean[D];
	float basis[D * D];
	float ratios[D];
	float projected[ROWS * D];
	uint64_t seed = 21;

	(void)state;
	assert_non_null(rows);
	for (size_t p = 0; p < PEOPLE; p++) {
		double center = synthetic_random(&seed);
		for (size_t e = 0; e < EACH; e++) {
			size_t i = p * EACH + e;
			labels[i] = (uint32_t)p;
			for (size_t d = 0; d < D;
			     d++) /* only dimension 4 tells people apart, and it varies least of all */
				rows[i * D + d] = (float)(d == 4 ? 0.4 * center + 0.02 * synthetic_random(&seed)
				                                 : synthetic_random(&seed));
		}
	}
	assert_int_equal(vu_lda_fit(rows, labels, ROWS, D, 0, NULL, 0, mean, basis, ratios), VU_OK);
	assert_true(ratios[0] > 20 * ratios[1]);
	for (size_t i = 0; i < ROWS; i++)
		vu_pca_apply(mean, basis, D, D, rows + i * D, projected + i * D);
	for (size_t a = 0; a < D; a++) {
		double variance = 0;
		for (size_t p = 0; p < PEOPLE; p++) {
			double center = 0;
			for (size_t e = 0; e < EACH; e++)
				center += projected[(p * EACH + e) * D + a] / EACH;
			for (size_t e = 0; e < EACH; e++)
				variance += pow(projected[(p * EACH + e) * D + a] - center, 2) / (ROWS - PEOPLE);
		}
		assert_true(fabs(variance - 1) < 1e-2);
	}
	for (size_t i = 0; i < ROWS; i++)
		labels[i] = (uint32_t)i;
	assert_int_equal(vu_lda_fit(rows, labels, ROWS, D, 0, NULL, 0, mean, basis, ratios), VU_INVALID_ARGUMENT);
	memset(labels, 0, sizeof labels);
	assert_int_equal(vu_lda_fit(rows, labels, ROWS, D, 0, NULL, 0, mean, basis, ratios), VU_INVALID_ARGUMENT);
	free(rows);
}

/* Two corpora far apart in the direction that also tells people apart: the more it counts, the less that is seen. */
static void test_lda_takes_groups_for_no_people(void **state)
{
	enum { PEOPLE = 40, EACH = 6, D = 3, ROWS = PEOPLE * EACH };
	static float rows[ROWS * D];
	static uint32_t labels[ROWS];
	static uint32_t groups[ROWS];
	const double weights[] = {0, 1, 100};
	double last = INFINITY;
	float plain[D * D];
	float basis[D * D];
	float mean[D];
	float ratios[D];
	uint64_t seed = 5;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		labels[i] = (uint32_t)(i / EACH);
		groups[i] = labels[i] % 2;
		for (size_t d = 0; d < D; d++)
			rows[i * D + d] = (float)(0.3 * synthetic_random(&seed) + (d == 0 && groups[i] ? 5 : 0));
	}
	assert_int_equal(vu_lda_fit(rows, labels, ROWS, D, 0.1, NULL, 0, mean, plain, ratios), VU_OK);
	for (size_t w = 0; w < sizeof weights / sizeof *weights; w++) {
		double squares = 0;
		assert_int_equal(vu_lda_fit(rows, labels, ROWS, D, 0.1, groups, weights[w], mean, basis, ratios),
		                 VU_OK);
		if (w == 0)
			assert_memory_equal(basis, plain, sizeof plain);
		for (size_t k = 0; k < D; k++)
			squares += 25.0 * (double)basis[k * D] * (double)basis[k * D];
		assert_true(squares < last / 4);
		last = squares;
	}
	assert_true(last < 0.1);
	/* One group says nothing of groups. */
	memset(groups, 0, sizeof groups);
	assert_int_equal(vu_lda_fit(rows, labels, ROWS, D, 0.1, groups, 100, mean, basis, ratios), VU_OK);
	assert_memory_equal(basis, plain, sizeof plain);
	groups[EACH] = VU_LDA_GROUPS_MAX;
	assert_int_equal(vu_lda_fit(rows, labels, ROWS, D, 0.1, groups, 1, mean, basis, ratios), VU_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_eigen),
	    cmocka_unit_test(test_eigen_of_no_number),
	    cmocka_unit_test(test_generalized_eigen),
	    cmocka_unit_test(test_solve),
	    cmocka_unit_test(test_scaler),
	    cmocka_unit_test(test_pca_finds_the_main_directions),
	    cmocka_unit_test(test_lda_whitens_within_and_separates),
	    cmocka_unit_test(test_lda_takes_groups_for_no_people),
	};
	return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
