/*
 * Training by Adam on the weighted logistic loss. Members differ by their
 * seed: starting weights, order of examples, mixing and dropout.
 */
#include "ml/mlp.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BETA1     0.9f
#define BETA2     0.999f
#define EPSILON   1e-8f
#define BATCH_MAX 256

struct vu_mlp_owned {
	vu_mlp view;
	float *block;
};

/* One parameter array with its gradient and Adam's two moments. */
typedef struct parameters {
	float *value;
	float *gradient;
	float *first;
	float *second;
	size_t count;
	float decay;
} parameters;

typedef struct member {
	parameters weights;
	parameters bias;
	parameters out;
	parameters offset;
	float *input;      /* batch x inputs */
	float *activation; /* batch x hidden */
	uint64_t random;
} member;

vu_mlp_training vu_mlp_training_default(void)
{
	return (vu_mlp_training){.hidden = 24,
	                         .members = 8,
	                         .epochs = 10,
	                         .batch = 64,
	                         .rate = 0.001f,
	                         .decay = 0.5f,
	                         .dropout = 0.05f,
	                         .mixing = 0.0f,
	                         .seed = 1};
}

static int make_parameters(parameters *p, size_t count, float decay)
{
	p->count = count;
	p->decay = decay;
	p->value = calloc(count, sizeof(float));
	p->gradient = calloc(count, sizeof(float));
	p->first = calloc(count, sizeof(float));
	p->second = calloc(count, sizeof(float));
	return p->value && p->gradient && p->first && p->second;
}

static void free_parameters(parameters *p)
{
	free(p->value);
	free(p->gradient);
	free(p->first);
	free(p->second);
}

static void update(parameters *p, float rate, unsigned step)
{
	float correct1 = 1 - powf(BETA1, (float)step);
	float correct2 = 1 - powf(BETA2, (float)step);

	for (size_t i = 0; i < p->count; i++) {
		float g = p->gradient[i];
		p->first[i] = BETA1 * p->first[i] + (1 - BETA1) * g;
		p->second[i] = BETA2 * p->second[i] + (1 - BETA2) * g * g;
		p->value[i] -= rate * (p->first[i] / correct1 / (sqrtf(p->second[i] / correct2) + EPSILON) +
		                       p->decay * p->value[i]);
		p->gradient[i] = 0;
	}
}

static int make_member(member *m, const vu_mlp_training *how, uint32_t inputs, uint32_t index)
{
	*m = (member){0};
	m->random = how->seed * 1000003u + index;
	if (!make_parameters(&m->weights, (size_t)how->hidden * inputs, how->decay) ||
	    !make_parameters(&m->bias, how->hidden, 0) || !make_parameters(&m->out, how->hidden, how->decay) ||
	    !make_parameters(&m->offset, 1, 0))
		return 0;
	m->input = calloc((size_t)how->batch * inputs, sizeof(float));
	m->activation = calloc((size_t)how->batch * how->hidden, sizeof(float));
	for (size_t i = 0; i < m->weights.count; i++)
		m->weights.value[i] = (float)(vu_random_normal(&m->random) * sqrt(2.0 / inputs));
	for (size_t i = 0; i < m->out.count; i++)
		m->out.value[i] = (float)(vu_random_normal(&m->random) * sqrt(1.0 / how->hidden));
	return m->input && m->activation;
}

static void free_member(member *m)
{
	free_parameters(&m->weights);
	free_parameters(&m->bias);
	free_parameters(&m->out);
	free_parameters(&m->offset);
	free(m->input);
	free(m->activation);
}

