/* One-class SVM. Training goes through libsvm's sparse doubles once; scoring never does. */
#include "ml/ocsvm.h"

#include "ml/float16.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
/* Debian and Homebrew put the header in different places. */
#if __has_include(<libsvm/svm.h>)
#include <libsvm/svm.h>
#else
#include <svm.h>
#endif

static pthread_once_t quiet_once = PTHREAD_ONCE_INIT;

static void print_nothing(const char *text)
{
	(void)text;
}

static void be_quiet(void)
{
	svm_set_print_string_function(print_nothing);
}

typedef struct ranked {
	double coefficient;
	int index;
} ranked;

static int by_coefficient_descending(const void *a, const void *b)
{
	const ranked *left = a;
	const ranked *right = b;
	if (left->coefficient != right->coefficient)
		return left->coefficient < right->coefficient ? 1 : -1;
	return left->index - right->index;
}

/* Copies the support vectors worth keeping out of libsvm's model. */
static vu_status keep(const struct svm_model *model, const float *rows, size_t dimensions, double prune,
                      vu_ocsvm_trained *out, vu_error *error)
{
	size_t count = (size_t)model->l;
	size_t kept = count - (size_t)((double)count * prune);
	ranked *order = malloc((count ? count : 1) * sizeof *order);
	double total = 0;
	double all = 0;

	if (kept == 0)
		kept = 1;
	out->vectors = malloc(kept * dimensions * sizeof *out->vectors);
	out->coefficients = malloc(kept * sizeof *out->coefficients);
	if (count == 0 || !order || !out->vectors || !out->coefficients) {
		free(order);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a one-class SVM: out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		order[i] = (ranked){model->sv_coef[0][i], (int)i};
		all += model->sv_coef[0][i];
	}
	if (kept < count)
		qsort(order, count, sizeof *order, by_coefficient_descending);
	for (size_t i = 0; i < kept; i++)
		total += order[i].coefficient;
	for (size_t i = 0; i < kept; i++) {
		size_t row = (size_t)model->sv_indices[order[i].index] - 1;
		out->coefficients[i] = (float)(order[i].coefficient / total);
		memcpy(out->vectors + i * dimensions, rows + row * dimensions, dimensions * sizeof *rows);
	}
	free(order);
	out->machine = (vu_ocsvm){
	    .element = VU_ELEMENT_F32,
	    .vectors = out->vectors,
	    .coefficients = out->coefficients,
	    .count = (uint32_t)kept,
	    .dimensions = (uint32_t)dimensions,
	    .gamma = (float)model->param.gamma,
	    .rho = (float)(model->rho[0] / all),
	};
	return VU_OK;
}

vu_status vu_ocsvm_train(const float *rows, size_t count, size_t dimensions, double nu, double gamma, double prune,
                         vu_ocsvm_trained *out, vu_error *error)
{
	struct svm_parameter parameter = {.svm_type = ONE_CLASS,
	                                  .kernel_type = RBF,
	                                  .gamma = gamma,
	                                  .nu = nu,
	                                  .cache_size = 8,
	                                  .eps = 1e-5,
	                                  .shrinking = 0};
	struct svm_problem problem = {.l = (int)count};
	struct svm_model *model = NULL;
	struct svm_node *nodes = NULL;
	const char *objection;
	vu_status status;

	memset(out, 0, sizeof *out);
	if (count < 2 || count > VU_OCSVM_VECTORS_MAX || dimensions == 0 || dimensions > VU_OCSVM_DIMENSIONS_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to train a one-class SVM: %zu vectors of %zu dimensions do not fit", count,
		               dimensions);
	if (!(nu > 0 && nu <= 1) || !(gamma > 0) || !(prune >= 0 && prune <= 0.9))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to train a one-class SVM: nu, gamma or prune is out of range");
	pthread_once(&quiet_once, be_quiet);
	nodes = malloc(count * (dimensions + 1) * sizeof *nodes);
	problem.x = malloc(count * sizeof *problem.x);
	problem.y = calloc(count, sizeof *problem.y);
	if (!nodes || !problem.x || !problem.y) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a one-class SVM: out of memory");
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		struct svm_node *row = nodes + i * (dimensions + 1);
		problem.x[i] = row;
		for (size_t d = 0; d < dimensions; d++) {
			if (!isfinite(rows[i * dimensions + d])) {
				status = vu_fail(error, VU_INVALID_ARGUMENT,
				                 "unable to train a one-class SVM: a value is not a number");
				goto out;
			}
			row[d] = (struct svm_node){(int)d + 1, rows[i * dimensions + d]};
		}
		row[dimensions] = (struct svm_node){-1, 0};
	}
	objection = svm_check_parameter(&problem, &parameter);
	if (objection) {
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to train a one-class SVM: %s", objection);
		goto out;
	}
	model = svm_train(&problem, &parameter);
	status = keep(model, rows, dimensions, prune, out, error);
	if (status == VU_OK && prune > 0) {
		/* The boundary moved with what was dropped: put it back where nu of the training vectors lie outside.
		 */
		float *values = malloc(count * sizeof *values);
		if (!values) {
			status =
			    vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a one-class SVM: out of memory");
		} else {
			size_t outside = (size_t)(nu * (double)count);
			out->machine.rho = 0;
			for (size_t i = 0; i < count; i++) {
				float value = vu_ocsvm_decision(&out->machine, rows + i * dimensions);
				size_t j = i;
				for (; j > 0 && values[j - 1] > value; j--)
					values[j] = values[j - 1];
				values[j] = value;
			}
			out->machine.rho = values[outside < count ? outside : count - 1];
			free(values);
		}
	}
	if (status == VU_OK && !(out->machine.rho > FLT_MIN))
		status =
		    vu_fail(error, VU_INVALID_ARGUMENT,
		            "unable to train a one-class SVM: the vectors are too far apart for gamma %g", gamma);
	if (status != VU_OK)
		vu_ocsvm_trained_free(out);
