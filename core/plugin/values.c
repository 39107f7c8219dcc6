/* values.c -- see values.h. */
#include "plugin/values.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sw_value_found(char *out, size_t size, const json_t *value)
{
    if (!value) {
        snprintf(out, size, "nothing");
    } else if (json_is_object(value) || json_is_array(value)) {
        snprintf(out, size, json_is_object(value) ? "a table" : "a list");
    } else if (json_is_string(value)) {
        snprintf(out, size, "'%.80s'", json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(out, size, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(out, size, "%.15g", json_real_value(value));
    } else {
        snprintf(out, size, "%s",
                 json_is_null(value)   ? "null"
                 : json_is_true(value) ? "true"
                                       : "false");
    }
}

static json_t *refuse(const json_t *value, const char *where, const char *expected,
                      struct sw_error *error)
{
    char found[128];
    sw_value_found(found, sizeof found, value);
    sw_fail(error, SW_MISUSE, "%s: expected %s, found %s", where, expected, found);
    return NULL;
}

static json_t *made(json_t *value, const char *where, struct sw_error *error)
{
    if (!value)
        sw_fail(error, SW_FAILED, "%s: out of memory", where);
    return value;
}

static int outside(double x, struct sw_range range)
{
    if (range.least == 0 && range.most == 0)
        return 0;
    return x < range.least || x > range.most || (range.above_least && x == range.least);
}

static void expected_range(char *out, size_t size, const char *what, struct sw_range range)
{
    if (range.least == 0 && range.most == 0)
        snprintf(out, size, "%s", what);
    else if (range.most >= DBL_MAX)
        snprintf(out, size, "%s %s %.15g", what, range.above_least ? "above" : "of at least",
                 range.least);
    else
        snprintf(out, size, "%s %s %.16g %s %.16g", what, range.above_least ? "above" : "from",
                 range.least, range.above_least ? "and at most" : "to", range.most);
}

json_t *sw_check_number(const json_t *value, struct sw_range range, const char *where,
                        struct sw_error *error)
{
    char expected[128], digits[40];
    expected_range(expected, sizeof expected, "a number", range);
    double x = json_is_number(value) ? json_number_value(value) : NAN;
    if (!isfinite(x) || outside(x, range))
        return refuse(value, where, expected, error);
    snprintf(digits, sizeof digits, "%.15g", x);
    return made(json_real(strtod(digits, NULL)), where, error);
}

json_t *sw_check_integer(const json_t *value, struct sw_range range, const char *where,
                         struct sw_error *error)
{
    char expected[128];
    expected_range(expected, sizeof expected, "a whole number", range);
    double x = json_is_number(value) ? json_number_value(value) : NAN;
    /* Beyond 2^53 a double does not tell whole numbers apart. */
    if (!isfinite(x) || x != floor(x) || fabs(x) > 9007199254740991.0 || outside(x, range))
        return refuse(value, where, expected, error);
    return made(json_integer((json_int_t)x), where, error);
}

json_t *sw_check_switch(const json_t *value, const char *where, struct sw_error *error)
{
    if (!json_is_boolean(value))
        return refuse(value, where, "true or false", error);
    return json_boolean(json_is_true(value));
}

int sw_choice_index(const char *choices, const char *word)
{
    size_t length = strlen(word);
    int index = 0;
    for (const char *at = choices; at && *at; index++) {
        const char *end = strchrnul(at, ' ');
        if ((size_t)(end - at) == length && memcmp(at, word, length) == 0)
            return index;
        at = *end ? end + 1 : end;
    }
    return -1;
}

json_t *sw_check_choice(const json_t *value, const char *choices, const char *where,
                        struct sw_error *error)
{
    const char *word = json_string_value(value);
    if (word && sw_choice_index(choices, word) >= 0)
        return made(json_string(word), where, error);
    char listed[256], expected[320], *save = NULL;
    snprintf(listed, sizeof listed, "%s", choices ? choices : "");
    const char *names[32];
    size_t count = 0;
    size_t used = (size_t)snprintf(expected, sizeof expected, "one of");
    for (char *name = strtok_r(listed, " ", &save); name && count < 32;
         name = strtok_r(NULL, " ", &save)) {
        if (used < sizeof expected)
            used += (size_t)snprintf(expected + used, sizeof expected - used, "%s %s",
                                     count ? "," : "", name);
        names[count++] = name;
    }
    const char *near = word ? sw_near_miss(word, names, count) : NULL;
    if (!near)
        return refuse(value, where, expected, error);
    sw_fail(error, SW_MISUSE, "%s: expected %s, found '%.80s'; did you mean '%s'?", where, expected,
            word, near);
    return NULL;
}

json_t *sw_check_text(const json_t *value, const char *where, struct sw_error *error)
{
    const char *text = json_string_value(value);
    if (!text)
        return refuse(value, where, "a text", error);
    if (strlen(text) != json_string_length(value)) {
        sw_fail(error, SW_MISUSE, "%s: expected a text without a NUL in it", where);
        return NULL;
    }
    return made(json_string(text), where, error);
}

json_t *sw_typed_value(enum sw_option_kind kind, const char *text)
{
    if (kind == SW_SWITCH) {
        int yes = sw_choice_index("true yes on 1", text),
            no = sw_choice_index("false no off 0", text);
        if (*text && (yes >= 0 || no >= 0))
            return json_boolean(yes >= 0);
    }
    if (kind == SW_NUMBER || kind == SW_INTEGER) {
        char *end;
        double x = strtod(text, &end);
        /* Hexadecimal, "inf" and leading blanks are strtod's own; nobody means them here. */
        if (*text && !*end && isfinite(x) && strspn(text, "+-.0123456789eE") == strlen(text))
            return json_real(x);
    }
    return json_string(text);
}

int sw_known_keys(const json_t *object, const char *const *names, size_t count, const char *where,
                  struct sw_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(size_t)object, key, value)
    {
        size_t at = 0;
        while (at < count && strcmp(names[at], key) != 0)
            at++;
        if (at == count) {
            char suggestion[512];
            sw_suggest(suggestion, sizeof suggestion, key, names, count);
            return sw_fail(error, SW_MISUSE, "no option '%.80s' in %s%s", key, where, suggestion);
        }
    }
    return SW_OK;
}
