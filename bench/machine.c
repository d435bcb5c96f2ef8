#include "machine.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CACHE_UNKNOWN ((size_t)64 << 20)

unsigned machine_cores(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : (unsigned)cores;
}

double machine_load(void)
{
    double load = 0;
    return getloadavg(&load, 1) == 1 ? load : 0;
}

size_t machine_memory_bytes(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages < 0 || size < 0 ? 0 : (size_t)pages * (size_t)size;
}

/* The rest of the first line of a file that begins with `name`, without blanks and colons. */
static bool find_line(const char *path, const char *name, char *out, size_t size)
{
    FILE *const file = fopen(path, "r");
    char line[512];
    bool is_found = false;
    if (file == NULL) return false;
    while (!is_found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) != 0) continue;
        const char *rest = line + strlen(name);
        rest += strspn(rest, " \t:=\"");
        snprintf(out, size, "%.*s", (int)strcspn(rest, "\"\n"), rest);
        is_found = true;
    }
    fclose(file);
    return is_found;
}

static size_t with_unit(const char *text)
{
    char *end = NULL;
    const size_t number = strtoull(text, &end, 10);
    while (*end == ' ') ++end;
    return *end == 'K' || *end == 'k' ? number << 10 : *end == 'M' ? number << 20 : number;
}

size_t machine_available_bytes(void)
{
    char text[64];
    if (find_line("/proc/meminfo", "MemAvailable", text, sizeof text)) return with_unit(text);
    return machine_memory_bytes() / 2;
}

size_t machine_cache_bytes(void)
{
    size_t most = 0;
    for (int i = 0; i < 8; ++i) {
        char path[96], text[64];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        if (!find_line(path, "", text, sizeof text)) break;
        const size_t bytes = with_unit(text);
        if (bytes > most) most = bytes;
    }
    return most > 0 ? most : CACHE_UNKNOWN;
}

/* Some drivers name their first level. */
size_t device_cache_bytes(cl_device_id device)
{
    cl_ulong bytes = 0;
    clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof bytes, &bytes, NULL);
    return bytes > CACHE_UNKNOWN ? (size_t)bytes : CACHE_UNKNOWN;
}

void machine_cpu(char *out, size_t size)
{
    struct utsname system;
    if (find_line("/proc/cpuinfo", "model name", out, size)) return;
    snprintf(out, size, "%s", uname(&system) == 0 ? system.machine : "unknown");
}

void machine_system(char *out, size_t size)
{
    struct utsname system;
    char name[128] = "unknown";
    find_line("/etc/os-release", "PRETTY_NAME", name, sizeof name);
    if (uname(&system) == 0) {
        snprintf(out, size, "%s, %s %s", name, system.sysname, system.release);
    } else {
        snprintf(out, size, "%s", name);
    }
}
