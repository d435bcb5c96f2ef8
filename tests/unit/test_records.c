/* Records that host and device share: each that a header of theirs has is on the list that the
 * device is asked about when a program is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

/* A header, or the test fails. */
static void read_header(const char *path, char *text, size_t size)
{
    FILE *const file = fopen(path, "r");
    assert_non_null(file);
    const size_t length = fread(text, 1, size - 1, file);
    assert_true(length > 0 && length < size - 1);
    text[length] = '\0';
    fclose(file);
}

static void check_header(const char *path)
{
    static const char begin[] = "typedef struct ";
    static char text[32768];
    unsigned records = 0;
    read_header(path, text, sizeof text);
    for (const char *at = text; (at = strstr(at, begin)) != NULL; ++records) {
        char name[64], listed[80];
        at += strlen(begin);
        assert_int_equal(sscanf(at, "%63[a-z_]", name), 1);
        snprintf(listed, sizeof listed, "X(%s, ", name);
        if (strstr(text, listed) == NULL) fail_msg("%s: %s is on no list", path, name);
    }
    assert_true(records > 0);
}

static void test_all_are_listed(void **state)
{
    (void)state;
    check_header("kernels/beam/records.h");
    check_header("kernels/row/records.h");
    check_header("kernels/contrastive/records.h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_are_listed)};
    return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
