core_sources += \
	core/base/clock.h core/base/error.c core/base/error.h \
	core/base/file.c core/base/file.h \
	core/base/trial.c core/base/trial.h \
	core/base/places.c core/base/places.h \
	core/base/values.c core/base/values.h

# The folders that were configured. The Makefile changes with them, so that a build that is configured
# anew, with another prefix, knows them; the header is written before anything is compiled.
BUILT_SOURCES += core/base/configured_places.h
CLEANFILES += core/base/configured_places.h
core/base/places.lo: core/base/configured_places.h
core/base/configured_places.h: Makefile
	$(AM_V_GEN)$(MKDIR_P) core/base && { \
	echo '#define SW_BIN_DIR "$(bindir)"'; \
	echo '#define SW_LUA_DIR "$(luacdir)"'; \
	echo '#define SW_PLUGIN_DIR "$(pkglibdir)"'; \
	echo '#define SW_DATA_DIR "$(pkgdatadir)"'; } >$@.new && mv $@.new $@
