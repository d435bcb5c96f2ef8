/* test_npy.c - headers of .npy files: what numpy writes, and what it never would. */
#include "logits_file.h"
#include "message.h"
#include "npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A header around a dictionary. Returns its length. */
static size_t wrap(const char *text, unsigned version, unsigned char *bytes)
{
    const size_t length = strlen(text), begin = version == 1 ? 10 : 12;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[7] = 0;
    memset(bytes + 8, 0, begin - 8);
    bytes[8] = (unsigned char)(length & 0xff);
    bytes[9] = (unsigned char)(length >> 8 & 0xff);
    memcpy(bytes + begin, text, length);
    return begin + length;
}

static bool parse(const char *text, npy_header *header, char *error, size_t size)
{
    unsigned char bytes[2048];
    const size_t length = wrap(text, 1, bytes);
    return npy_parse(bytes, length, header, error, size);
}

static void accepts(const char *text, const char *kind, unsigned dimensions, uint64_t first)
{
    npy_header header;
    char error[200] = "";
    if (!parse(text, &header, error, sizeof error)) fail_msg("%s: %s", text, error);
    assert_int_equal(header.kind, kind[1]);
    assert_int_equal(header.item_bytes, strtoul(kind + 2, NULL, 10));
    assert_int_equal(header.big_endian, kind[0] == '>');
    assert_int_equal(header.dimensions, dimensions);
    if (dimensions > 0) assert_true(header.shape[0] == first);
}

static void refuses(const char *text, const char *part)
{
    npy_header header;
    char error[200] = "";
    if (parse(text, &header, error, sizeof error)) fail_msg("%s: is accepted", text);
    if (strstr(error, part) == NULL) fail_msg("%s: `%s' lacks `%s'", text, error, part);
}

static void test_good(void **state)
{
    (void)state;
    accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", "<f4", 2, 3);
    accepts("{'shape':(3,),'fortran_order':True,'descr':'<f4'}", "<f4", 1, 3);
    accepts("{\"descr\": \">f2\", \"fortran_order\": False, \"shape\": ()}   \n", ">f2", 0, 0);
    accepts("  { 'descr' :\t'|V2' , 'fortran_order'\n:False,'shape':( 7L , 2L ) , } ", "<V2", 2,
            7);
    accepts("{'descr': '=u2', 'fortran_order': False, 'shape': (0, 5)}", "<u2", 2, 0);
    accepts("{'descr': 'f8', 'fortran_order': False, 'shape': (5, 5,)}", "<f8", 2, 5);
    accepts("{'descr': '<U3', 'fortran_order': False, 'shape': (5,)}", "<U12", 1, 5);
    accepts("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (5,)}", "<M8", 1, 5);
    accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}", "<f4",
            1, INT64_MAX);
}

static void test_bad(void **state)
{
    (void)state;
#define BEFORE "{'descr': '<f4', 'fortran_order': False, 'shape': "
    refuses("             ", "where { must be");
    refuses("{'descr': '<f4', ", "ends its header");
    refuses(BEFORE "(3,)", "comma or }");
    refuses(BEFORE "(3,), 'shape': (3,)}", "'shape' twice");
    refuses("{'descr': '<f4', 'fortran_order': False}", "no key 'shape'");
    refuses("{'descr': '<f4', 'shape': (3,)}", "no key 'fortran_order'");
    refuses("{'fortran_order': False, 'shape': (3,)}", "no key 'descr'");
    refuses(BEFORE "(3,), 'more': 1}", "has `'more': 1}'");
    refuses(BEFORE "(3,)} x", "where its end must be");
    refuses(BEFORE "(-3,)}", "whole number");
    refuses(BEFORE "(3.0,)}", "comma or the end");
    refuses(BEFORE "(03,)}", "whole number");
    refuses(BEFORE "(9223372036854775808,)}", "2^63");
    refuses(BEFORE "(99999999999999999999999,)}", "2^63");
    refuses(BEFORE "(3)}", "(3,)");
    refuses(BEFORE "[3, 4]}", "[3, 4]");
    refuses(BEFORE "(3, (4,))}", "whole number");
    refuses(BEFORE "(3,,)}", "whole number");
    refuses(BEFORE "(,)}", "whole number");
    refuses(BEFORE "(3 4)}", "comma");
    refuses(BEFORE "((((((((((", "whole number");
    refuses("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}", "structured");
    refuses("{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (3,)}", "structured");
    refuses("{'descr': '<f4\xc3\xa9', 'fortran_order': False, 'shape': (3,)}", "'<f4'");
    refuses("{'descr': '<f', 'fortran_order': False, 'shape': (3,)}", "'<f'");
    refuses("{'descr': '<f0', 'fortran_order': False, 'shape': (3,)}", "'<f0'");
    refuses("{'descr': '<f4x', 'fortran_order': False, 'shape': (3,)}", "'<f4x'");
    refuses("{'descr': '<f9999999999999', 'fortran_order': False, 'shape': (3,)}", "'<f99");
    refuses("{'descr': f4, 'fortran_order': False, 'shape': (3,)}", "`f4");
    refuses("{'descr': '<f4', 'fortran_order': false, 'shape': (3,)}", "True or False");
    refuses("{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}", "True or False");
    refuses("{'d\\x65scr': '<f4', 'fortran_order': False, 'shape': (3,)}", "'descr'");
    refuses("{'descr' '<f4', 'fortran_order': False, 'shape': (3,)}", "colon");
#undef BEFORE
}

