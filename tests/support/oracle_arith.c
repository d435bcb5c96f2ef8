/* The oracle's single steps: conversions, scale, weight, logarithm, Philox. */
#include "oracle.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "a float operation must be rounded to float at once"
#endif

__extension__ typedef unsigned __int128 u128;

uint32_t oracle_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

float oracle_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float oracle_from_half(uint16_t pattern)
{
    const uint32_t sign = (uint32_t)(pattern & 0x8000u) << 16;
    const uint32_t exponent = (pattern >> 10) & 0x1fu;
    uint32_t mantissa = pattern & 0x3ffu;
    if (exponent == 0x1fu) {
        return oracle_float(sign | 0x7f800000u | mantissa << 13);
    }
    if (exponent != 0) {
        return oracle_float(sign | (exponent + 112u) << 23 | mantissa << 13);
    }
    if (mantissa == 0) {
        return oracle_float(sign);
    }
    /* a half subnormal is mantissa * 2^-24, a normal float */
    uint32_t biased = 113u;
    while (!(mantissa & 0x400u)) {
        mantissa <<= 1;
        biased--;
    }
    return oracle_float(sign | biased << 23 | (mantissa & 0x3ffu) << 13);
}

float oracle_from_bfloat16(uint16_t pattern) { return oracle_float((uint32_t)pattern << 16); }

bool oracle_is_dead(float x)
{
    const uint32_t bits = oracle_bits(x);
    return (bits & 0x7fffffffu) > 0x7f800000u || bits == 0xff800000u;
}

int32_t oracle_key(float x)
{
    const uint32_t bits = oracle_bits(x);
    const int32_t magnitude = (int32_t)(bits & 0x7fffffffu);
    return bits >> 31 ? -magnitude : magnitude;
}

void oracle_decompose(float x, uint32_t *a, int *b)
{
    const uint32_t bits = oracle_bits(x);
    const uint32_t exponent = bits >> 23 & 0xffu;
    uint32_t mantissa = bits & 0x7fffffu;
    int power = -149;
    if (exponent != 0) {
        mantissa |= 0x800000u;
        power = (int)exponent - 150;
    }
    while (!(mantissa & 1u)) {
        mantissa >>= 1;
        power++;
    }
    *a = mantissa;
    *b = power;
}

/* 2^e, -126 <= e <= 127 */
static float power_of_two(int e) { return oracle_float((uint32_t)(e + 127) << 23); }

/* numerator / (2^63 t) rounded to 24 bits as in section 2; t positive and normal */
static float divide(uint64_t numerator, float t)
{
    const uint32_t bits = oracle_bits(t);
    const uint64_t a = (bits & 0x7fffffu) | 0x800000u;
    const int b = (int)(bits >> 23) - 150;
    const uint64_t q = numerator / a;
    int n = 39; /* at least: numerator >= 2^63 and a < 2^24 */
    while (q >> n) {
        n++;
    }
    const int h = n - 24;
    const uint64_t c = (q + (UINT64_C(1) << (h - 1))) >> h;
    const int e = h - 63 - b;
    /* in two steps, as 2^e alone can be out of range; the first is exact */
    return (float)c * power_of_two(e / 2) * power_of_two(e - e / 2);
}

float oracle_scale(float t) { return divide(UINT64_C(0xB8AA3B295C17F0BC), t); }

float oracle_reciprocal(float t) { return divide(UINT64_C(1) << 63, t); }

oracle_split oracle_split_at(float x, float scale)
{
    oracle_split split = {.huge = false};
    const float u = x * scale;
    const float limit = 0x1p40f;
    if (u >= limit || u <= -limit) {
        split.huge = true;
        return split;
    }
    split.h = rintf(u);
    split.c = rintf(fmaf(x, scale, -split.h));
    split.m = (int64_t)split.h + (int64_t)split.c;
    return split;
}

uint32_t oracle_weight_of_z(float z, float c)
{
    static const float coefficients[6] = {0x1.62e430p-1f, 0x1.ebfbdcp-3f,  0x1.c6aee8p-5f,
                                          0x1.3b2d4cp-7f, 0x1.5f3e52p-10f, 0x1.41fbbcp-13f};
    /* so written that a NaN would be clamped too */
    if (!(z > c - 32.0f)) {
        z = c - 32.0f;
    }
    const float r = rintf(z);
    const float f = z - r;
    float p = coefficients[5];
    for (int i = 4; i >= 0; i--) {
        p = fmaf(p, f, coefficients[i]);
    }
    p = fmaf(p, f, 1.0f);
    const float v = p * power_of_two((int)(r - c) + ORACLE_W);
    const float rounded = v + 0.5f;
    return (uint32_t)rounded;
}

uint32_t oracle_weight(float x, float scale, const oracle_split *split)
{
    return oracle_weight_of_z(fmaf(x, scale, -split->h), split->c);
}

uint64_t oracle_bound(uint32_t group_weight)
{
    return (uint64_t)group_weight + (group_weight >> 20) + 2;
}

uint64_t oracle_mass(uint32_t weight, uint64_t shift)
{
    if (shift >= 60) {
        return 0;
    }
    const uint64_t fine = (uint64_t)weight << ORACLE_GUARD;
    return shift == 0 ? fine : (fine + (UINT64_C(1) << (shift - 1))) >> shift;
}

uint64_t oracle_lg(uint64_t n)
{
    unsigned e = 63;
    while (!(n >> e)) {
        e--;
    }
    uint64_t m = n << (63 - e);
    uint64_t fraction = 0;
    for (int i = 0; i < 32; i++) {
        m = (uint64_t)((u128)m * m >> 64);
        const uint64_t bit = m >> 63;
        if (!bit) {
            m *= 2;
        }
        fraction = fraction << 1 | bit;
    }
    return ((uint64_t)e << 32) + fraction;
}

void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    for (int round = 0; round < 10; round++) {
        if (round > 0) {
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        const uint64_t from_c2 = UINT64_C(0xCD9E8D57) * c[2];
        const uint64_t from_c0 = UINT64_C(0xD2511F53) * c[0];
        c[0] = (uint32_t)(from_c2 >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)from_c2;
        c[2] = (uint32_t)(from_c0 >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)from_c0;
    }
    memcpy(out, c, sizeof c);
}

uint32_t oracle_check_params(const oracle_params *p)
{
    uint32_t field = 0;
    if (!(p->temperature == 0.0f ||
          (p->temperature >= 0x1p-64f && p->temperature <= 0x1p64f))) {
        field = 1;
    } else if (p->top_p != p->top_p) {
        field = 2;
    } else if (!(p->min_p <= 1.0f)) {
        field = 3;
    } else if (p->flags & ~15u) {
        field = 4;
    } else if (p->rules) {
        field = 6;
    } else if (p->slot) {
        field = 7;
    } else if (p->edits) {
        field = 8;
    } else if (p->mask) {
        field = 10;
    } else if (p->unconditional) {
        field = 11;
    } else if (p->wants) {
        field = 9;
    } else if (p->target) {
        field = 12;
    } else if (p->step == UINT64_MAX) {
        field = 13; /* the step of a slot that is not there */
    } else if (p->request_reserved | p->reserved[0] | p->reserved[1]) {
        field = 5;
    }
    return field ? (uint32_t)ORACLE_BAD_PARAMS | field << 8 : 0u;
}
