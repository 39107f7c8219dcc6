/* places.h -- finds the files that belong to this program.
 *
 * They are found from where the program, or the Lua module, itself lies: in its build tree, or in
 * an installed tree however that came to its place (another prefix, DESTDIR, moved). The folders
 * that were configured are the last resort. */
#ifndef SW_BASE_PLACES_H
#define SW_BASE_PLACES_H

/* The folders of the plugins, with ':' between; of experiments/, one folder. Allocated; NULL when
 * out of memory. */
char *sw_plugins_place(void);
char *sw_data_place(void);
/* The module that carries bytes between processes (peers/transport.h), whether it is there or not.
 */
char *sw_transport_place(void);

/* Where `to` is when `from` lies at `here`; all three are absolute, `from` and `to` as configured.
 * Allocated; NULL when there is no such path or no memory. */
char *sw_moved_path(const char *from, const char *to, const char *here);

#endif