static void test_most_dimensions(void **state)
{
    (void)state;
    npy_header header;
    char text[400], error[200];
    for (int count = 31; count <= 34; count++) {
        strcpy(text, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
        for (int i = 0; i < count; i++) strcat(text, "1,");
        strcat(text, ")}");
        assert_int_equal(parse(text, &header, error, sizeof error), count <= 32);
    }
}

static void test_prefix(void **state)
{
    static const char text[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n";
    unsigned char bytes[256];
    npy_header header;
    char error[200];
    (void)state;
    for (unsigned version = 1; version <= 3; version++) {
        const size_t size = wrap(text, version, bytes);
        assert_int_equal(npy_header_bytes(bytes, NPY_PREFIX_BYTES, error, sizeof error), size);
        assert_true(npy_parse(bytes, size, &header, error, sizeof error));
        assert_true(npy_parse(bytes, size + 7, &header, error, sizeof error));
        for (size_t cut = 0; cut < size; cut++) {
            assert_false(npy_parse(bytes, cut, &header, error, sizeof error));
        }
    }
    bytes[7] = 1;
    assert_int_equal(npy_header_bytes(bytes, 12, error, sizeof error), 0);
    assert_non_null(strstr(error, "3.1"));
    memcpy(bytes + 6, "\2\0\0\0\1\0", 6); /* 65536, and the prefix makes it more */
    assert_int_equal(npy_header_bytes(bytes, 12, error, sizeof error), 0);
    assert_non_null(strstr(error, "65536"));
    memcpy(bytes + 6, "\1\0\13\0", 4);
    assert_int_equal(npy_header_bytes(bytes, 12, error, sizeof error), 0);
    bytes[0] = 0x92;
    assert_int_equal(npy_header_bytes(bytes, 12, error, sizeof error), 0);
    assert_non_null(strstr(error, "92 4e 55"));
    assert_int_equal(npy_header_bytes((const unsigned char *)"PK\3\4........", 12, error, 200),
                     0);
    assert_non_null(strstr(error, "zip"));
    assert_int_equal(npy_header_bytes(bytes, 0, error, sizeof error), 0);
    assert_non_null(strstr(error, "empty"));
}

/* Byte for byte what numpy.save writes before the data of np.zeros((3, 5), "<f4"). */
static void test_format(void **state)
{
    const uint64_t shape[] = {3, 5};
    unsigned char bytes[256];
    char expected[129];
    (void)state;
    snprintf(expected, sizeof expected, "\x93NUMPY\1%cv%c%-117s\n", 0, 0,
             "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }");
    assert_int_equal(npy_format("<f4", 2, shape, bytes, sizeof bytes), 128);
    assert_memory_equal(bytes, expected, 128);
    assert_int_equal(npy_format("<f4", 2, shape, bytes, 128), 128);
    assert_int_equal(npy_format("<f4", 2, shape, bytes, 127), 0);
    assert_int_equal(npy_format("<f4", 33, shape, bytes, sizeof bytes), 0);
}

static void test_format_all(void **state)
{
    unsigned char bytes[1024];
    uint64_t shape[NPY_MAX_DIMENSIONS];
    npy_header header;
    char error[200];
    (void)state;
    for (unsigned i = 0; i < NPY_MAX_DIMENSIONS; i++) shape[i] = (uint64_t)INT64_MAX >> i;
    for (unsigned dimensions = 0; dimensions <= NPY_MAX_DIMENSIONS; dimensions++) {
        const size_t size = npy_format(">u2", dimensions, shape, bytes, sizeof bytes);
        assert_int_equal(size % 64, 0);
        assert_true(npy_parse(bytes, size, &header, error, sizeof error));
        assert_int_equal(header.dimensions, dimensions);
        assert_true(header.big_endian && header.kind == 'u' && header.item_bytes == 2);
        assert_memory_equal(header.shape, shape, dimensions * sizeof *shape);
    }
}

/* A file that loses its end while it is read. */
static void test_shrinking_file(void **state)
{
    const uint64_t shape[] = {4, 2};
    char path[] = "/tmp/lmsample-test-XXXXXX";
    unsigned char bytes[256] = {0};
    logits_file file;
    float rows[8];
    (void)state;
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    const size_t begin = npy_format("<f4", 2, shape, bytes, sizeof bytes);
    assert_int_equal(write(descriptor, bytes, begin + 32), begin + 32);
    assert_int_equal(logits_file_open(&file, path, false), EXIT_DONE);
    assert_int_equal(logits_file_read(&file, rows, 1), EXIT_DONE);
    assert_int_equal(ftruncate(descriptor, (off_t)begin + 12), 0);
    assert_int_equal(logits_file_read(&file, rows, 2), EXIT_INPUT);
    logits_file_close(&file);
    logits_file_close(&file);
    close(descriptor);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_most_dimensions),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_all),
        cmocka_unit_test(test_shrinking_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
