/* lms_tuning.h - in which shape the kernels of a device are built and launched, and what a
 * sampler's rows took
 *
 * Every shape gives the same bits; which one is fastest depends on the device and on the
 * type of the logits. A shape is a text, "team=1,lanes=16,chunk=32,fuse_from=8":
 *
 *     team       work-items that share a row: a power of two, 1 .. 256, that the device takes
 *     lanes      tokens in a vector: 8 or 16
 *     chunk      tiles of a work-group of the tile pass: a power of two, 8 .. 1024
 *     fuse_from  rows from which on a team of one does all of a row in one launch: >= 1
 *
 * The first of these that names one decides, when an object is created: its description's
 * work_items (the team), LMS_SHAPE in the environment (any of the fields), the tuning file
 * of the user and the device, a table in the library of devices that were measured, the
 * device's facts.
 *
 * A tuning file lies in the user's cache folder (LMS_CACHE_DIR, else below XDG_CACHE_HOME
 * or HOME) and has the shapes that `lmsample tune` found fastest. It counts only if every
 * byte is as lms_tuning_text() gives it for the device now, so that a new driver or library
 * makes it void, as damage does.
 *
 * lmsample.h says how statuses, messages and threads work; but for lms_sampler_effort, none
 * of these calls uses OpenCL.
 */
#ifndef LMSAMPLE_TUNING_H
#define LMSAMPLE_TUNING_H

#include "lmsample.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LMS_SHAPE_BYTES 80u         /* of any shape's text, with its end       */
#define LMS_TUNING_BYTES 1536u      /* of any tuning file's text, with its end */
#define LMS_TUNING_PATH_BYTES 4096u /* of any tuning file's path, with its end */

/* The shape of samplers that are created now for rows of `vocab` logits of a type, and in
 * *origin (may be NULL) what decided, as a static text. Kernels that do not fit the device
 * with this team make it smaller, when the sampler is created. */
LMS_API lms_status lms_shape_in_use(const lms_context *ctx, lms_dtype logits, uint32_t vocab,
                                    char shape[LMS_SHAPE_BYTES], const char **origin);

/* The tuning file of the context's device, which need not be there. Fails if there is no cache
 * folder, or if the path is too long. */
LMS_API lms_status lms_tuning_path(const lms_context *ctx, char path[LMS_TUNING_PATH_BYTES]);

/* Makes the folder of that file, where it is not there. Fails if others can write to it:
 * then no file in it counts. That it could not be made shows when the file is opened. */
LMS_API lms_status lms_tuning_make_folder(const lms_context *ctx);

/* What the file has to hold for these shapes of float32 and of 16-bit logits. Fails if the
 * device does not take one of them, or if a field is missing. */
LMS_API lms_status lms_tuning_text(const lms_context *ctx, const char *float32,
                                   const char *bits16, char text[LMS_TUNING_BYTES]);

/* What a row's token took, beside one read of its logits. */
typedef struct lms_row_effort {
    uint32_t attempts; /* made for the token (specification, section 7); 0 where it takes none:
                          greedy rows, rows of which it is plain that one token alone is
                          kept, and rows without a token                                    */
    uint32_t passes;   /* how often all of the row was weighed, roughly or exactly, or its cut
                          looked for, because bounds did not decide whether a proposed token
                          is kept. Teams of several work-items have none: they weigh the row
                          beside the read                                                   */
} lms_row_effort;

/* What the last lms_sampler_run of a sampler that had rows took, for its first `rows` rows, in
 * effort[rows]; behind lms_sample_host it is the last part's. For benchmarks and diagnosis: it
 * waits for that call, and reads on `queue`, which is one that the sampler could be run on.
 * Rows beyond those of the call are an error, as there are none before the first one; `effort`
 * may be NULL if `rows` is 0. Where the call was terminated, OpenCL's code says so; behind one
 * that failed with a code of OpenCL's the numbers are of no use. */
LMS_API lms_status lms_sampler_effort(lms_sampler *sampler, cl_command_queue queue,
                                      uint32_t rows, lms_row_effort *effort);

#ifdef __cplusplus
}
#endif

#endif
