/* Programs on disk: found again, or rebuilt if anything about an entry is not what was written.
 * A damaged binary must not reach the driver: some of them end the process. */
#include "hooks.h"
#include "rig.h"

#include "cache.h"
#include "program.h"

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

typedef struct folder {
    char path[64];
    char entry[400];
    unsigned files, others;
} folder;

/* Finds the entry, and counts entries and all else. */
static void look(folder *f)
{
    DIR *const dir = opendir(f->path);
    f->files = f->others = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        if (strlen(e->d_name) == 20 && strcmp(e->d_name + 16, ".bin") == 0) {
            snprintf(f->entry, sizeof f->entry, "%s/%s", f->path, e->d_name);
            ++f->files;
        } else {
            ++f->others;
        }
    }
    closedir(dir);
}

static int setup(void **state)
{
    folder *const f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->path, "/tmp/lmsample-cache-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    setenv("LMS_CACHE_DIR", f->path, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    folder *const f = *state;
    char path[400];
    DIR *const dir = opendir(f->path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", f->path, e->d_name);
        if (e->d_name[0] != '.') remove(path);
    }
    if (dir != NULL) closedir(dir);
    remove(f->path);
    free(f);
    return 0;
}

static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *const file = fopen(path, "rb");
    unsigned char *const bytes = malloc(1 << 26);
    assert_non_null(file);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 26, file);
    fclose(file);
    return bytes;
}

static void write_file(const char *path, const unsigned char *bytes, size_t size)
{
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

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
    folder *const f = *state;
    assert_false(loads(f->path));
    lmsi_cache_store(f->path, KEY, BINARY);
    assert_true(loads(f->path));
    lmsi_cache_store(f->path, KEY, BINARY); /* over itself */
    assert_true(loads(f->path));
    look(f);
    assert_int_equal(f->files, 1);
    assert_int_equal(f->others, 0);
}

