# The runtime. Each folder's local.mk lists its own files:
#   core_sources    C that knows no Lua, part of the program, the Lua module and every unit test
#   kernel_sources  C compiled once for each instruction set
#   lua_sources     the binding, the only C that includes lua.h
#   lua_modules     Lua files that are built into the program
core_sources =
kernel_sources =
lua_sources =
lua_modules =
include $(srcdir)/core/base/local.mk
include $(srcdir)/core/peers/local.mk
include $(srcdir)/core/tensor/local.mk
include $(srcdir)/core/match/local.mk
include $(srcdir)/core/data/local.mk
include $(srcdir)/core/train/local.mk
include $(srcdir)/core/plugin/local.mk
include $(srcdir)/core/lua/local.mk

noinst_LTLIBRARIES += libsw_core.la libsw_kernels.la libsw_lua.la
libsw_core_la_SOURCES = $(core_sources)
libsw_core_la_LIBADD = libsw_kernels.la $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) \
	$(UNISTRING_LIBS) $(ZLIB_LIBS) $(LMDB_LIBS)

# The kernels once more for each instruction set: the names of their tables differ, the source not.
libsw_kernels_la_SOURCES = $(kernel_sources)
libsw_kernels_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_KERNELS=sw_kernels_baseline
libsw_kernels_la_CFLAGS = $(AM_CFLAGS) $(SW_KERNEL_CFLAGS)

if AVX2_KERNELS
noinst_LTLIBRARIES += libsw_kernels_avx2.la
libsw_core_la_LIBADD += libsw_kernels_avx2.la
libsw_kernels_avx2_la_SOURCES = $(kernel_sources)
libsw_kernels_avx2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_KERNELS=sw_kernels_avx2
libsw_kernels_avx2_la_CFLAGS = $(AM_CFLAGS) $(SW_KERNEL_CFLAGS) $(SW_AVX2_CFLAGS)
endif

if AVX512_KERNELS
noinst_LTLIBRARIES += libsw_kernels_avx512.la
libsw_core_la_LIBADD += libsw_kernels_avx512.la
libsw_kernels_avx512_la_SOURCES = $(kernel_sources)
libsw_kernels_avx512_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_KERNELS=sw_kernels_avx512
libsw_kernels_avx512_la_CFLAGS = $(AM_CFLAGS) $(SW_KERNEL_CFLAGS) $(SW_AVX512_CFLAGS)
endif

if AMX_KERNELS
noinst_LTLIBRARIES += libsw_kernels_amx.la
libsw_core_la_LIBADD += libsw_kernels_amx.la
libsw_kernels_amx_la_SOURCES = $(kernel_sources)
libsw_kernels_amx_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_KERNELS=sw_kernels_amx -DSW_ON_AMX
libsw_kernels_amx_la_CFLAGS = $(AM_CFLAGS) $(SW_KERNEL_CFLAGS) $(SW_AVX512_CFLAGS) $(SW_AMX_CFLAGS)
endif

# The binding, and the Lua files as bytes.
libsw_lua_la_SOURCES = $(lua_sources) core/lua/binding/modules.h
nodist_libsw_lua_la_SOURCES = core/lua/modules.c core/lua/git_id.c
libsw_lua_la_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
EXTRA_DIST += core/README.md core/FORMATS.md
EXTRA_DIST += $(lua_modules) core/lua/embed.sh core/lua/stepwise.sym
# For editors.
dist_pkgdata_DATA = core/lua/stepwise.d.lua
CLEANFILES += core/lua/modules.c
core/lua/modules.c: $(lua_modules) core/lua/embed.sh Makefile
	$(AM_V_GEN)$(MKDIR_P) core/lua && \
	$(SHELL) $(srcdir)/core/lua/embed.sh $(srcdir) $(lua_modules) >$@.tmp && mv $@.tmp $@

# Which commit a build is of, for the provenance of its runs; empty outside a repository. A file of
# its own, which changes only when the commit does, so that a commit relinks the program and the
# module, but no test of C.
CLEANFILES += core/lua/git_id.c
.PHONY: git-id
git-id:
core/lua/git_id.c: git-id
	@$(MKDIR_P) core/lua; id=`git -C $(srcdir) describe --always --dirty --abbrev=12 2>/dev/null || :`; \
	printf 'extern const char sw_git_id[];\nconst char sw_git_id[] = "%s";\n' "$$id" >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The program. Only convenience libraries, so ./stepwise is the binary itself, not a wrapper.
bin_PROGRAMS += stepwise
stepwise_SOURCES = core/main.c
stepwise_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
stepwise_LDADD = libsw_lua.la libsw_core.la $(LUA_LIBS)

# require "stepwise" from a stock Lua, which brings liblua: a second copy would not know its state.
luacdir = $(libdir)/lua/5.4
luac_LTLIBRARIES = stepwise.la
stepwise_la_SOURCES =
stepwise_la_LIBADD = libsw_lua.la libsw_core.la
stepwise_la_LDFLAGS = -module -avoid-version -shared -export-symbols $(srcdir)/core/lua/stepwise.sym
stepwise_la_DEPENDENCIES = $(stepwise_la_LIBADD) core/lua/stepwise.sym

# What a plugin of a third party needs: one header and where to put the result.
pluginheaderdir = $(includedir)/stepwise
pluginheader_HEADERS = core/stepwise/plugin.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = core/stepwise.pc

# The manual page and the completion for bash, as the program writes them.
if RUNS_HERE
man1_MANS = core/stepwise.1
completiondir = $(datadir)/bash-completion/completions
completion_DATA = core/completion/stepwise
CLEANFILES += core/stepwise.1 core/completion/stepwise
core/stepwise.1: stepwise $(pkglib_LTLIBRARIES)
	$(AM_V_GEN)STEPWISE_PLUGIN_PATH= ./stepwise help man >$@.new && mv $@.new $@
core/completion/stepwise: stepwise $(pkglib_LTLIBRARIES)
	$(AM_V_GEN)$(MKDIR_P) core/completion && \
	STEPWISE_PLUGIN_PATH= ./stepwise help completion >$@.new && mv $@.new $@
endif
