/* philox.cl - Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011): a pure function of counter
 * and key, so a draw has a name, (seed, step, attempt), and no state.
 *
 * In scalars, and products in 64 bits: compilers for CPUs take a uint4 to pieces and together
 * again in every round, and mul_hi() is a dozen instructions on pocl. */
#pragma once

uint lms_high(uint a, uint b) { return (uint)(((ulong)a * b) >> 32); }

uint4 lms_counter_words(ulong seed, uint a, uint b, uint c, uint d)
{
    uint k = (uint)seed, l = (uint)(seed >> 32);
    for (uint round = 0; round < 10; ++round) {
        const uint hi0 = lms_high(0xD2511F53u, a), lo0 = 0xD2511F53u * a;
        const uint hi1 = lms_high(0xCD9E8D57u, c), lo1 = 0xCD9E8D57u * c;
        a = hi1 ^ b ^ k;
        b = lo1;
        c = hi0 ^ d ^ l;
        d = lo0;
        k += 0x9E3779B9u;
        l += 0xBB67AE85u;
    }
    return (uint4)(a, b, c, d);
}

uint4 lms_attempt_words(ulong seed, ulong step, uint attempt)
{
    return lms_counter_words(seed, attempt, 0, (uint)step, (uint)(step >> 32));
}
