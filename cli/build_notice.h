/* build_notice.h - what is happening while a device's compiler works: one line on standard
 * error, if that is a terminal and it takes longer than a moment. Kernels are compiled the
 * first time that they are used on a device; from then on they come from a cache. */
#ifndef CLI_BUILD_NOTICE_H
#define CLI_BUILD_NOTICE_H

/* Around a call that may compile. One at a time. */
void build_notice_begin(void);
/* Takes the line away. Nothing else may be printed before. */
void build_notice_end(void);

#endif
