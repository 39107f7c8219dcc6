/* error.h -- how a function of the runtime says that it failed.
 *
 * A function that can fail returns a status and takes a `struct sw_error *` as its last parameter.
 * The core never prints and never exits: only main.c and the Lua binding show a message. */
#ifndef SW_BASE_ERROR_H
#define SW_BASE_ERROR_H

#include <stddef.h>

enum sw_status {
    SW_OK = 0,
    SW_FAILED = -1,      /* a file, the data or a number is wrong; exit status 1 */
    SW_MISUSE = -2,      /* no such option, name or value; exit status 2 */
    SW_INTERRUPTED = -3, /* asked to end early (sw_compute_interrupted); nothing is wrong */
};

/* The first failure of a call, in one line: what, where, expected, found, and the near miss. */
struct sw_error {
    int status; /* SW_OK until something failed */
    char text[1024];
};

/* Sets *error and returns `status`. The first failure sticks: a later call changes nothing and
 * returns the status that is already set. `error` may be NULL. Control characters in the result
 * are replaced, so that a hostile name cannot break the line. */
int sw_fail(struct sw_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message of a failed *error, once for each caller that knows more. An
 * interrupt, which is nobody's failure, is left as it is. */
void sw_error_within(struct sw_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The entry of names[0..count) nearest to `name` by edit distance (transpositions count one), or
 * NULL when none is near enough to be a likely typing error. */
const char *sw_near_miss(const char *name, const char *const *names, size_t count);

/* Writes "; did you mean 'x'?" or, without a near miss, "; there are a, b, c" into out; of more
 * than 24 names the first, and how many others there are. */
void sw_suggest(char *out, size_t size, const char *name, const char *const *names, size_t count);

#endif
