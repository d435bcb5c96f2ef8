/* progress.h - how far long work is: one line on standard error, if that is a terminal. Nothing
 * is shown in the first second. One work at a time. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>

/* `unit` in the plural, such as "rows"; total 0: not known. */
void progress_start(const char *unit, uint64_t total);
void progress_show(uint64_t done);
/* Takes the line away, until the next progress_show. */
void progress_hide(void);
void progress_end(void);

#endif
