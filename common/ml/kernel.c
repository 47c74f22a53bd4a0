/* Kernels. Several sums run side by side, so that plain C vectorizes too. */
#include "ml/kernel.h"

#include <stdatomic.h>

#define SUMS 8

static float dot_plain(const float *a, const float *b, size_t count)
{
	float sums[SUMS] = {0};
	float total = 0;
	size_t i = 0;

	for (; i + SUMS <= count; i += SUMS)
		for (size_t k = 0; k < SUMS; k++)
			sums[k] += a[i + k] * b[i + k];
	for (size_t k = 0; k < SUMS; k++)
		total += sums[k];
	for (; i < count; i++)
		total += a[i] * b[i];
	return total;
}

static float dot_half_plain(const vu_float16 *a, const float *b, size_t count)
{
	float total = 0;
	float piece[256];

	for (size_t i = 0; i < count; i += 256) {
		size_t n = count - i < 256 ? count - i : 256;
		vu_float16_unpack(a + i, piece, n);
		total += dot_plain(piece, b + i, n);
	}
	return total;
}

static float dot_i8_plain(const int8_t *a, const float *b, size_t count)
{
	float total = 0;
	float piece[256];

	for (size_t i = 0; i < count; i += 256) {
		size_t n = count - i < 256 ? count - i : 256;
		for (size_t k = 0; k < n; k++)
			piece[k] = a[i + k];
		total += dot_plain(piece, b + i, n);
	}
	return total;
}

static void add_two_plain(float *out, const float *a, float x, const float *b, float y, size_t count)
{
	for (size_t i = 0; i < count; i++)
		out[i] += a[i] * x + b[i] * y;
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define FAST __attribute__((target("avx2,fma,f16c")))

FAST static float sum_of(__m256 a, __m256 b)
{
	__m256 both = _mm256_add_ps(a, b);
	__m128 four = _mm_add_ps(_mm256_castps256_ps128(both), _mm256_extractf128_ps(both, 1));
	__m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
	return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

FAST static float dot_fast(const float *a, const float *b, size_t count)
{
	__m256 first = _mm256_setzero_ps();
	__m256 second = _mm256_setzero_ps();
	float total;
	size_t i = 0;

	for (; i + 16 <= count; i += 16) {
		first = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), first);
		second = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), second);
	}
	total = sum_of(first, second);
	for (; i < count; i++)
		total += a[i] * b[i];
	return total;
}

FAST static __m256 load_half(const vu_float16 *from)
{
	__m128i half;
	memcpy(&half, from, sizeof half);
	return _mm256_cvtph_ps(half);
}

/* Four sums hide the latency of each; what is left of a row is filled up with zeros, since one half at a time is
 * slow.
 */
FAST static float dot_half_fast(const vu_float16 *a, const float *b, size_t count)
{
	__m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
	size_t i = 0;

	for (; i + 32 <= count; i += 32) {
		sums[0] = _mm256_fmadd_ps(load_half(a + i), _mm256_loadu_ps(b + i), sums[0]);
		sums[1] = _mm256_fmadd_ps(load_half(a + i + 8), _mm256_loadu_ps(b + i + 8), sums[1]);
		sums[2] = _mm256_fmadd_ps(load_half(a + i + 16), _mm256_loadu_ps(b + i + 16), sums[2]);
		sums[3] = _mm256_fmadd_ps(load_half(a + i + 24), _mm256_loadu_ps(b + i + 24), sums[3]);
	}
	for (; i + 8 <= count; i += 8)
		sums[i / 8 % 4] = _mm256_fmadd_ps(load_half(a + i), _mm256_loadu_ps(b + i), sums[i / 8 % 4]);
	if (i < count) {
		vu_float16 halves[8] = {0};
		float floats[8] = {0};
		memcpy(halves, a + i, (count - i) * sizeof *halves);
		memcpy(floats, b + i, (count - i) * sizeof *floats);
		sums[3] = _mm256_fmadd_ps(load_half(halves), _mm256_loadu_ps(floats), sums[3]);
	}
	return sum_of(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
}

FAST static __m256 load_i8(const int8_t *from)
{
	int64_t eight;
	memcpy(&eight, from, sizeof eight);
	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(eight)));
}

FAST static float dot_i8_fast(const int8_t *a, const float *b, size_t count)
{
	__m256 first = _mm256_setzero_ps();
	__m256 second = _mm256_setzero_ps();
	float total;
	size_t i = 0;

	for (; i + 16 <= count; i += 16) {
		first = _mm256_fmadd_ps(load_i8(a + i), _mm256_loadu_ps(b + i), first);
		second = _mm256_fmadd_ps(load_i8(a + i + 8), _mm256_loadu_ps(b + i + 8), second);
	}
	total = sum_of(first, second);
	for (; i < count; i++)
		total += a[i] * b[i];
	return total;
}

FAST static void add_two_fast(float *out, const float *a, float x, const float *b, float y, size_t count)
{
	__m256 xs = _mm256_set1_ps(x);
	__m256 ys = _mm256_set1_ps(y);
	size_t i = 0;

	for (; i + 8 <= count; i += 8) {
		__m256 sum = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), xs, _mm256_loadu_ps(out + i));
		_mm256_storeu_ps(out + i, _mm256_fmadd_ps(_mm256_loadu_ps(b + i), ys, sum));
	}
	add_two_plain(out + i, a + i, x, b + i, y, count - i);
}

/* Asked once: under a hypervisor CPUID takes microseconds. Two threads that ask at once get the same answer. */
static int is_fast(void)
{
	static _Atomic int known;
	int answer = atomic_load_explicit(&known, memory_order_relaxed);
	if (answer == 0) {
		unsigned a, b, c, d;
		answer = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
		                 __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C)
		             ? 1
		             : -1;
		atomic_store_explicit(&known, answer, memory_order_relaxed);
	}
	return answer > 0;
}
#else
/* The compiler makes vector instructions of the plain loops. */
#define dot_fast      dot_plain
#define dot_half_fast dot_half_plain
#define dot_i8_fast   dot_i8_plain
#define add_two_fast  add_two_plain

static int is_fast(void)
{
	return 0;
}
#endif

float vu_kernel_dot(const float *a, const float *b, size_t count)
{
	return is_fast() ? dot_fast(a, b, count) : dot_plain(a, b, count);
}

float vu_kernel_dot_half(const vu_float16 *a, const float *b, size_t count)
{
	return is_fast() ? dot_half_fast(a, b, count) : dot_half_plain(a, b, count);
}

float vu_kernel_dot_i8(const int8_t *a, const float *b, size_t count)
{
	return is_fast() ? dot_i8_fast(a, b, count) : dot_i8_plain(a, b, count);
}

void vu_kernel_add_two(float *out, const float *a, float x, const float *b, float y, size_t count)
{
	if (is_fast())
		add_two_fast(out, a, x, b, y, count);
	else
		add_two_plain(out, a, x, b, y, count);
}

const char *vu_kernel_name(void)
{
	return is_fast() ? "avx2" : "plain";
}
