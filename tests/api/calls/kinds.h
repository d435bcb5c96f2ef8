/* kinds.h - every kind of object, and its calls as calls/ describes them. */
#ifndef LMS_TEST_KINDS_H
#define LMS_TEST_KINDS_H

#include "beam_object.h"
#include "contrastive_object.h"
#include "sampler_object.h"

/* Runs the tests of a program for each of them; *state is an object_rig. How many failed. */
#define RUN_FOR_EACH_KIND(name, tests)                                                         \
    (cmocka_run_group_tests_name(name " of a sampler", tests, sampler_setup,                   \
                                 object_teardown) +                                            \
     cmocka_run_group_tests_name(name " of a beam search", tests, beam_setup,                  \
                                 object_teardown) +                                            \
     cmocka_run_group_tests_name(name " of a contrastive search", tests, contrastive_setup,    \
                                 object_teardown))

#endif
