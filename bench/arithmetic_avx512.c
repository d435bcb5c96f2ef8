/* arithmetic_avx512.c - sixteen lanes; compiled with -mavx512f -mavx512dq. */
#include "arithmetic.h"

#ifdef __AVX512F__
#include "arithmetic_weight.h"
#include "arithmetic_x86.h"

ALWAYS_INLINE __m512 load16(const void *x, size_t i, lms_dtype dtype)
{
    if (dtype == LMS_FLOAT32) return _mm512_loadu_ps((const float *)x + i);
    const void *const at = (const uint16_t *)x + i;
    const __m256i stored = _mm256_loadu_si256((const __m256i *)at);
    if (dtype == LMS_FLOAT16) return _mm512_cvtph_ps(stored);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(stored), 16));
}

ALWAYS_INLINE bool maxima_of(const void *x, float *groups, lms_dtype dtype)
{
    __mmask16 nans = 0;
    __m256 best[TILE_GROUPS];
    for (size_t g = 0; g < TILE_GROUPS; ++g) {
        const __m512 a = load16(x, g * GROUP, dtype);
        const __m512 b = load16(x, g * GROUP + 16, dtype);
        nans |= _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q);
        const __m512 most = _mm512_max_ps(a, b);
        best[g] = _mm256_max_ps(_mm512_castps512_ps256(most), _mm512_extractf32x8_ps(most, 1));
    }
    _mm256_storeu_ps(groups, fold8(best));
    return nans != 0;
}

ALWAYS_INLINE __m512i weights16(__m512 x, __m512 scale, __m512 minus_h, __m512 least,
                                __m512i exponent)
{
    const __m512 round = _mm512_set1_ps(ROUND);
    const __m512 z = _mm512_max_ps(_mm512_fmadd_ps(x, scale, minus_h), least);
    const __m512 shifted = _mm512_add_ps(z, round);
    const __m512 f = _mm512_sub_ps(z, _mm512_sub_ps(shifted, round));
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(C6), f, _mm512_set1_ps(C5));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(C4));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(C3));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(C2));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(C1));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    const __m512i bits = _mm512_add_epi32(
        _mm512_castps_si512(p),
        _mm512_slli_epi32(_mm512_add_epi32(_mm512_castps_si512(shifted), exponent), 23));
    return _mm512_cvttps_epi32(_mm512_add_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(0.5f)));
}

ALWAYS_INLINE uint64_t weights_of(const void *x, float scale, float h, float c, lms_dtype dtype)
{
    const __m512 s = _mm512_set1_ps(scale), minus_h = _mm512_set1_ps(-h);
    const __m512 least = _mm512_set1_ps(c - DEPTH);
    const __m512i exponent = _mm512_set1_epi32(WEIGHT_BITS - (int)c);
    const __m512i low = _mm512_set1_epi64(0xffffffff);
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < TILE; i += 64) {
        /* Four weights below 2^30 fit 32 bits. */
        const __m512i four = _mm512_add_epi32(
            _mm512_add_epi32(weights16(load16(x, i, dtype), s, minus_h, least, exponent),
                             weights16(load16(x, i + 16, dtype), s, minus_h, least, exponent)),
            _mm512_add_epi32(weights16(load16(x, i + 32, dtype), s, minus_h, least, exponent),
                             weights16(load16(x, i + 48, dtype), s, minus_h, least, exponent)));
        sum = _mm512_add_epi64(
            sum, _mm512_add_epi64(_mm512_and_si512(four, low), _mm512_srli_epi64(four, 32)));
    }
    return (uint64_t)_mm512_reduce_add_epi64(sum);
}

PASSES(avx512_passes)
#endif
