/* Half precision. Nothing here fails; the kernels differ in speed only. */
#include "ml/float16.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#define VU_FLOAT16_F16C 1
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#define VU_FLOAT16_NEON 1
#include <arm_neon.h>
#endif

static uint32_t float_bits(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static float bits_float(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

vu_float16 vu_float16_from_float(float value)
{
	uint32_t bits = float_bits(value);
	uint32_t sign = (bits >> 16) & 0x8000u;
	uint32_t magnitude = bits & 0x7FFFFFFFu;

	if (magnitude > 0x7F800000u) /* NaN: quiet, with what fits of its payload, as the hardware does */
		return (vu_float16)(sign | 0x7E00u | ((magnitude >> 13) & 0x1FFu));
	if (magnitude >= 0x47800000u) /* 65536 and above, and infinity */
		return (vu_float16)(sign | 0x7C00u);
	if (magnitude >= 0x38800000u) { /* normal in half precision */
		uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
		return (vu_float16)(sign | ((rounded - 0x38000000u) >> 13));
	}
	if (magnitude < 0x33000000u) /* below half of the smallest subnormal */
		return (vu_float16)sign;
	{
		uint32_t exponent = magnitude >> 23;
		uint32_t mantissa = (magnitude & 0x7FFFFFu) | 0x800000u;
		uint32_t shift = 126u - exponent; /* 14 to 24 */
		uint32_t kept = mantissa >> shift;
		uint32_t rest = mantissa & ((1u << shift) - 1u);
		uint32_t half = 1u << (shift - 1u);
		if (rest > half || (rest == half && (kept & 1u)))
			kept++;
		return (vu_float16)(sign | kept);
	}
}

float vu_float16_to_float(vu_float16 value)
{
	uint32_t sign = (uint32_t)(value & 0x8000u) << 16;
	uint32_t exponent = (value >> 10) & 0x1Fu;
	uint32_t mantissa = value & 0x3FFu;

	if (exponent == 0x1Fu) /* a signalling NaN comes out quiet, as from the hardware */
		return bits_float(sign | 0x7F800000u | (mantissa << 13) | (mantissa ? 0x400000u : 0));
	if (exponent == 0) {
		float magnitude = (float)mantissa * 0x1p-24f;
		return sign ? -magnitude : magnitude;
	}
	return bits_float(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

static void pack_scalar(const float *from, vu_float16 *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = vu_float16_from_float(from[i]);
}

static void unpack_scalar(const vu_float16 *from, float *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = vu_float16_to_float(from[i]);
}

#ifdef VU_FLOAT16_F16C
__attribute__((target("avx,f16c"))) static void pack_f16c(const float *from, vu_float16 *to, size_t count)
{
	size_t i = 0;
	for (; i + 8 <= count; i += 8) {
		__m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
		_mm_storeu_si128((__m128i_u *)(void *)(to + i), half);
	}
	pack_scalar(from + i, to + i, count - i);
}

__attribute__((target("avx,f16c"))) static void unpack_f16c(const vu_float16 *from, float *to, size_t count)
{
	size_t i = 0;
	for (; i + 8 <= count; i += 8) {
		__m128i half;
		memcpy(&half, from + i, sizeof half);
		_mm256_storeu_ps(to + i, _mm256_cvtph_ps(half));
	}
	unpack_scalar(from + i, to + i, count - i);
}

static int ask_processor(void)
{
	unsigned a, b, c, d;
	/* The builtin knows whether the system saves AVX registers, but not every compiler's knows "f16c". */
	return __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) ? 1 : -1;
}

/* Asked once: under a hypervisor CPUID takes microseconds. Two threads that ask at once get the same answer. */
static int has_f16c(void)
{
	static _Atomic int known;
	int answer = atomic_load_explicit(&known, memory_order_relaxed);
	if (answer == 0) {
		answer = ask_processor();
		atomic_store_explicit(&known, answer, memory_order_relaxed);
	}
	return answer > 0;
}
#endif

#ifdef VU_FLOAT16_NEON
static void pack_neon(const float *from, vu_float16 *to, size_t count)
{
	size_t i = 0;
	for (; i + 4 <= count; i += 4)
		vst1_u16(to + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(from + i))));
	pack_scalar(from + i, to + i, count - i);
}

static void unpack_neon(const vu_float16 *from, float *to, size_t count)
{
	size_t i = 0;
	for (; i + 4 <= count; i += 4)
		vst1q_f32(to + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + i))));
	unpack_scalar(from + i, to + i, count - i);
}
#endif

void vu_float16_pack(const float *from, vu_float16 *to, size_t count)
{
#ifdef VU_FLOAT16_F16C
	if (has_f16c()) {
		pack_f16c(from, to, count);
		return;
	}
#elif defined(VU_FLOAT16_NEON)
	pack_neon(from, to, count);
	return;
#endif
	pack_scalar(from, to, count);
}

void vu_float16_unpack(const vu_float16 *from, float *to, size_t count)
{
#ifdef VU_FLOAT16_F16C
	if (has_f16c()) {
		unpack_f16c(from, to, count);
		return;
	}
#elif defined(VU_FLOAT16_NEON)
	unpack_neon(from, to, count);
	return;
#endif
	unpack_scalar(from, to, count);
}

const char *vu_float16_kernel(void)
{
#ifdef VU_FLOAT16_F16C
	return has_f16c() ? "f16c" : "scalar";
#elif defined(VU_FLOAT16_NEON)
	return "neon";
#else
	return "scalar";
#endif
}
