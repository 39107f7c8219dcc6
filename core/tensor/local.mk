# core/tensor: its files as core_sources += ...; compiled once for each instruction set: kernel_sources += ...
core_sources += core/tensor/kernels.h core/tensor/kernels_select.c \
	core/tensor/kernels_vector.h core/tensor/kernels_math.h core/tensor/kernels_array.h core/tensor/kernels_lane.h \
	core/tensor/kernels_product.h core/tensor/kernels_prepared.h core/tensor/kernels_amx.h core/tensor/ops_lane.c core/tensor/ops_lane_norm.c \
	core/tensor/ops_vector.c core/tensor/ops_vector_product.c \
	core/tensor/ops_elementwise.c
kernel_sources += core/tensor/kernels.c
core_sources += core/tensor/arena.c core/tensor/arena.h core/tensor/pool.c core/tensor/pool.h
core_sources += core/tensor/compute.c core/tensor/compute.h core/tensor/random.c core/tensor/random.h
core_sources += core/tensor/graph.c core/tensor/graph.h core/tensor/ops.c core/tensor/ops.h
core_sources += core/tensor/gradcheck.c core/tensor/gradcheck.h core/tensor/fragments.h
core_sources += core/tensor/ops_dense.c core/tensor/ops_gram.c core/tensor/ops_gru.c
core_sources += core/tensor/gru_recurrent.c core/tensor/gru_recurrent.h
core_sources += core/tensor/gru_plan.c core/tensor/gru_plan.h core/tensor/ops_loss.c core/tensor/loss.h
core_sources += core/tensor/rows.c core/tensor/rows.h
core_sources += core/tensor/ops_parts.c
core_sources += core/tensor/profile.c core/tensor/profile.h
core_sources += core/tensor/gemm.c core/tensor/ops_row_dots.c
