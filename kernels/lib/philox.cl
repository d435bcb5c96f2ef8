/* philox.cl - Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011): a pure function of counter
 * and key, so a draw has a name, (seed, step, attempt), and no state. */

uint4 lms_philox(uint4 c, uint2 k)
{
    for (uint round = 0; round < 10; ++round) {
        const uint hi0 = mul_hi(0xD2511F53u, c.x), lo0 = 0xD2511F53u * c.x;
        const uint hi1 = mul_hi(0xCD9E8D57u, c.z), lo1 = 0xCD9E8D57u * c.z;
        c = (uint4)(hi1 ^ c.y ^ k.x, lo1, hi0 ^ c.w ^ k.y, lo0);
        k += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

uint4 lms_attempt_words(ulong seed, ulong step, uint attempt)
{
    return lms_philox((uint4)(attempt, 0, (uint)step, (uint)(step >> 32)),
                      (uint2)((uint)seed, (uint)(seed >> 32)));
}
