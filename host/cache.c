#include "cache.h"

#include "runtime.h"
#include "status.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LMSI_CACHE_MAGIC 0x3130656863616d6cull /* "lmache01" */
#define LMSI_CACHE_LIMIT ((uint64_t)1 << 30)

typedef struct lmsi_cache_head {
    uint64_t magic;
    uint64_t key_size;
    uint64_t binary_size;
    uint64_t checksum; /* of key and binary */
} lmsi_cache_head;

/* FNV-1a: against damage and for file names, not against an attacker, who could as well write
 * programs into the folder. */
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

static char *entry_path(const char *dir, const char *key, size_t key_size, const char *suffix)
{
    const size_t size = strlen(dir) + strlen(suffix) + 32;
    char *const path = malloc(size);
    const uint64_t hash = lmsi_cache_hash(key, key_size);
    if (path != NULL)
        snprintf(path, size, "%s/%016llx.bin%s", dir, (unsigned long long)hash, suffix);
    return path;
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
    unsigned char *binary = NULL;
    char *const path = entry_path(dir, key, key_size, "");
    FILE *const file = path == NULL ? NULL : fopen(path, "rb");
    if (file != NULL) {
        binary = load_checked(file, key, key_size, size);
        fclose(file);
    }
    free(path);
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

void lmsi_cache_store(const char *dir, const char *key, size_t key_size,
                      const unsigned char *binary, size_t size)
{
    char suffix[32];
    lmsi_cache_head head = {LMSI_CACHE_MAGIC, key_size, size, 0};
    /* A name that no other process or thread writes; the rename is atomic. */
    snprintf(suffix, sizeof suffix, ".%ld.%p", (long)getpid(), (void *)&head);
    char *const path = entry_path(dir, key, key_size, "");
    char *const temporary = entry_path(dir, key, key_size, suffix);
    FILE *file = NULL;
    head.checksum = fnv1a(lmsi_cache_hash(key, key_size), binary, size);
    if (path != NULL && temporary != NULL) {
        lmsi_cache_make_dirs(dir);
        file = fopen(temporary, "wbx");
    }
    if (file != NULL) {
        int good = fwrite(&head, sizeof head, 1, file) == 1;
        good = good && fwrite(key, 1, key_size, file) == key_size;
        good = good && fwrite(binary, 1, size, file) == size;
        good = (fclose(file) == 0) && good;
        if (!good || rename(temporary, path) != 0) remove(temporary);
    }
    free(path);
    free(temporary);
}
