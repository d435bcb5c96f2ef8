#include "progress.h"

#include "clock.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static struct {
    const char *unit;
    uint64_t total;
    double start;
    double last; /* when the line was written */
    bool is_wanted;
    bool is_shown;
} work;

void progress_start(const char *unit, uint64_t total)
{
    work.unit = unit;
    work.total = total;
    work.start = clock_seconds();
    work.last = work.start + 0.8; /* the first line comes 0.2 s after that */
    work.is_wanted = isatty(STDERR_FILENO);
    work.is_shown = false;
}

static int format_rest(char *text, size_t size, double seconds)
{
    if (seconds < 100) return snprintf(text, size, ", %.0f s left", seconds);
    if (seconds < 6000) return snprintf(text, size, ", %.0f min left", seconds / 60);
    return snprintf(text, size, ", %.1f h left", seconds / 3600);
}

/* In one piece: standard error has no buffer, and parts of a line flicker. */
void progress_show(uint64_t done)
{
    char line[160];
    const double time = work.is_wanted ? clock_seconds() : 0;
    if (!work.is_wanted || time < work.last + 0.2) return;
    work.last = time;
    work.is_shown = true;
    int used = snprintf(line, sizeof line, "\r\033[K%llu", (unsigned long long)done);
    if (work.total > 0) {
        /* Down: not 100 before all is done. */
        const double percent = floor(100.0 * (double)done / (double)work.total);
        used += snprintf(line + used, sizeof line - (size_t)used, " of %llu %.40s, %.0f %%",
                         (unsigned long long)work.total, work.unit, percent);
    } else {
        used += snprintf(line + used, sizeof line - (size_t)used, " %.40s", work.unit);
    }
    if (work.total > done && done > 0) {
        const double rest = (double)(work.total - done) / (double)done;
        format_rest(line + used, sizeof line - (size_t)used, (time - work.start) * rest);
    }
    fputs(line, stderr);
}

void progress_hide(void)
{
    if (work.is_shown) fputs("\r\033[K", stderr);
    work.is_shown = false;
}

void progress_end(void)
{
    progress_hide();
    work.is_wanted = false;
}
