/* no_symbol.c -- a shared object that is no plugin. */
int a_library_of_something_else(void);

__attribute__((visibility("default"))) int a_library_of_something_else(void)
{
    return 1;
}
