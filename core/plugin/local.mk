# core/plugin: its files, as core_sources += ...
core_sources += core/plugin/host.c core/plugin/plugins.c core/plugin/plugins.h
core_sources += core/plugin/descriptor.c core/plugin/descriptor.h core/plugin/search.c core/plugin/search.h
core_sources += core/plugin/compose.c core/plugin/compose.h
core_sources += core/plugin/probe.c core/plugin/probe.h
