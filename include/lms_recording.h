/* lms_recording.h - a call of lms_sampler_run that is made once and run again and again, for
 * the price of one command. Included by lmsample.h, which has the rules for all calls. */
#ifndef LMS_RECORDING_H
#define LMS_RECORDING_H

#include "lmsample.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lms_recording lms_recording;

/* Records a batch for the queue: which rows, buffers, offsets and strides. What is in the
 * buffers is read when the recording runs, so parameters and indices are on the device
 * (params_device, index_device), where the caller's kernels, or writes behind the last run,
 * bring a row's seed, step or filters up to date, and so are all tables; those on the host are
 * LMS_E_ARGUMENT, and so are 0 rows. May allocate and build; enqueues nothing. *out is NULL
 * unless LMS_OK is returned.
 *
 * The recording retains the queue and the buffers of the batch; what svm points to is kept by
 * the caller. It is of its sampler: destroy it before that, and use both from one thread at a
 * time. A sampler may have any number of recordings; their runs and its other calls wait for
 * each other on the device. */
LMS_API lms_status lms_sampler_record(lms_sampler *sampler, cl_command_queue queue,
                                      const lms_sampler_run_args *batch, lms_recording **out);

/* Does what lms_sampler_run would with the recorded batch, bit for bit, on the recorded queue.
 * Any number of runs may be in flight. Wait list, event and errors are as there. */
LMS_API lms_status lms_recording_run(lms_recording *recording, cl_uint num_wait,
                                     const cl_event *wait_list, cl_event *event);

/* How many commands a run enqueues: 1 where the batch is one kernel, or the device has
 * cl_khr_command_buffer for queues like the recorded one and takes it while it is under way;
 * else each of its kernels, at most 5. No argument of a kernel is set in either case. It may
 * grow if the runtime refuses to enqueue them as one. 0 for NULL. */
LMS_API uint32_t lms_recording_commands(const lms_recording *recording);

/* Accepts NULL. Waits for the sampler's calls in flight. */
LMS_API void lms_recording_destroy(lms_recording *recording);

#ifdef __cplusplus
}
#endif

#endif /* LMS_RECORDING_H */
