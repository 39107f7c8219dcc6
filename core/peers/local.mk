# The processes that train one model together. MPI itself is a module of its own, which the program
# loads only where it was started as one of several.
core_sources += core/peers/peers.c core/peers/peers.h core/peers/transport.h
if MPI
transportdir = $(pkglibdir)/transport
transport_LTLIBRARIES = core/peers/mpi.la
core_peers_mpi_la_SOURCES = core/peers/mpi.c
core_peers_mpi_la_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
core_peers_mpi_la_LIBADD = $(MPI_LIBS)
core_peers_mpi_la_LDFLAGS = -module -avoid-version -shared -export-symbols-regex '^sw_transport$$'
endif