out:
	if (model)
		svm_free_and_destroy_model(&model);
	free(problem.y);
	free(problem.x);
	free(nodes);
	return status;
}

void vu_ocsvm_trained_free(vu_ocsvm_trained *trained)
{
	free(trained->vectors);
	free(trained->coefficients);
	memset(trained, 0, sizeof *trained);
}

static float squared_distance(const float *a, const float *b, size_t count)
{
	float sums[4] = {0, 0, 0, 0};
	size_t i = 0;
	for (; i + 4 <= count; i += 4) {
		for (size_t k = 0; k < 4; k++) {
			float difference = a[i + k] - b[i + k];
			sums[k] += difference * difference;
		}
	}
	for (; i < count; i++)
		sums[0] += (a[i] - b[i]) * (a[i] - b[i]);
	return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* -gamma |v_i - x|^2 */
static float exponent(const vu_ocsvm *machine, uint32_t i, const float *x)
{
	size_t n = machine->dimensions;

	if (machine->element == VU_ELEMENT_F16) {
		float row[VU_OCSVM_DIMENSIONS_MAX];
		vu_float16_unpack((const vu_float16 *)machine->vectors + i * n, row, n);
		return -machine->gamma * squared_distance(row, x, n);
	}
	if (machine->element == VU_ELEMENT_I8) {
		float row[VU_OCSVM_DIMENSIONS_MAX];
		vu_model_row_unpack_i8((const uint8_t *)machine->vectors +
		                           i * vu_model_row_bytes(VU_ELEMENT_I8, machine->dimensions),
		                       machine->dimensions, row);
		return -machine->gamma * squared_distance(row, x, n);
	}
	return -machine->gamma * squared_distance((const float *)machine->vectors + i * n, x, n);
}

float vu_ocsvm_decision(const vu_ocsvm *machine, const float *x)
{
	float sum = 0;
	for (uint32_t i = 0; i < machine->count; i++)
		sum += machine->coefficients[i] * expf(exponent(machine, i, x));
	return sum - machine->rho;
}

float vu_ocsvm_log_ratio(const vu_ocsvm *machine, const float *x)
{
	/* log-sum-exp in one pass: the sum is kept relative to the largest exponent so far. */
	float largest = -FLT_MAX;
	float sum = 0;
	for (uint32_t i = 0; i < machine->count; i++) {
		float e = exponent(machine, i, x);
		if (e > largest) {
			sum = sum * expf(largest - e) + machine->coefficients[i];
			largest = e;
		} else {
			sum += machine->coefficients[i] * expf(e - largest);
		}
	}
	/* At least one coefficient is above zero: the sum is too. */
	/* cppcheck-suppress invalidFunctionArg */
	return logf(sum) + largest - logf(machine->rho);
}
