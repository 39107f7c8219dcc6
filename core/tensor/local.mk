# Tensors. kernels/ holds what is compiled once for each instruction set, and its choice.
core_sources += \
	core/tensor/tape/arena.c core/tensor/tape/arena.h core/tensor/tape/gradcheck.c \
	core/tensor/tape/graph.c core/tensor/tape/graph.h \
	core/tensor/tape/ops.c core/tensor/tape/ops.h core/tensor/tape/profile.c \
	core/tensor/tape/profile.h core/tensor/tape/random.c core/tensor/tape/random.h
core_sources += \
	core/tensor/ops/gemm.c core/tensor/ops/groups.c core/tensor/ops/groups.h \
	core/tensor/ops/gru_peers.c core/tensor/ops/gru_peers.h \
	core/tensor/ops/gru_plan.c core/tensor/ops/gru_plan.h core/tensor/ops/gru_recurrent.c \
	core/tensor/ops/gru_recurrent.h core/tensor/ops/gru_shares.c core/tensor/ops/gru_shares.h \
	core/tensor/ops/live_rows.c core/tensor/ops/live_rows.h \
	core/tensor/ops/loss.h core/tensor/ops/ops_batch_norm.c \
	core/tensor/ops/ops_dense.c core/tensor/ops/ops_elementwise.c core/tensor/ops/ops_gram.c \
	core/tensor/ops/ops_group.c core/tensor/ops/ops_group_attention.c \
	core/tensor/ops/ops_group_columns.c core/tensor/ops/ops_group_dots.c core/tensor/ops/ops_gru.c \
	core/tensor/ops/ops_lane.c core/tensor/ops/ops_lane_norm.c \
	core/tensor/ops/ops_lane_batch_norm.c core/tensor/ops/ops_lane_reduce.c core/tensor/ops/ops_loss.c \
	core/tensor/ops/ops_norm.c core/tensor/ops/ops_order.c \
	core/tensor/ops/ops_random.c core/tensor/ops/ops_row_dots.c core/tensor/ops/ops_rows_at.c \
	core/tensor/ops/ops_vector.c \
	core/tensor/ops/ops_vector_each.c core/tensor/ops/ops_vector_product.c \
	core/tensor/ops/rows.c core/tensor/ops/rows.h
core_sources += \
	core/tensor/kernels/kernels.h core/tensor/kernels/kernels_amx.h \
	core/tensor/kernels/kernels_array.h core/tensor/kernels/kernels_lane.h \
	core/tensor/kernels/kernels_math.h core/tensor/kernels/kernels_prepared.h \
	core/tensor/kernels/kernels_product.h core/tensor/kernels/kernels_select.c \
	core/tensor/kernels/kernels_vector.h
core_sources += \
	core/tensor/threads/compute.c core/tensor/threads/compute.h core/tensor/threads/pool.c \
	core/tensor/threads/pool.h
kernel_sources += core/tensor/kernels/kernels.c
