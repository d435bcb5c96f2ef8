/* How many places of the workspace a shape needs, and how long its chunks are: no test of the
 * calls would see one too many, and one too few only on a device of many cores. */
#include "rig.h"

#include "op/shape.h"

/* As many places as the most rows that are under way at once in any call: no fewer, and no
 * more. */
static void test_places_are_what_rows_need(void **state)
{
    static const uint32_t froms[] = {1, 2, 7, 16, 17, 60, 1000, UINT32_MAX};
    static const uint32_t mosts[] = {1, 2, 6, 7, 15, 16, 17, 18, 58, 59, 60, 61, 200};
    (void)state;
    for (size_t i = 0; i < sizeof froms / sizeof froms[0] * 2; ++i) {
        const lmsi_shape shape = {i % 2 == 0 ? 1 : 64, 8, 32, froms[i / 2]};
        for (cl_uint units = 1; units <= 8; units *= 2) {
            for (size_t m = 0; m < sizeof mosts / sizeof mosts[0]; ++m) {
                uint32_t needed = 0;
                for (uint32_t rows = 1; rows <= mosts[m]; ++rows) {
                    const uint32_t teams = lmsi_shape_teams(&shape, units, rows);
                    assert_in_range(teams, 1, rows);
                    /* The tile pass, where it is apart, has a row for each work-group. */
                    if (!lmsi_shape_fuses(&shape, rows)) assert_int_equal(teams, rows);
                    if (teams > needed) needed = teams;
                }
                assert_int_equal(lmsi_shape_places(&shape, units, mosts[m]), needed);
            }
        }
    }
}

/* Chunks of large teams: as long as the shape has them, or so that their work-groups fill the
 * device, or as short as a team has work for. Small teams have the shape's. */
static void test_chunks_fill_the_device(void **state)
{
    static const uint32_t rows[] = {1, 2, 8, 64, 256, 4096}, tiles[] = {1, 7, 8, 501, 4096};
    (void)state;
    for (uint32_t team = 1; team <= 256; team *= 2) {
        for (uint32_t most = 8; most <= 1024; most *= 4) {
            const lmsi_shape shape = {team, 8, most, UINT32_MAX};
            const uint32_t least = lmsi_shape_least_chunk(&shape);
            assert_int_equal(least, team < 32 ? most : team / 32);
            for (size_t i = 0; i < 6 * 5; ++i) {
                const uint32_t r = rows[i / 5], t = tiles[i % 5];
                const uint32_t chunk = lmsi_shape_chunk(&shape, 132, r, t);
                const uint64_t full = 132ull * 2048 / team;
                assert_in_range(chunk, least, most);
                if (chunk > least && team >= 32) {
                    assert_true((uint64_t)r * ((t + chunk - 1) / chunk) >= full);
                }
                if (chunk < most) {
                    assert_true((uint64_t)r * ((t + 2 * chunk - 1) / (2 * chunk)) < full);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places_are_what_rows_need),
                                       cmocka_unit_test(test_chunks_fill_the_device)};
    return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
