/* dtype.cl - how logits are stored: the only file that knows, and the only one that reads. */

#if LMS_LOGITS == 1 /* float32 */
typedef float lms_logit;
float lms_load(__global const lms_logit *row, uint i) { return row[i]; }
float8 lms_load8(__global const lms_logit *row, uint i) { return vload8(0, row + i); }
#elif LMS_LOGITS == 2 /* float16; half loads need no extension */
typedef half lms_logit;
float lms_load(__global const lms_logit *row, uint i) { return vload_half(0, row + i); }
float8 lms_load8(__global const lms_logit *row, uint i) { return vload_half8(0, row + i); }
#elif LMS_LOGITS == 3 /* bfloat16: the upper half of a float32 */
typedef ushort lms_logit;
float lms_load(__global const lms_logit *row, uint i) { return as_float((uint)row[i] << 16); }
float8 lms_load8(__global const lms_logit *row, uint i)
{
    return as_float8(convert_uint8(vload8(0, row + i)) << 16);
}
#endif

/* Eight logits from `i`, where the row may end: -inf from `end` on. */
float8 lms_load8_until(__global const lms_logit *row, uint i, uint end)
{
    if (i + 8 <= end) return lms_load8(row, i);
    float x[8];
    for (uint j = 0; j < 8; ++j) x[j] = i + j < end ? lms_load(row, i + j) : -INFINITY;
    return vload8(0, x);
}
