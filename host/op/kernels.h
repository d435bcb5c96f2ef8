/* kernels.h - an operator's programs and kernels, for the largest teams that they take. */
#ifndef LMSI_KERNELS_H
#define LMSI_KERNELS_H

#include "op/operator.h"

/* Builds or finds a program of the operator, asks the device its probes, makes its kernels
 * and compares their parameters with the tables. A team that is the library's choice is
 * halved until the compiler and the kernels take it: the program's shape says to what. What
 * was made before a failure is there to be released. */
lms_status lmsi_kernels_make(lmsi_operator *op, size_t program);

void lmsi_kernels_release(lmsi_operator *op, size_t program);

#endif
