/* Programs on disk: found again, or rebuilt if anything about an entry is not what was written.
 * A damaged binary must not reach the driver: some of them end the process. */
#include "cache_rig.h"
#include "hooks.h"
#include "rig.h"

#include "base/cache.h"
#include "base/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char key[] = "key of an entry", binary[] = "what was built";
#define KEY key, sizeof key - 1
#define BINARY (const unsigned char *)binary, sizeof binary

static bool loads(const char *dir)
{
    size_t size = 0;
    unsigned char *const found = lmsi_cache_load(dir, KEY, &size);
    const bool good = found != NULL;
    if (good) {
        assert_int_equal(size, sizeof binary);
        assert_memory_equal(found, binary, sizeof binary);
    }
    free(found);
    return good;
}

static void test_an_entry_is_found_again(void **state)
{
    cache_folder *const f = *state;
    assert_false(loads(f->path));
    lmsi_cache_store(f->path, KEY, BINARY);
    assert_true(loads(f->path));
    lmsi_cache_store(f->path, KEY, BINARY); /* over itself */
    assert_true(loads(f->path));
    cache_look(f);
    assert_int_equal(f->files, 1);
    assert_int_equal(f->others, 0);
}

static void test_every_truncation_and_every_bit(void **state)
{
    cache_folder *const f = *state;
    size_t size = 0;
    lmsi_cache_store(f->path, KEY, BINARY);
    cache_look(f);
    unsigned char *const bytes = cache_read_file(f->entry, &size);
    for (size_t n = 0; n < size; ++n) {
        cache_write_file(f->entry, bytes, n);
        assert_false(loads(f->path));
    }
    for (size_t i = 0; i < 8 * size; ++i) {
        bytes[i / 8] ^= (unsigned char)(1u << i % 8);
        cache_write_file(f->entry, bytes, size);
        assert_false(loads(f->path));
        bytes[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    bytes[size] = 0;
    cache_write_file(f->entry, bytes, size + 1);
    assert_false(loads(f->path));
    cache_write_file(f->entry, bytes, size);
    assert_true(loads(f->path));
    free(bytes);
}

/* The name of a file is a hash; the key inside decides. */
static void test_another_key_under_the_same_name(void **state)
{
    static const char *const others[] = {"kEy of an entry", "a shorter one"};
    cache_folder *const f = *state;
    char own[400];
    lmsi_cache_store(f->path, KEY, BINARY);
    cache_look(f);
    strcpy(own, f->entry);
    for (int i = 0; i < 2; ++i) {
        remove(own);
        lmsi_cache_store(f->path, others[i], strlen(others[i]), BINARY);
        cache_look(f);
        assert_int_equal(f->files, 1);
        assert_int_equal(rename(f->entry, own), 0);
        assert_false(loads(f->path));
    }
}

static void test_folders_that_cannot_be_used(void **state)
{
    cache_folder *const f = *state;
    char path[200];
    snprintf(path, sizeof path, "%s/a/b/c", f->path);
    lmsi_cache_store(path, KEY, BINARY); /* made as needed */
    assert_true(loads(path));
    snprintf(path, sizeof path, "rm -r %s/a", f->path);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/file", f->path);
    cache_write_file(path, BINARY);
    lmsi_cache_store(path, KEY, BINARY);
    assert_false(loads(path));
    strcat(path, "/below");
    lmsi_cache_store(path, KEY, BINARY);
    assert_false(loads(path));
    lmsi_cache_store("/proc/none", KEY, BINARY);
    assert_false(loads("/proc/none"));
    lmsi_cache_store(f->path, KEY, BINARY);
    cache_look(f);
    remove(f->entry);
    mkdir(f->entry, 0700); /* where the entry should be */
    lmsi_cache_store(f->path, KEY, BINARY);
    assert_false(loads(f->path));
    cache_look(f);
    assert_int_equal(f->others, 1); /* "file", and no leftover of ours */
}

/* --- Whose it is ------------------------------------------------------------------------- */

enum {
    NOBODY = 65534
};

/* The entry is not used with `mode`, nor, if it can be given away, when it is another's. */
static void assert_only_ours(const char *dir, const char *path, mode_t good)
{
    static const mode_t open_to_others[] = {0020, 0002, 0022};
    assert_int_equal(chmod(path, good), 0);
    assert_true(loads(dir));
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(chmod(path, good | open_to_others[i]), 0);
        assert_false(loads(dir));
    }
    assert_int_equal(chmod(path, good), 0);
    if (geteuid() != 0) return;
    assert_int_equal(chown(path, NOBODY, (gid_t)-1), 0);
    assert_false(loads(dir));
    assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    assert_true(loads(dir));
}

static void test_what_others_can_write_is_not_used(void **state)
{
    cache_folder *const f = *state;
    lmsi_cache_store(f->path, KEY, BINARY);
    cache_look(f);
    assert_only_ours(f->path, f->entry, 0600);
    assert_only_ours(f->path, f->entry, 0644);
    assert_only_ours(f->path, f->path, 0700);
    assert_only_ours(f->path, f->path, 0755);
    assert_null(lmsi_cache_problem(f->path));
    /* Nothing is put there either. */
    remove(f->entry);
    assert_int_equal(chmod(f->path, 0777), 0);
    assert_string_equal(lmsi_cache_problem(f->path), "can be written by others");
    lmsi_cache_store(f->path, KEY, BINARY);
    assert_int_equal(chmod(f->path, 0700), 0);
    assert_false(loads(f->path));
    /* Whatever the umask is, entries and folders are ours. */
    const mode_t mask = umask(0);
    char below[100];
    snprintf(below, sizeof below, "%s/below", f->path);
    lmsi_cache_store(below, KEY, BINARY);
    umask(mask);
    assert_true(loads(below));
    snprintf(below, sizeof below, "rm -r %s/below", f->path);
    assert_int_equal(system(below), 0);
}

/* What root has put there may be used by others, in root's folder. */
static void test_files_of_root(void **state)
{
    cache_folder *const f = *state;
    if (geteuid() != 0) skip();
    lmsi_cache_store(f->path, KEY, BINARY);
    cache_look(f);
    assert_int_equal(chmod(f->path, 0755), 0);
    assert_int_equal(chmod(f->entry, 0644), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    const bool is_used = loads(f->path);
    assert_int_equal(seteuid(0), 0);
    assert_true(is_used);
}

static void test_links_to_folders(void **state)
{
    cache_folder *const f = *state;
    char link[100];
    snprintf(link, sizeof link, "%s-link", f->path);
    assert_int_equal(symlink(f->path, link), 0);
    lmsi_cache_store(link, KEY, BINARY);
    assert_true(loads(link));
    assert_true(loads(f->path));
    remove(link);
}

/* Something under an entry's name that is not a file: nobody waits for the other end. */
static void test_no_file_is_waited_for(void **state)
{
    cache_folder *const f = *state;
    char fifo[100];
    lmsi_cache_store(f->path, KEY, BINARY);
    cache_look(f);
    remove(f->entry);
    assert_int_equal(mkfifo(f->entry, 0600), 0);
    alarm(20);
    assert_false(loads(f->path));
    lmsi_cache_store(f->path, KEY, BINARY);
    assert_true(loads(f->path));
    snprintf(fifo, sizeof fifo, "%s/fifo", f->path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    lmsi_cache_store(fifo, KEY, BINARY);
    assert_false(loads(fifo));
    alarm(0);
}

/* --- Temporary files of processes that were killed ---------------------------------------- */

static void write_old(const cache_folder *f, const char *name, time_t age)
{
    char path[400];
    const struct timespec then[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    cache_write_file(path, BINARY);
    assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static bool is_there(const cache_folder *f, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return access(path, F_OK) == 0;
}

static void test_old_temporaries_go(void **state)
{
    static const char *const old[] = {"0123456789abcdef.bin.77.0x7ffc12345678",
                                      ".lmsample-4d-1-0.tmp"};
    static const char *const kept[] = {"0123456789abcdef.bin", "0123456789abcdef.binary",
                                       "note.bin.77.0x1", "tuning-0123456789abcdef.txt"};
    cache_folder *const f = *state;
    for (int i = 0; i < 2; ++i) write_old(f, old[i], 2 * 86400);
    for (int i = 0; i < 4; ++i) write_old(f, kept[i], 2 * 86400);
    write_old(f, "fedcba9876543210.bin.78.0x1", 3600); /* somebody may be at it */
    lmsi_cache_store(f->path, KEY, BINARY);
    for (int i = 0; i < 2; ++i) assert_false(is_there(f, old[i]));
    for (int i = 0; i < 4; ++i) assert_true(is_there(f, kept[i]));
    assert_true(is_there(f, "fedcba9876543210.bin.78.0x1"));
}

/* --- The key ------------------------------------------------------------------------------ */

/* Whatever decides the binary is in it, each by itself: another one must not be taken for
 * it. */
static void test_every_field_of_the_key(void **state)
{
    enum {
        KEYS = 9
    };
    lmsi_device d[KEYS];
    char *keys[KEYS];
    (void)state;
    memset(d, 0, sizeof d);
    for (int i = 0; i < KEYS; ++i) {
        strcpy(d[i].platform, "platform");
        strcpy(d[i].name, "name");
        strcpy(d[i].driver, "driver");
        strcpy(d[i].version, "version");
        d[i].vendor = 7;
    }
    strcat(d[1].platform, "2");
    strcat(d[2].name, "2");
    strcat(d[3].driver, "2");
    strcat(d[4].version, "2");
    d[5].vendor = 8;
    strcpy(d[8].platform, "platform\n4 name"); /* one text does not end in the next */
    strcpy(d[8].name, "");
    for (int i = 0; i < KEYS; ++i) {
        keys[i] = lmsi_program_key(&d[i], i == 6 ? "-cl-std=CL2.0" : "-cl-std=CL1.2",
                                   i == 7 ? "other source" : "source");
        assert_non_null(keys[i]);
        for (int j = 0; j < i; ++j) assert_string_not_equal(keys[i], keys[j]);
    }
    for (int i = 0; i < KEYS; ++i) free(keys[i]);
}

/* A disk that is full: no entry, and nothing left. */
static void test_full_disk(void **state)
{
    cache_folder *const f = *state;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < 78; limit += 11) {
        small.rlim_cur = limit;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        lmsi_cache_store(f->path, KEY, BINARY);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        cache_look(f);
        if (limit < 62) assert_int_equal(f->files, 0);
        assert_int_equal(f->others, 0);
    }
    signal(SIGXFSZ, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_ENTRY(test_an_entry_is_found_again),
        CACHE_ENTRY(test_every_truncation_and_every_bit),
        CACHE_ENTRY(test_another_key_under_the_same_name),
        CACHE_ENTRY(test_folders_that_cannot_be_used),
        CACHE_ENTRY(test_what_others_can_write_is_not_used),
        CACHE_ENTRY(test_files_of_root),
        CACHE_ENTRY(test_links_to_folders),
        CACHE_ENTRY(test_no_file_is_waited_for),
        CACHE_ENTRY(test_old_temporaries_go),
        CACHE_ENTRY(test_every_field_of_the_key),
        CACHE_ENTRY(test_full_disk),
    };
    umask(022);
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
