/* clock.h - how long something takes. */
#ifndef CLI_CLOCK_H
#define CLI_CLOCK_H

/* Seconds since some moment; the clock is never set. */
double clock_seconds(void);

#endif
