/* fuzz.h -- what the fuzz harnesses share: inputs as files and folders, and what every reader owes.
 *
 * A harness is one function that gives bytes to one reader. Built with --enable-sanitizers=fuzzer,
 * libFuzzer calls it; otherwise fuzz_replay.c does, once for each file of corpus/NAME. */
#ifndef SW_TESTS_FUZZ_FUZZ_H
#define SW_TESTS_FUZZ_FUZZ_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The path of a file in memory that holds data[0..size); the next call replaces it. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* The path of a temporary folder with the file names[i] for each part of data[0..size); parts are
 * separated by lines "====". Names without a part are removed. A name may lead into a subfolder.
 * The next call reuses the folder. */
const char *fuzz_folder(const uint8_t *data, size_t size, const char *const *names, size_t count);

/* Aborts unless status and *error agree: SW_OK, or a failure with a message of one line. Returns
 * whether the status is SW_OK. */
int fuzz_succeeded(int status, const struct sw_error *error);

/* Aborts with `what` unless `holds`. */
void fuzz_require(int holds, const char *what);

/* Reads every byte, so that a view beyond its mapping is found. */
void fuzz_touch(const void *bytes, size_t size);

/* A session of one thread over the plugins of STEPWISE_PLUGIN_PATH, made once. */
struct sw_session *fuzz_session(void);

#endif
