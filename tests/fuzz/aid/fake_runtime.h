/* A runtime that has a configuration and a folder, and no other service to call. */
#ifndef VU_TESTS_FUZZ_FAKE_RUNTIME_H
#define VU_TESTS_FUZZ_FAKE_RUNTIME_H

#include "runtime/runtime.h"

/* Defaults, with the background model of the sources. Aborts without memory. */
vu_runtime *fake_runtime_create(void);

#endif
