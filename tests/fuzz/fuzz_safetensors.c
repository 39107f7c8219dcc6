/* fuzz_safetensors.c -- .safetensors files: what opens holds its tensors whole, each by its name.
 */
#include "fuzz.h"

#include "data/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_safetensors file;
    struct sw_error error = {0};
    if (fuzz_succeeded(sw_safetensors_parse(&file, data, size, "input", &error), &error)) {
        sw_safetensors_string(&file, "stepwise");
        for (size_t i = 0; i < file.count; i++) {
            const struct sw_safetensors_entry *entry = &file.entries[i];
            const uint8_t *begin = entry->data;
            const uint8_t *end = i + 1 < file.count ? file.entries[i + 1].data : data + size;
            fuzz_require(begin >= data && begin < end && end <= data + size,
                         "a tensor is not in the file");
            fuzz_require(sw_safetensors_find(&file, entry->name) == entry,
                         "a tensor is not found by its name");
        }
    }
    sw_safetensors_close(&file);
    return 0;
}
