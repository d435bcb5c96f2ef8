/* tune_progress.h - how much of its time `lmsample tune` has used: progress.h by the clock. */
#ifndef CLI_TUNE_PROGRESS_H
#define CLI_TUNE_PROGRESS_H

void tune_progress_start(double seconds);
void tune_progress_show(void);
void tune_progress_end(void);

#endif