static float dot(const float *a, const float *b, size_t count)
{
	float parts[8] = {0};
	size_t i = 0;

	for (; i + 8 <= count; i += 8) {
		for (size_t k = 0; k < 8; k++)
			parts[k] += a[i + k] * b[i + k];
	}
	for (; i < count; i++)
		parts[0] += a[i] * b[i];
	return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

/* One example forth and back; adds to the gradients. `keep` is what dropout leaves, already scaled. */
static void learn(member *m, const vu_mlp_training *how, uint32_t inputs, const float *x, float *activation,
                  float target, float weight)
{
	float sum = m->offset.value[0];
	float slope;

	for (uint32_t h = 0; h < how->hidden; h++) {
		float a = dot(m->weights.value + (size_t)h * inputs, x, inputs) + m->bias.value[h];
		a = a > 0 ? a : 0;
		if (how->dropout > 0)
			a = vu_random_uniform(&m->random) < (double)how->dropout ? 0 : a / (1 - how->dropout);
		activation[h] = a;
		sum += m->out.value[h] * a;
	}
	slope = weight * (1 / (1 + expf(-sum)) - target);
	m->offset.gradient[0] += slope;
	for (uint32_t h = 0; h < how->hidden; h++) {
		float back;
		float *gradient = m->weights.gradient + (size_t)h * inputs;
		if (activation[h] <= 0)
			continue;
		m->out.gradient[h] += slope * activation[h];
		back = slope * m->out.value[h] / (how->dropout > 0 ? 1 - how->dropout : 1);
		m->bias.gradient[h] += back;
		for (uint32_t i = 0; i < inputs; i++)
			gradient[i] += back * x[i];
	}
}

static void draw_input(member *m, const vu_mlp_training *how, const float *scaled, const vu_mlp_example *examples,
                       size_t count, size_t index, uint32_t inputs, float *x, float *target, float *weight)
{
	const float *mine = scaled + index * inputs;

	memcpy(x, mine, inputs * sizeof *x);
	*target = examples[index].target;
	*weight = examples[index].weight;
	if (how->mixing > 0) {
		size_t other = (size_t)(vu_random_uniform(&m->random) * (double)count);
		float share = how->mixing * (float)vu_random_uniform(&m->random);
		for (uint32_t i = 0; i < inputs; i++)
			x[i] += share * (scaled[other * inputs + i] - x[i]);
		*target += share * (examples[other].target - *target);
		*weight += share * (examples[other].weight - *weight);
	}
	for (uint32_t i = 0; how->dropout > 0 && i < inputs; i++)
		x[i] = vu_random_uniform(&m->random) < (double)how->dropout ? 0 : x[i] / (1 - how->dropout);
}

static void train_member(member *m, const vu_mlp_training *how, uint32_t inputs, const float *scaled,
                         const vu_mlp_example *examples, size_t count, uint32_t *order)
{
	size_t steps = (count + how->batch - 1) / how->batch;
	size_t all = steps * how->epochs;
	unsigned step = 0;

	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t epoch = 0; epoch < how->epochs; epoch++) {
		for (size_t i = count - 1; i > 0; i--) {
			size_t j = (size_t)(vu_random_uniform(&m->random) * (double)(i + 1));
			uint32_t kept = order[i];
			order[i] = order[j];
			order[j] = kept;
		}
		for (size_t begin = 0; begin < count; begin += how->batch) {
			size_t batch = count - begin < how->batch ? count - begin : how->batch;
			float rate = how->rate * 0.5f * (1 + cosf(3.14159265f * (float)step / (float)all));
			for (size_t b = 0; b < batch; b++) {
				float target;
				float weight;
				draw_input(m, how, scaled, examples, count, order[begin + b], inputs, m->input,
				           &target, &weight);
				learn(m, how, inputs, m->input, m->activation, target, weight / (float)batch);
			}
			step++;
			update(&m->weights, rate, step);
			update(&m->bias, rate, step);
			update(&m->out, rate, step);
			update(&m->offset, rate, step);
		}
	}
}

static void fit_scaler(const vu_mlp_example *examples, size_t count, uint32_t inputs, float *mean, float *scale)
{
	for (uint32_t i = 0; i < inputs; i++) {
		double sum = 0;
		double square = 0;
		for (size_t n = 0; n < count; n++) {
			double value = (double)examples[n].vector[i];
			sum += value;
			square += value * value;
		}
		mean[i] = (float)(sum / (double)count);
		scale[i] =
		    (float)(1 / sqrt(fmax(square / (double)count - sum / (double)count * sum / (double)count, 1e-8)));
	}
}

