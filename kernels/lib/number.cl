/* number.cl - the arithmetic of the specification: sections 2, 3 and 8.
 *
 * Only operations that OpenCL rounds correctly (+ - * fma and conversions) and integers. A
 * device's division, exp2 or log2 would differ from another's. */
#pragma OPENCL FP_CONTRACT OFF

/* numerator * 2^-63 / x for a positive normal x, rounded to 24 bits, ties up. */
float lms_quotient(ulong numerator, float x)
{
    const uint bits = as_uint(x);
    const int b = (int)(bits >> 23) - 150; /* x = a * 2^b, a of 24 bits */
    const ulong q = numerator / ((bits & 0x7fffffu) | 0x800000u);
    const int h = 40 - (int)clz(q);
    ulong c = (q + (1ul << (h - 1))) >> h;
    int exponent = h - 63 - b;
    if (c >> 24) {
        c >>= 1;
        ++exponent;
    }
    return as_float((uint)((exponent + 150) << 23) | ((uint)c & 0x7fffffu));
}

/* log2(e) / temperature; log2(e) = L * 2^-63. */
float lms_scale(float temperature) { return lms_quotient(0xB8AA3B295C17F0BCul, temperature); }
float lms_reciprocal(float x) { return lms_quotient(1ul << 63, x); }

/* log2(n) * 2^32 by repeated squaring of the mantissa; n >= 1. */
long lms_lg(ulong n)
{
    const int e = 63 - (int)clz(n);
    ulong m = n << (63 - e);
    ulong fraction = 0;
    for (uint i = 0; i < 32; ++i) {
        m = mul_hi(m, m);
        const ulong bit = m >> 63;
        m <<= 1 - bit;
        fraction = fraction << 1 | bit;
    }
    return (long)((ulong)e << 32 | fraction);
}

/* Nearest integer, ties to even. Adding and subtracting 2^23 rounds below 2^23; from there on
 * every float is an integer. (The builtin is many instructions on some CPUs.) */
float lms_rint(float x)
{
    const float magnitude = fabs(x);
    const float rounded = (magnitude + 0x1p+23f) - 0x1p+23f;
    return magnitude < 0x1p+23f ? (x < 0.0f ? -rounded : rounded) : x;
}

/* A row at one scale. `top` is R, the exponent of the tile of the row's maximum. In a huge row
 * only tokens equal to the maximum weigh anything. */
typedef struct lms_scaled {
    float s;
    int max_key;
    bool huge;
    long top;
} lms_scaled;

/* A tile in such a row: x*s = h + z, the exponent of its unit of weight is -(29 - c) relative
 * to 2^h; a token's mass is its weight << 13 >> shift. Tiles that do not count have
 * shift 64. */
typedef struct lms_unit {
    float h;
    float c;
    uint shift;
} lms_unit;

#define LMS_HUGE 0x1p+40f
#define LMS_WEIGHT_BITS 29
#define LMS_GUARD_BITS 13u

lms_scaled lms_at_scale(float s, int max_key)
{
    lms_scaled r;
    const float x = lms_logit_of(max_key);
    const float u = x * s;
    r.s = s;
    r.max_key = max_key;
    r.huge = !(fabs(u) < LMS_HUGE);
    r.top = 0;
    if (!r.huge) {
        const float h = lms_rint(u);
        r.top = (long)h + (long)lms_rint(fma(x, s, -h));
    }
    return r;
}

lms_unit lms_unit_of(const lms_scaled *r, int tile_key)
{
    lms_unit t;
    t.h = 0.0f;
    t.c = 0.0f;
    t.shift = 64;
    if (r->huge) {
        if (tile_key == r->max_key) t.shift = 0;
        return t;
    }
    const float x = lms_logit_of(tile_key);
    const float u = x * r->s;
    if (tile_key == LMS_NEVER || !(fabs(u) < LMS_HUGE)) return t;
    t.h = lms_rint(u);
    t.c = lms_rint(fma(x, r->s, -t.h));
    /* M <= R, because M is monotone in the logit. */
    t.shift = (uint)min(r->top - ((long)t.h + (long)t.c), 64l);
    return t;
}

#define LMS_MAGIC 0x1.8p+23f /* adding it rounds |z| <= 2^22 to an integer in the low bits */

/* Weights of eight tokens of a tile that counts: integers below 2^30. NaN and -inf weigh 0,
 * because they fail the comparison. */
int8 lms_weights8(const lms_scaled *r, lms_unit t, float8 x)
{
    if (r->huge) {
        return select((int8)(0), (int8)(1 << LMS_WEIGHT_BITS), lms_keys8(x) == r->max_key);
    }
    float8 z = fma(x, (float8)(r->s), (float8)(-t.h));
    const float8 floor8 = (float8)(t.c - 32.0f);
    z = z > floor8 ? z : floor8;
    const float8 n = z + LMS_MAGIC;
    const float8 f = z - (n - LMS_MAGIC);
    float8 p = (float8)(0x1.41fbbcp-13f);
    p = fma(p, f, (float8)(0x1.5f3e52p-10f));
    p = fma(p, f, (float8)(0x1.3b2d4cp-7f));
    p = fma(p, f, (float8)(0x1.c6aee8p-5f));
    p = fma(p, f, (float8)(0x1.ebfbdcp-3f));
    p = fma(p, f, (float8)(0x1.62e430p-1f));
    p = fma(p, f, (float8)(1.0f));
    /* p * 2^(rint(z) - c + 29) through the exponent field, modulo 2^32. */
    const int8 exponent = (as_int8(n) << 23) + ((LMS_WEIGHT_BITS - (int)t.c) << 23);
    return convert_int8(as_float8(as_int8(p) + exponent) + 0.5f);
}

int lms_weight(const lms_scaled *r, lms_unit t, float x)
{
    return lms_weights8(r, t, (float8)(x)).s0;
}

/* Mass in the row of a weight in a tile. */
ulong8 lms_masses8(lms_unit t, int8 w)
{
    if (t.shift >= 60) return (ulong8)(0);
    const ulong8 r = convert_ulong8(w);
    if (t.shift <= LMS_GUARD_BITS) return r << (ulong)(LMS_GUARD_BITS - t.shift);
    const ulong down = t.shift - LMS_GUARD_BITS;
    return (r + (1ul << (down - 1))) >> down;
}

/* Of a sum of weights, rounded down. */
ulong lms_mass_of_sum(lms_unit t, ulong sum)
{
    return t.shift >= 64 ? 0 : sum << LMS_GUARD_BITS >> t.shift;
}

ulong lms_sum8(ulong8 v)
{
    const ulong4 a = v.lo + v.hi;
    const ulong2 b = a.lo + a.hi;
    return b.x + b.y;
}

/* K of section 9: ln of `mass` relative to the weight of the row's maximum. */
float lms_log_mass(const lms_scaled *r, ulong mass)
{
    float z = 0.0f;
    if (!r->huge) {
        const lms_unit t = lms_unit_of(r, r->max_key);
        z = fma(lms_logit_of(r->max_key), r->s, -t.h) - t.c;
    }
    const long c = lms_lg(mass) - ((long)(LMS_WEIGHT_BITS + LMS_GUARD_BITS) << 32) -
                   (long)(z * 0x1p+32f);
    return (float)c * 0x1.62e430p-33f;
}
