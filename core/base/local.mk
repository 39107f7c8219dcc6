core_sources += \
	core/base/error.c core/base/error.h \
	core/base/file.c core/base/file.h \
	core/base/thread.c core/base/thread.h \
	core/base/trial.c core/base/trial.h