static void test_every_truncation_and_every_bit(void **state)
{
    folder *const f = *state;
    size_t size = 0;
    lmsi_cache_store(f->path, KEY, BINARY);
    look(f);
    unsigned char *const bytes = read_file(f->entry, &size);
    for (size_t n = 0; n < size; ++n) {
        write_file(f->entry, bytes, n);
        assert_false(loads(f->path));
    }
    for (size_t i = 0; i < 8 * size; ++i) {
        bytes[i / 8] ^= (unsigned char)(1u << i % 8);
        write_file(f->entry, bytes, size);
        assert_false(loads(f->path));
        bytes[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    bytes[size] = 0;
    write_file(f->entry, bytes, size + 1);
    assert_false(loads(f->path));
    write_file(f->entry, bytes, size);
    assert_true(loads(f->path));
    free(bytes);
}

/* The name of a file is a hash; the key inside decides. */
static void test_another_key_under_the_same_name(void **state)
{
    static const char *const others[] = {"kEy of an entry", "a shorter one"};
    folder *const f = *state;
    char own[400];
    lmsi_cache_store(f->path, KEY, BINARY);
    look(f);
    strcpy(own, f->entry);
    for (int i = 0; i < 2; ++i) {
        remove(own);
        lmsi_cache_store(f->path, others[i], strlen(others[i]), BINARY);
        look(f);
        assert_int_equal(f->files, 1);
        assert_int_equal(rename(f->entry, own), 0);
        assert_false(loads(f->path));
    }
}

static void test_folders_that_cannot_be_used(void **state)
{
    folder *const f = *state;
    char path[200];
    snprintf(path, sizeof path, "%s/a/b/c", f->path);
    lmsi_cache_store(path, KEY, BINARY); /* made as needed */
    assert_true(loads(path));
    snprintf(path, sizeof path, "rm -r %s/a", f->path);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/file", f->path);
    write_file(path, BINARY);
    lmsi_cache_store(path, KEY, BINARY);
    assert_false(loads(path));
    strcat(path, "/below");
    lmsi_cache_store(path, KEY, BINARY);
    assert_false(loads(path));
    lmsi_cache_store("/proc/none", KEY, BINARY);
    assert_false(loads("/proc/none"));
    lmsi_cache_store(f->path, KEY, BINARY);
    look(f);
    remove(f->entry);
    mkdir(f->entry, 0700); /* where the entry should be */
    lmsi_cache_store(f->path, KEY, BINARY);
    assert_false(loads(f->path));
    look(f);
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
    folder *const f = *state;
    lmsi_cache_store(f->path, KEY, BINARY);
    look(f);
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
    folder *const f = *state;
    if (geteuid() != 0) skip();
    lmsi_cache_store(f->path, KEY, BINARY);
    look(f);
    assert_int_equal(chmod(f->path, 0755), 0);
    assert_int_equal(chmod(f->entry, 0644), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    const bool is_used = loads(f->path);
    assert_int_equal(seteuid(0), 0);
    assert_true(is_used);
}

static void test_links_to_folders(void **state)
{
    folder *const f = *state;
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
    folder *const f = *state;
    char fifo[100];
    lmsi_cache_store(f->path, KEY, BINARY);
    look(f);
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

static void write_old(const folder *f, const char *name, time_t age)
{
    char path[400];
    const struct timespec then[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    write_file(path, BINARY);
    assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static bool is_there(const folder *f, const char *name)
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
    folder *const f = *state;
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
    folder *const f = *state;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < 78; limit += 11) {
        small.rlim_cur = limit;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        lmsi_cache_store(f->path, KEY, BINARY);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        look(f);
        if (limit < 62) assert_int_equal(f->files, 0);
        assert_int_equal(f->others, 0);
    }
    signal(SIGXFSZ, SIG_DFL);
}

typedef struct made {
    unsigned from_source, from_binary;
    int32_t token;
} made;

/* A context of its own, a sampler, a token. */
static made make_and_sample(void)
{
    const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
    const float logits[100] = {1.0f, 2.0f};
    const lms_row_params p = LMS_ROW_PARAMS_INIT;
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    made m = {0, 0, -9};
    const lms_host_batch batch = {
        .rows = 1, .logits = logits, .params = &p, .tokens = &m.token};
    hook_reset();
    RIG_OK(lms_context_open(NULL, &ctx));
    RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
    RIG_OK(lms_sample_host(sampler, &batch));
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
    m.from_source = hook_count("clCreateProgramWithSource");
    m.from_binary = hook_count("clCreateProgramWithBinary");
    return m;
}

static void assert_made(unsigned from_source, unsigned from_binary)
{
    const made m = make_and_sample();
    assert_int_equal(m.from_source, from_source);
    assert_int_equal(m.from_binary, from_binary);
    assert_in_range(m.token, 0, 99);
}

static void test_contexts_share_the_entry(void **state)
{
    folder *const f = *state;
    const made first = make_and_sample();
    look(f);
    assert_int_equal(f->files, 1);
    const made second = make_and_sample();
    assert_int_equal(first.from_source, 1);
    assert_int_equal(first.from_binary, 0);
    assert_int_equal(second.from_source, 0);
    assert_int_equal(second.from_binary, 1);
    assert_int_equal(first.token, second.token);
    setenv("LMS_CACHE_DIR", "", 1); /* no cache */
    assert_made(1, 0);
}

static void test_damage_never_reaches_the_driver(void **state)
{
    enum {
        PLACES = 12
    };
    folder *const f = *state;
    size_t size = 0;
    assert_made(1, 0);
    look(f);
    unsigned char *const bytes = read_file(f->entry, &size);
    for (size_t i = 0; i < PLACES; ++i) {
        const size_t at = i < 6 ? i * 13 : (size - 1) - (size - 80) / PLACES * (i - 6);
        write_file(f->entry, bytes, at);
        assert_made(1, 0);
        bytes[at] ^= 0x10;
        write_file(f->entry, bytes, size);
        bytes[at] ^= 0x10;
        assert_made(1, 0);
        assert_made(0, 1); /* it was written anew */
    }
    free(bytes);
}

/* An entry of another driver, device or vendor is not this one's. */
static void test_another_device_rebuilds(void **state)
{
    static const char text[] = "another one", version[] = "OpenCL 1.2 another";
    static const cl_uint vendor = 0x1234567;
    const struct {
        cl_device_info what;
        size_t size;
        const void *value;
    } answers[] = {{CL_DRIVER_VERSION, sizeof text, text},
                   {CL_DEVICE_NAME, sizeof text, text},
                   {CL_DEVICE_VERSION, sizeof version, version},
                   {CL_DEVICE_VENDOR_ID, sizeof vendor, &vendor}};
    const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
    (void)state;
    assert_made(1, 0);
    assert_made(0, 1);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; ++i) {
        lms_context *ctx = NULL;
        lms_sampler *sampler = NULL;
        hook_reset();
        hook_answer(NULL, answers[i].what, answers[i].size, answers[i].value);
        RIG_OK(lms_context_open(NULL, &ctx));
        RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
        assert_int_equal(hook_count("clCreateProgramWithBinary"), 0);
        assert_int_equal(hook_count("clCreateProgramWithSource"), 1);
        lms_sampler_destroy(sampler);
        lms_context_destroy(ctx);
    }
    assert_made(0, 1);
}

/* A good entry that the driver does not take is built again. */
static void test_a_refused_binary_is_rebuilt(void **state)
{
    static const char *const calls[] = {"clCreateProgramWithBinary", "clBuildProgram"};
    (void)state;
    assert_made(1, 0);
    for (int i = 0; i < 2; ++i) {
        const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
        lms_context *ctx = NULL;
        lms_sampler *sampler = NULL;
        const long live = hook_live();
        hook_reset();
        hook_fail(calls[i], 1, CL_INVALID_BINARY);
        RIG_OK(lms_context_open(NULL, &ctx));
        RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
        assert_true(hook_failed());
        assert_int_equal(hook_count("clCreateProgramWithSource"), 1);
        lms_sampler_destroy(sampler);
        lms_context_destroy(ctx);
        assert_int_equal(hook_live(), live);
    }
}

/* The cache is a help: whatever of it fails, the sampler is made. */
static void test_failures_of_the_cache_cost_nothing_else(void **state)
{
    static const char *const calls[] = {"clGetProgramInfo", "malloc", "calloc"};
    folder *const f = *state;
    for (size_t c = 0; c < 3; ++c) {
        for (unsigned nth = 1; nth < 30; ++nth) {
            const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
            lms_context *ctx = NULL;
            lms_sampler *sampler = NULL;
            const long live = hook_live();
            look(f);
            if (f->files && nth % 2) remove(f->entry);
            RIG_OK(lms_context_open(NULL, &ctx));
            hook_reset();
            hook_fail(calls[c], nth, CL_OUT_OF_HOST_MEMORY);
            const lms_status status = lms_sampler_create(ctx, &desc, &sampler);
            if (c == 0)
                assert_int_equal(status, LMS_OK);
            else
                assert_true(status == LMS_OK || status == LMS_E_MEMORY);
            hook_reset();
            lms_sampler_destroy(sampler);
            lms_context_destroy(ctx);
            assert_int_equal(hook_live(), live);
        }
    }
    look(f);
    assert_int_equal(f->others, 0);
}

/* Processes at once on one folder. */
static void test_processes_race(void **state)
{
    enum {
        PROCESSES = 4
    };
    folder *const f = *state;
    pid_t pids[PROCESSES];
    fflush(NULL);
    for (int i = 0; i < PROCESSES; ++i) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            execl("/proc/self/exe", "test", "race", (char *)NULL);
            _exit(126);
        }
    }
    for (int i = 0; i < PROCESSES; ++i) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    look(f);
    assert_int_equal(f->others, 0);
    assert_int_equal(f->files, 1);
    assert_made(0, 1);
}

/* One of them: takes the entry away at times. */
static int race(void)
{
    folder f;
    memset(&f, 0, sizeof f);
    snprintf(f.path, sizeof f.path, "%s", getenv("LMS_CACHE_DIR"));
    for (int i = 0; i < 10; ++i) {
        const made m = make_and_sample();
        if (m.token < 0 || m.token > 99 || m.from_source + m.from_binary != 1) return 1;
        look(&f);
        if (i < 9 && i % 3 == 0 && f.files > 0) remove(f.entry);
    }
    return 0;
}

#define ENTRY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ENTRY(test_an_entry_is_found_again),
        ENTRY(test_every_truncation_and_every_bit),
        ENTRY(test_another_key_under_the_same_name),
        ENTRY(test_folders_that_cannot_be_used),
        ENTRY(test_what_others_can_write_is_not_used),
        ENTRY(test_files_of_root),
        ENTRY(test_links_to_folders),
        ENTRY(test_no_file_is_waited_for),
        ENTRY(test_old_temporaries_go),
        ENTRY(test_every_field_of_the_key),
        ENTRY(test_another_device_rebuilds),
        ENTRY(test_full_disk),
        ENTRY(test_contexts_share_the_entry),
        ENTRY(test_damage_never_reaches_the_driver),
        ENTRY(test_a_refused_binary_is_rebuilt),
        ENTRY(test_failures_of_the_cache_cost_nothing_else),
        ENTRY(test_processes_race),
    };
    umask(022);
    if (argc > 1 && strcmp(argv[1], "race") == 0) return race();
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
