/* arithmetic_x86.h - the end of a tile's maxima, for AVX2 and AVX-512. */
#ifndef BENCH_ARITHMETIC_X86_H
#define BENCH_ARITHMETIC_X86_H

#include <immintrin.h>

/* Lane i of the result is the largest lane of v[i]. */
static inline __m256 fold8(const __m256 v[8])
{
    __m256 pairs[4], fours[2];
    for (int i = 0; i < 4; ++i) {
        pairs[i] = _mm256_max_ps(_mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]),
                                 _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]));
    }
    for (int i = 0; i < 2; ++i) {
        const __m256d a = _mm256_castps_pd(pairs[2 * i]);
        const __m256d b = _mm256_castps_pd(pairs[2 * i + 1]);
        fours[i] = _mm256_max_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(a, b)),
                                 _mm256_castpd_ps(_mm256_unpackhi_pd(a, b)));
    }
    return _mm256_max_ps(_mm256_permute2f128_ps(fours[0], fours[1], 0x20),
                         _mm256_permute2f128_ps(fours[0], fours[1], 0x31));
}

#endif
