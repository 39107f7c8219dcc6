/* other_abi.c -- a plugin of another interface version: must be refused in words. */
#include <stepwise/plugin.h>

SW_EXPORT const struct sw_plugin sw_plugin = {
    .abi = SW_ABI + 1,
    .real_size = sizeof(float),
    .lanes = SW_LANES,
    .max_dim = SW_MAX_DIM,
    .name = "other_abi",
    .version = "1",
    .license = "MIT",
    .doc = "built for another interface",
};
