/* fuzz_zip.c -- zip archives: a member is as long as its archive says, or it cannot be read. */
#include "fuzz.h"

#include "data/zip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 1 << 22 };
    struct sw_zip zip;
    struct sw_error error = {0};
    if (!fuzz_succeeded(sw_zip_parse(&zip, data, size, "input", &error), &error)) {
        sw_zip_close(&zip);
        return 0;
    }
    for (size_t i = 0; i < zip.count; i++) {
        const struct sw_zip_entry *entry = &zip.entries[i];
        unsigned char *bytes;
        struct sw_error bad = {0};
        fuzz_require(sw_zip_find(&zip, entry->name) == entry, "a member is not found by its name");
        if (!fuzz_succeeded(sw_zip_extract(&zip, entry, MOST, &bytes, &bad), &bad))
            continue;
        fuzz_touch(bytes, entry->size);
        free(bytes);
    }
    sw_zip_close(&zip);
    return 0;
}
