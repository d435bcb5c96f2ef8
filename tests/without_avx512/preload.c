#define _GNU_SOURCE /* dl_iterate_phdr */
/* preload.c - a library for LD_PRELOAD under which a CPU with AVX-512 stands for one without:
 * pocl hears of the CPU's features from LLVM, and this takes those of AVX-512 out of that. */
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* llvm::StringMap<bool>, as LLVM 11 to 18 lay it out: a table of entries, each with its key
 * behind it. */
struct features_entry {
    size_t key_length;
    bool on;
};

struct features {
    struct features_entry **table;
    unsigned buckets;
    unsigned items;
    unsigned tombstones;
    unsigned item_size;
};

#define HOST_FEATURES _ZN4llvm3sys18getHostCPUFeaturesERNS_9StringMapIbNS_15MallocAllocatorEEE
#define STRING_OF(name) #name
#define NAME_OF(name) STRING_OF(name)

bool HOST_FEATURES(struct features *features);

/* LLVM is loaded for pocl alone, so RTLD_NEXT does not see it: it is looked up by its file. */
static int find_real(struct dl_phdr_info *object, size_t size, void *found)
{
    (void)size;
    if (!strstr(object->dlpi_name, "libLLVM")) return 0;
    void *library = dlopen(object->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    void *function = library ? dlsym(library, NAME_OF(HOST_FEATURES)) : NULL;
    memcpy(found, &function, sizeof function);
    return function != NULL;
}

bool HOST_FEATURES(struct features *features)
{
    bool (*real)(struct features *) = NULL;
    dl_iterate_phdr(find_real, &real);
    bool known = real && real(features);
    for (unsigned i = 0; known && i < features->buckets; i++) {
        struct features_entry *entry = features->table[i];
        if (!entry || (intptr_t)entry < 0) continue; /* an empty bucket, or a tombstone */
        const char *key = (const char *)entry + features->item_size;
        if (!strncmp(key, "avx512", 6)) entry->on = false;
    }
    return known;
}
