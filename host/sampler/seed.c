/* seed.c - the seeds of a batch's rows. */
#include <lmsample.h>

/* SplitMix64 (Steele, Lea and Flood 2014): how far its state goes from number to number, and
 * what makes a number of a state. */
#define SPLITMIX_STEP 0x9E3779B97F4A7C15u

static uint64_t splitmix(uint64_t state)
{
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9u;
    state = (state ^ state >> 27) * 0x94D049BB133111EBu;
    return state ^ state >> 31;
}

/* Batches whose seeds are neighbours must not share rows: so the state begins at a mixed
 * seed. */
uint64_t lms_row_seed(uint64_t seed, uint64_t row)
{
    return row == 0 ? seed : splitmix(splitmix(seed) + row * SPLITMIX_STEP);
}

void lms_seed_rows(lms_row_params *params, size_t rows, uint64_t seed, uint64_t first_row)
{
    for (size_t i = 0; i < rows; ++i) params[i].seed = lms_row_seed(seed, first_row + i);
}
