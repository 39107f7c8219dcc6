/* values.h -- one value of a config, checked against what its key takes.
 *
 * Each check returns a new reference in canonical form, or NULL with an error that begins with
 * `where` (the key's dotted path) and says what was expected and what was found. */
#ifndef SW_PLUGIN_VALUES_H
#define SW_PLUGIN_VALUES_H

#include "base/error.h"
#include "stepwise/plugin.h"

#include <jansson.h>

/* A range that is inclusive at both ends; least == most == 0: unbounded. */
struct sw_range {
    double least, most;
    int above_least; /* `least` itself is refused */
};

/* The number that its 15 significant digits say, so that printing and reading keep it. */
json_t *sw_check_number(const json_t *value, struct sw_range range, const char *where,
                        struct sw_error *error);
json_t *sw_check_integer(const json_t *value, struct sw_range range, const char *where,
                         struct sw_error *error);
json_t *sw_check_switch(const json_t *value, const char *where, struct sw_error *error);
/* choices: words with one space between. */
json_t *sw_check_choice(const json_t *value, const char *choices, const char *where,
                        struct sw_error *error);
json_t *sw_check_text(const json_t *value, const char *where, struct sw_error *error);

/* The place of `word` in choices, or -1. */
int sw_choice_index(const char *choices, const char *word);

/* What was typed, as JSON of a kind (SW_NUMBER .. SW_CHOICE); text that does not fit the kind stays
 * a string, for the check to refuse. NULL only when out of memory or not UTF-8. */
json_t *sw_typed_value(enum sw_option_kind kind, const char *text);

/* "found ..." for messages: the value in short. */
void sw_value_found(char *out, size_t size, const json_t *value);

/* Every key of `object` must be one of names[0..count): else an error "no option 'x' in WHERE",
 * with the near miss. */
int sw_known_keys(const json_t *object, const char *const *names, size_t count, const char *where,
                  struct sw_error *error);

#endif
