/* cache.c - the cache folder: who may have written to it, and the built programs in it. */
#include "base/cache.h"

#include "base/runtime.h"
#include "base/status.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LMSI_CACHE_MAGIC 0x3130656863616d6cull /* "lmache01" */
#define LMSI_CACHE_LIMIT ((uint64_t)1 << 30)

/* A temporary file that nobody has written to for so long is of a process that was killed. */
#define LMSI_STALE_SECONDS 86400

typedef struct lmsi_cache_head {
    uint64_t magic;
    uint64_t key_size;
    uint64_t binary_size;
    uint64_t checksum; /* of key and binary */
} lmsi_cache_head;

/* FNV-1a: against damage and for file names. Against others, whose files are not read, it is no
 * defence. */
static uint64_t fnv1a(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3ull;
    return hash;
}
#define LMSI_FNV_START 0xcbf29ce484222325ull

uint64_t lmsi_cache_hash(const void *data, size_t size)
{
    return fnv1a(LMSI_FNV_START, data, size);
}

static char *join(const char *a, const char *b)
{
    const size_t size = strlen(a) + strlen(b) + 1;
    char *const text = malloc(size);
    if (text != NULL) snprintf(text, size, "%s%s", a, b);
    return text;
}

const char *lmsi_cache_base(const char **below)
{
    const char *dir = getenv("LMS_CACHE_DIR");
    *below = "";
    if (dir != NULL) return *dir == '\0' ? NULL : dir;
    *below = "/lmsample";
    if ((dir = getenv("XDG_CACHE_HOME")) != NULL && *dir == '/') return dir;
    *below = "/.cache/lmsample";
    return (dir = getenv("HOME")) != NULL && *dir == '/' ? dir : NULL;
}

lms_status lmsi_cache_dir(const lmsi_device *device, char **out)
{
    const char *below = "";
    const char *const base = lmsi_cache_base(&below);
    *out = NULL;
    /* pocl keeps its binaries already linked for each work-group size, which a program
     * binary of its does not; ours would only be slower. */
    if (base == NULL || (getenv("LMS_CACHE_DIR") == NULL && lmsi_is_pocl(device->platform))) {
        return LMS_OK;
    }
    *out = join(base, below);
    if (*out == NULL) return lmsi_fail(LMS_E_MEMORY, "out of memory for a path");
    return LMS_OK;
}

/* --- Whose it is ------------------------------------------------------------------------ */

/* What is in the folder will be run: nobody but the user and root may have put it there. */
static const char *why_not_ours(const struct stat *s)
{
    if (s->st_uid != geteuid() && s->st_uid != 0) return "belongs to another user";
    return (s->st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "can be written by others" : NULL;
}

const char *lmsi_cache_problem(const char *dir)
{
    struct stat s;
    return stat(dir, &s) == 0 ? why_not_ours(&s) : NULL;
}

/* A descriptor, or -1: not there, or not ours. */
static int open_folder(const char *dir)
{
    struct stat s;
    const int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && fstat(folder, &s) == 0 && why_not_ours(&s) == NULL) return folder;
    if (folder >= 0) close(folder);
    return -1;
}

FILE *lmsi_cache_open(const char *dir, const char *name)
{
    struct stat s;
    FILE *file = NULL;
    const int folder = open_folder(dir);
    if (folder < 0) return NULL;
    /* Nobody waits for the other end of a FIFO. A link of ours is as good as its file. */
    const int entry = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    close(folder);
    if (entry < 0) return NULL;
    if (fstat(entry, &s) == 0 && S_ISREG(s.st_mode) && why_not_ours(&s) == NULL) {
        file = fdopen(entry, "rb");
    }
    if (file == NULL) close(entry);
    return file;
}

/* --- Entries ----------------------------------------------------------------------------- */

#define LMSI_NAME_BYTES 64

static void entry_name(char name[LMSI_NAME_BYTES], const char *key, size_t key_size,
                       const char *suffix)
{
    const uint64_t hash = lmsi_cache_hash(key, key_size);
    snprintf(name, LMSI_NAME_BYTES, "%016llx.bin%s", (unsigned long long)hash, suffix);
}

