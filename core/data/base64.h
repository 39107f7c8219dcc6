/* base64.h -- bytes as text (RFC 4648, without line breaks), as files of region features hold
 * them. */
#ifndef SW_DATA_BASE64_H
#define SW_DATA_BASE64_H

#include "base/error.h"

#include <stddef.h>

/* The bytes that `length` characters give at most. */
size_t sw_base64_room(size_t length);

/* Decodes text[0..length) into out, which has room, and sets *count. Errors name the character:
 * none of the alphabet, padding within the text, a length that is no multiple of four. */
int sw_base64_decode(const char *text, size_t length, unsigned char *out, size_t *count,
                     struct sw_error *error);

#endif
