/* runtime.h - what the library has to know of a runtime and OpenCL does not tell: pocl keeps
 * the programs that it builds in a folder, and does nothing without one. */
#ifndef LMSI_RUNTIME_H
#define LMSI_RUNTIME_H

#define LMSI_HINT_BYTES 400

/* By the name of the platform. */
int lmsi_is_pocl(const char *platform);

/* What to say behind a failure of pocl that its folder may explain: that it cannot be written,
 * which is tried, or else, if there may be damage, that; or "". */
void lmsi_pocl_hint(int may_be_damaged, char hint[LMSI_HINT_BYTES]);

#endif
