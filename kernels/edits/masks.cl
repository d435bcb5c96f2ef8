/* masks.cl - masks of a caller, as words of 32 tokens: bit t % 32 of word t / 32 is 1 if t is
 * allowed. */
#pragma once
#include "lms_abi.h"
#include "row/records.h"

/* A row of the masks. */
typedef struct lms_mask_row {
    __global const uint *words;  /* of LMS_MASK_BITS; or ... */
    __global const uchar *bytes; /* ... of LMS_MASK_BYTES */
    uint type;
    uint columns; /* words, or bytes, that there are; what is beyond is not allowed */
} lms_mask_row;

/* `at`: of its first element. */
lms_mask_row lms_mask_at(__global const uchar *masks, ulong at, uint type, uint columns)
{
    lms_mask_row m;
    m.words = (__global const uint *)masks + at;
    m.bytes = masks + at;
    m.type = type;
    m.columns = columns;
    return m;
}

/* Of each of 8 bytes a bit: is it not 0? Four times over, as 32 bytes make a word. */
uint lms_word_of_bytes(__global const uchar *bytes)
{
    const uchar16 low = vload16(0, bytes), high = vload16(1, bytes);
    const ulong4 x = (ulong4)(as_ulong2(low), as_ulong2(high));
    const ulong sevens = 0x7f7f7f7f7f7f7f7ful;
    const ulong4 ones = ((((x & sevens) + sevens) | x) & ~sevens) >> 7ul;
    const uint4 bits = convert_uint4((ones * 0x0102040810204080ul) >> 56ul);
    return bits.x | bits.y << 8 | bits.z << 16 | bits.w << 24;
}

bool lms_mask_allows(const lms_mask_row *m, uint token)
{
    if (m->type == LMS_MASK_BYTES) return token < m->columns && m->bytes[token] != 0;
    return token / 32 < m->columns && (m->words[token / 32] >> token % 32 & 1);
}

uint lms_mask_word(const lms_mask_row *m, uint g)
{
    uint word = 0;
    if (m->type == LMS_MASK_BITS) return g < m->columns ? m->words[g] : 0;
    if (32 * g + 32 <= m->columns) return lms_word_of_bytes(m->bytes + 32 * g);
    for (uint t = 32 * g; t < m->columns; ++t) word |= (uint)(m->bytes[t] != 0) << (t - 32 * g);
    return word;
}

/* The words of a tile that has all its columns. */
uint8 lms_mask_whole_tile(const lms_mask_row *m, uint tile)
{
    if (m->type == LMS_MASK_BITS) return vload8(tile, m->words);
    __global const uchar *const b = m->bytes + LMS_TILE * tile;
    return (uint8)(lms_word_of_bytes(b), lms_word_of_bytes(b + 32), lms_word_of_bytes(b + 64),
                   lms_word_of_bytes(b + 96), lms_word_of_bytes(b + 128),
                   lms_word_of_bytes(b + 160), lms_word_of_bytes(b + 192),
                   lms_word_of_bytes(b + 224));
}