/* Reads the entry if its head, size, key and checksum agree. */
static unsigned char *load_checked(FILE *file, const char *key, size_t key_size, size_t *size)
{
    lmsi_cache_head head;
    unsigned char *body = NULL;
    if (fread(&head, sizeof head, 1, file) != 1 || head.magic != LMSI_CACHE_MAGIC) return NULL;
    if (head.key_size != key_size || head.binary_size == 0) return NULL;
    if (head.binary_size > LMSI_CACHE_LIMIT) return NULL;
    const size_t total = key_size + (size_t)head.binary_size;
    body = malloc(total);
    if (body == NULL) return NULL;
    if (fread(body, 1, total, file) != total || fgetc(file) != EOF ||
        memcmp(body, key, key_size) != 0 || lmsi_cache_hash(body, total) != head.checksum) {
        free(body);
        return NULL;
    }
    memmove(body, body + key_size, (size_t)head.binary_size);
    *size = (size_t)head.binary_size;
    return body;
}

unsigned char *lmsi_cache_load(const char *dir, const char *key, size_t key_size, size_t *size)
{
    char name[LMSI_NAME_BYTES];
    unsigned char *binary = NULL;
    entry_name(name, key, key_size, "");
    FILE *const file = lmsi_cache_open(dir, name);
    if (file != NULL) {
        binary = load_checked(file, key, key_size, size);
        fclose(file);
    }
    return binary;
}

/* mkdir -p; what it cannot make shows when the file is opened. */
void lmsi_cache_make_dirs(const char *dir)
{
    char *const path = join(dir, "");
    if (path == NULL) return;
    for (char *p = path + 1; *p; ++p) {
        if (*p != '/') continue;
        *p = '\0';
        mkdir(path, 0700);
        *p = '/';
    }
    mkdir(path, 0700);
    free(path);
}

/* Is it the name of what store() or the command line writes before it has its own name? */
static int is_temporary(const char *name)
{
    if (strncmp(name, ".lmsample-", 10) == 0) return 1;
    return strspn(name, "0123456789abcdef") == 16 && strncmp(name + 16, ".bin.", 5) == 0;
}

/* Takes the descriptor. */
static void sweep(int folder)
{
    DIR *const all = fdopendir(folder);
    const time_t now = time(NULL);
    if (all == NULL) {
        close(folder);
        return;
    }
    for (struct dirent *e = readdir(all); e != NULL; e = readdir(all)) {
        struct stat s;
        if (is_temporary(e->d_name) &&
            fstatat(folder, e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode) &&
            s.st_mtime < now - LMSI_STALE_SECONDS) {
            unlinkat(folder, e->d_name, 0);
        }
    }
    closedir(all);
}

void lmsi_cache_sweep(const char *dir)
{
    const int folder = open_folder(dir);
    if (folder >= 0) sweep(folder);
}

static int write_entry(int descriptor, const lmsi_cache_head *head, const char *key,
                       const unsigned char *binary)
{
    FILE *const file = fdopen(descriptor, "wb");
    if (file == NULL) {
        close(descriptor);
        return 0;
    }
    int good = fwrite(head, sizeof *head, 1, file) == 1;
    good = good && fwrite(key, 1, (size_t)head->key_size, file) == head->key_size;
    good = good && fwrite(binary, 1, (size_t)head->binary_size, file) == head->binary_size;
    return (fclose(file) == 0) && good;
}

void lmsi_cache_store(const char *dir, const char *key, size_t key_size,
                      const unsigned char *binary, size_t size)
{
    char suffix[40], name[LMSI_NAME_BYTES], temporary[LMSI_NAME_BYTES];
    lmsi_cache_head head = {LMSI_CACHE_MAGIC, key_size, size, 0};
    head.checksum = fnv1a(lmsi_cache_hash(key, key_size), binary, size);
    /* A name that no other process or thread writes; the rename is atomic. */
    snprintf(suffix, sizeof suffix, ".%ld.%p", (long)getpid(), (void *)&head);
    entry_name(name, key, key_size, "");
    entry_name(temporary, key, key_size, suffix);
    lmsi_cache_make_dirs(dir);
    const int folder = open_folder(dir);
    if (folder < 0) return;
    const int file =
        openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file >= 0 && (!write_entry(file, &head, key, binary) ||
                      renameat(folder, temporary, folder, name) != 0)) {
        unlinkat(folder, temporary, 0);
    }
    sweep(folder);
}
