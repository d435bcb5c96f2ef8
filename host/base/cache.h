/* cache.h - built programs on disk, for runtimes that do not keep them themselves.
 *
 * An entry is one file: magic, sizes, checksum, the whole key, the binary. The key is
 * everything that decides the binary; it is compared in full, so a collision of file names
 * costs a rebuild and nothing else. An entry that is not what was written, or that others can
 * have written, is rebuilt, and never reaches the driver. */
#ifndef LMSI_CACHE_H
#define LMSI_CACHE_H

#include "base/context.h"

#include <stddef.h>
#include <stdio.h>

/* The user's folder, as two parts of one path; NULL: there is none. From LMS_CACHE_DIR,
 * XDG_CACHE_HOME or HOME. */
const char *lmsi_cache_base(const char **below);

/* mkdir -p; what cannot be made shows when a file in it is opened. */
void lmsi_cache_make_dirs(const char *dir);

/* Why a folder is not used though it is there, or NULL: others can write to it. */
const char *lmsi_cache_problem(const char *dir);

/* A file of the folder, to be read. NULL: not there, not a plain file, or it or the folder
 * belongs to another user than this one and root, or can be written by others. Never waits. */
FILE *lmsi_cache_open(const char *dir, const char *name);

/* Removes temporary files of processes that were killed, after a day. */
void lmsi_cache_sweep(const char *dir);

/* Finds damage and makes names; no defence against an attacker. */
uint64_t lmsi_cache_hash(const void *data, size_t size);

/* The folder for programs; NULL where the runtime's own cache does better (pocl) and
 * LMS_CACHE_DIR does not say otherwise, or where there is no folder. */
lms_status lmsi_cache_dir(const lmsi_device *device, char **out);

/* The entry of a key, or NULL: not there, or damaged. The caller frees it. */
unsigned char *lmsi_cache_load(const char *dir, const char *key, size_t key_size, size_t *size);

/* Best effort: a cache that cannot be written, or that others can write to, is only slower. */
void lmsi_cache_store(const char *dir, const char *key, size_t key_size,
                      const unsigned char *binary, size_t size);

#endif