static float *scale_all(const vu_mlp_example *examples, size_t count, uint32_t inputs, const float *mean,
                        const float *scale)
{
	float *scaled = malloc(count * inputs * sizeof *scaled);

	for (size_t n = 0; scaled && n < count; n++) {
		for (uint32_t i = 0; i < inputs; i++) {
			float value = (examples[n].vector[i] - mean[i]) * scale[i];
			scaled[n * inputs + i] = fminf(fmaxf(value, -VU_MLP_INPUT_LIMIT), VU_MLP_INPUT_LIMIT);
		}
	}
	return scaled;
}

static int valid(const vu_mlp_training *how, uint32_t inputs, const vu_mlp_example *examples, size_t count)
{
	size_t bonafide = 0;

	for (size_t i = 0; i < count; i++)
		bonafide += examples[i].target > 0.5f;
	return bonafide > 0 && bonafide < count && count < UINT32_MAX && inputs > 0 && inputs <= VU_MLP_INPUTS_MAX &&
	       how->hidden > 0 && how->hidden <= VU_MLP_HIDDEN_MAX && how->members > 0 &&
	       how->members <= VU_MLP_MEMBERS_MAX && how->batch > 0 && how->batch <= BATCH_MAX && how->epochs > 0 &&
	       how->dropout >= 0 && how->dropout < 1;
}

vu_status vu_mlp_train(const vu_mlp_training *how, uint32_t inputs, const vu_mlp_example *examples, size_t count,
                       vu_mlp_owned **mlp_out)
{
	size_t units = (size_t)how->members * how->hidden;
	vu_mlp_owned *owned = NULL;
	uint32_t *order = NULL;
	float *scaled = NULL;
	float *at;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	*mlp_out = NULL;
	if (!valid(how, inputs, examples, count))
		return VU_INVALID_ARGUMENT;
	owned = calloc(1, sizeof *owned);
	order = malloc(count * sizeof *order);
	if (!owned || !order)
		goto out;
	owned->block = calloc(2 * inputs + units * inputs + 2 * units + how->members, sizeof(float));
	if (!owned->block)
		goto out;
	at = owned->block;
	owned->view.shape = (vu_mlp_shape){inputs, how->hidden, how->members};
	owned->view.mean = at;
	owned->view.scale = at + inputs;
	fit_scaler(examples, count, inputs, at, at + inputs);
	scaled = scale_all(examples, count, inputs, owned->view.mean, owned->view.scale);
	if (!scaled)
		goto out;
	owned->view.weights = at += 2 * (size_t)inputs;
	owned->view.bias = owned->view.weights + units * inputs;
	owned->view.out = owned->view.bias + units;
	owned->view.offset = owned->view.out + units;
	for (uint32_t k = 0; k < how->members; k++) {
		member m;
		int made = make_member(&m, how, inputs, k);
		if (made) {
			train_member(&m, how, inputs, scaled, examples, count, order);
			memcpy(at + k * m.weights.count, m.weights.value, m.weights.count * sizeof(float));
			memcpy(at + units * inputs + k * how->hidden, m.bias.value, how->hidden * sizeof(float));
			memcpy(at + units * (inputs + 1) + k * how->hidden, m.out.value, how->hidden * sizeof(float));
			at[units * (inputs + 2) + k] = m.offset.value[0];
		}
		free_member(&m);
		if (!made)
			goto out;
	}
	*mlp_out = owned;
	owned = NULL;
	status = VU_OK;
out:
	vu_mlp_owned_destroy(owned);
	free(scaled);
	free(order);
	return status;
}

const vu_mlp *vu_mlp_owned_get(const vu_mlp_owned *owned)
{
	return &owned->view;
}

void vu_mlp_owned_destroy(vu_mlp_owned *owned)
{
	if (!owned)
		return;
	free(owned->block);
	free(owned);
}
