/* lua_locale.c -- numbers keep their decimal point, whatever locale the host of the module has. */
#include "lua/binding/binding.h"

#include <locale.h>
#include <string.h>

/* C's functions read and write numbers with the decimal point of the locale, and so does Lua, in
 * configs and result files too. In a host that has set another one, LC_NUMERIC of this thread
 * becomes that of C; all else of its locale stays, and so do the host's other threads. */
void sw_lua_keep_decimal_point(void)
{
    if (strcmp(localeconv()->decimal_point, ".") == 0)
        return;
    locale_t copy = duplocale(uselocale((locale_t)0));
    locale_t ours = copy ? newlocale(LC_NUMERIC_MASK, "C", copy) : (locale_t)0;
    if (!ours && copy)
        freelocale(copy);
    if (ours)
        uselocale(ours); /* the thread's for good: nothing tells when its last session ends */
}
