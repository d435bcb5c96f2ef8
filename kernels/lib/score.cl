/* score.cl - scores in 64-bit fixed point, in units of 2^-32 nat: sections 12, 15 and 16 of the
 * specification. Integers but for one float subtraction, so sums are exact and ranks total. */

#define LMS_SCORE_FLOOR (-(1l << 62))
#define LMS_NO_SCORE LONG_MIN
#define LMS_LN2 0xB17217F7D1CF79ABul /* ln 2 * 2^64 */
#define LMS_LOG2E 0xB8AA3B295C17F0BCul /* log2(e) * 2^63 */
#define LMS_GAP_MOST (1ul << 61)

/* 2^(2^-j) * 2^63, j = 1 .. 32 */
__constant ulong lms_roots[32] = {
    0xB504F333F9DE6484ul, 0x9837F0518DB8A96Ful, 0x8B95C1E3EA8BD6E6ul,
    0x85AAC367CC487B14ul, 0x82CD8698AC2BA1D7ul, 0x8164D1F3BC030773ul,
    0x80B1ED4FD999AB6Cul, 0x8058D7D2D5E5F6B0ul, 0x802C6436D0E04F50ul,
    0x8016302F17467628ul, 0x800B179C82028FD0ul, 0x80058BAF7FEE3B5Dul,
    0x8002C5D00FDCFCB6ul, 0x800162E61BED4A48ul, 0x8000B17292F702A3ul,
    0x800058B92ABBAE02ul, 0x80002C5C8DADE4D7ul, 0x8000162E44EAF636ul,
    0x80000B1721FA7C18ul, 0x8000058B90DE7E4Cul, 0x800002C5C8678F36ul,
    0x80000162E431DB9Ful, 0x800000B1721872D0ul, 0x80000058B90C1AA8ul,
    0x8000002C5C8605A4ul, 0x800000162E4300E6ul, 0x8000000B17217FF8ul,
    0x800000058B90BFDDul, 0x80000002C5C85FE6ul, 0x8000000162E42FF1ul,
    0x80000000B17217F8ul, 0x8000000058B90BFCul,
};

/* 1 / x = q * 2^(-63 - b) */
typedef struct lms_inverse {
    ulong q;
    int b;
} lms_inverse;

lms_inverse lms_inverse_of(float x)
{
    const uint bits = as_uint(x);
    lms_inverse inverse;
    inverse.q = (1ul << 63) / ((bits & 0x7fffffu) | 0x800000u);
    inverse.b = (int)(bits >> 23) - 150;
    return inverse;
}

/* How far a logit is below the row's largest, m, over the temperature. Monotone in x. */
ulong lms_gap(lms_inverse inverse, float m, float x)
{
    const uint bits = as_uint(m - x);
    if (bits >= 0x7f800000u) return LMS_GAP_MOST;
    if (bits < 0x00800000u) return 0; /* even at the smallest temperature */
    const int down = inverse.b + 181 - (int)(bits >> 23);
    const ulong product = ((bits & 0x7fffffu) | 0x800000u) * inverse.q; /* at least 2^62 */
    if (down < 1) return LMS_GAP_MOST;
    return down > 63 ? 0 : min(product >> down, LMS_GAP_MOST);
}

/* ln of a mass relative to the weight of the row's maximum; not negative. */
ulong lms_norm(const lms_scaled *r, ulong mass)
{
    const long c = lms_lg_mass(r, mass);
    return c > 0 ? mul_hi((ulong)c, LMS_LN2) : 0;
}

/* A logprob or a score for people. */
float lms_nats(long score) { return (float)score * 0x1p-32f; }

float lms_score_or_none(long score)
{
    return score == LMS_NO_SCORE ? -INFINITY : lms_nats(score);
}

/* Of a number of nats >= 0. */
ulong lms_fixed(float nats)
{
    const uint bits = as_uint(nats);
    const int up = (int)(bits >> 23) - 118; /* a * 2^(exponent - 150 + 32) */
    const ulong a = (bits & 0x7fffffu) | 0x800000u;
    if (bits < 0x00800000u) return 0;
    if (up >= 0) return up > 37 ? LMS_GAP_MOST : min(a << up, LMS_GAP_MOST);
    return -up > 63 ? 0 : a >> -up;
}

/* E of section 16: 2^(f / 2^32) * 2^63. */
ulong lms_root_of(uint f)
{
    ulong e = 1ul << 63;
    for (uint j = 0; j < 32; ++j) {
        if (f >> (31 - j) & 1) {
            /* A product of 2^126 to 2^127: its upper 64 bits. */
            const ulong r = lms_roots[j];
            e = mul_hi(e, r) << 1 | (e * r) >> 63;
        }
    }
    return e;
}

/* length^penalty where that is an integer below 2^32, else 0. */
ulong lms_whole_power(uint length, float penalty)
{
    ulong power = 1;
    if ((as_uint(penalty) & 0x7fffffffu) < 0x00800000u) return 1; /* ^0 */
    if (!(penalty >= 1.0f && penalty <= 32.0f) || (float)(uint)penalty != penalty) return 0;
    for (uint i = (uint)penalty; i > 0; --i) {
        power *= length;
        if (power >> 32) return 0;
    }
    return power;
}

/* A score over length ^ penalty. */
long lms_rate(long score, uint length, float penalty)
{
    const ulong s = (ulong)-score;
    if (length == 1) return score;
    const ulong power = lms_whole_power(length, penalty);
    if (power) return -(long)(s / power);
    const uint bits = as_uint(penalty) & 0x7fffffffu;
    const ulong a = (bits & 0x7fffffu) | 0x800000u;
    const ulong product = a * (ulong)lms_lg(length);
    const int up = (int)(bits >> 23) - 150;
    const ulong most = 1ul << 38;
    ulong y = most;
    if (up < 0) {
        y = -up > 63 ? 0 : min(product >> -up, most);
    } else if (up < 38 && product <= most >> up) {
        y = product << up;
    }
    const long z = penalty > 0.0f ? -(long)y : (long)y;
    const ulong high = mul_hi(s, lms_root_of((uint)z));
    const int shift = (int)(z >> 32) + 1;
    if (shift < 0) return shift < -63 ? 0 : -(long)(high >> -shift);
    const int up_by = min(shift, 63);
    return high > ((1ul << 62) >> up_by) ? LMS_SCORE_FLOOR : -(long)(high << up_by);
}

/* -ln of a uniform in (0, 1], from 64 random bits. */
ulong lms_exponential(ulong word)
{
    const ulong octaves = (1ul << 38) - (ulong)lms_lg(max(word, 1ul));
    return max(mul_hi(octaves, LMS_LN2), 1ul);
}

/* trunc(n * factor / 2^64) of a signed number. */
long lms_scaled_down(long n, ulong factor)
{
    return n < 0 ? -(long)mul_hi((ulong)-n, factor) : (long)mul_hi((ulong)n, factor);
}

/* e^d for |d| of at most 32 nats. */
float lms_exp(long d)
{
    const long z = lms_scaled_down(clamp(d, -(1l << 37), 1l << 37) * 2, LMS_LOG2E);
    const uint mantissa = (uint)(lms_root_of((uint)z) >> 40);
    return as_float((uint)((int)(z >> 32) + 127) << 23 | (mantissa & 0x7fffffu));
}

/* ln x of a positive normal x. */
long lms_ln(float x)
{
    const uint bits = as_uint(x);
    const ulong a = (bits & 0x7fffffu) | 0x800000u;
    return lms_scaled_down(lms_lg(a) + ((long)((int)(bits >> 23) - 150) << 32), LMS_LN2);
}
