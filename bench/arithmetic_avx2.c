/* arithmetic_avx2.c - eight lanes; compiled with -mavx2 -mfma -mf16c. */
#include "arithmetic.h"

#ifdef __AVX2__
#include "arithmetic_weight.h"
#include "arithmetic_x86.h"

ALWAYS_INLINE __m256 load8(const void *x, size_t i, lms_dtype dtype)
{
    if (dtype == LMS_FLOAT32) return _mm256_loadu_ps((const float *)x + i);
    const void *const at = (const uint16_t *)x + i;
    const __m128i stored = _mm_loadu_si128((const __m128i *)at);
    if (dtype == LMS_FLOAT16) return _mm256_cvtph_ps(stored);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(stored), 16));
}

ALWAYS_INLINE bool maxima_of(const void *x, float *groups, lms_dtype dtype)
{
    __m256 nans = _mm256_setzero_ps(), best[TILE_GROUPS];
    for (size_t g = 0; g < TILE_GROUPS; ++g) {
        const size_t at = g * GROUP;
        const __m256 a = load8(x, at, dtype), b = load8(x, at + 8, dtype);
        const __m256 c = load8(x, at + 16, dtype), d = load8(x, at + 24, dtype);
        nans = _mm256_or_ps(nans, _mm256_or_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q),
                                               _mm256_cmp_ps(c, d, _CMP_UNORD_Q)));
        best[g] = _mm256_max_ps(_mm256_max_ps(a, b), _mm256_max_ps(c, d));
    }
    _mm256_storeu_ps(groups, fold8(best));
    return _mm256_movemask_ps(nans) != 0;
}

ALWAYS_INLINE __m256i weights8(__m256 x, __m256 scale, __m256 minus_h, __m256 least,
                               __m256i exponent)
{
    const __m256 round = _mm256_set1_ps(ROUND);
    const __m256 z = _mm256_max_ps(_mm256_fmadd_ps(x, scale, minus_h), least);
    const __m256 shifted = _mm256_add_ps(z, round);
    const __m256 f = _mm256_sub_ps(z, _mm256_sub_ps(shifted, round));
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(C6), f, _mm256_set1_ps(C5));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(C4));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(C3));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(C2));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(C1));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(1.0f));
    const __m256i bits = _mm256_add_epi32(
        _mm256_castps_si256(p),
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_castps_si256(shifted), exponent), 23));
    return _mm256_cvttps_epi32(_mm256_add_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(0.5f)));
}

ALWAYS_INLINE uint64_t weights_of(const void *x, float scale, float h, float c, lms_dtype dtype)
{
    const __m256 s = _mm256_set1_ps(scale), minus_h = _mm256_set1_ps(-h);
    const __m256 least = _mm256_set1_ps(c - DEPTH);
    const __m256i exponent = _mm256_set1_epi32(WEIGHT_BITS - (int)c);
    const __m256i low = _mm256_set1_epi64x(0xffffffff);
    __m256i sum = _mm256_setzero_si256();
    for (size_t i = 0; i < TILE; i += 32) {
        /* Four weights below 2^30 fit 32 bits. */
        const __m256i four = _mm256_add_epi32(
            _mm256_add_epi32(weights8(load8(x, i, dtype), s, minus_h, least, exponent),
                             weights8(load8(x, i + 8, dtype), s, minus_h, least, exponent)),
            _mm256_add_epi32(weights8(load8(x, i + 16, dtype), s, minus_h, least, exponent),
                             weights8(load8(x, i + 24, dtype), s, minus_h, least, exponent)));
        sum = _mm256_add_epi64(
            sum, _mm256_add_epi64(_mm256_and_si256(four, low), _mm256_srli_epi64(four, 32)));
    }
    uint64_t lanes[4];
    _mm256_storeu_si256((__m256i *)(void *)lanes, sum);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

PASSES(avx2_passes)
#endif
