# The model's own parts. A plugin is one C file that includes <stepwise/plugin.h>, its name in the list
# and a line for the linker. Its source is plugins/align/NAME.c, and it is built as
# plugins/align/.libs/NAME.so.
EXTRA_DIST += plugins/fusion/both_sides.h plugins/align/attention.h \
	plugins/align/joint_layer.h plugins/align/pooled.h
plugin_ldflags = -module -avoid-version -shared -no-undefined $(SW_PLUGIN_DEFS) \
	-export-symbols-regex '^sw_plugin$$'

pkglib_LTLIBRARIES += plugins/image/drop_regions.la plugins/image/dropout.la \
	plugins/image/l2norm.la plugins/image/linear.la plugins/image/residual_mlp.la \
	plugins/image/self_attention.la
pkglib_LTLIBRARIES += plugins/text/bigru.la plugins/text/drop_words.la plugins/text/gru.la
pkglib_LTLIBRARIES += plugins/embed/glove.la plugins/embed/glove_random.la \
	plugins/embed/glove_tuned.la plugins/embed/random.la
pkglib_LTLIBRARIES += plugins/align/bfan.la plugins/align/caan_like.la plugins/align/camp.la \
	plugins/align/dot.la plugins/align/g2g.la plugins/align/g2l.la plugins/align/imram.la \
	plugins/align/l2l.la plugins/align/max_mean.la plugins/align/naaf.la plugins/align/order.la \
	plugins/align/scan.la plugins/align/sgraf.la
pkglib_LTLIBRARIES += plugins/fusion/average.la plugins/fusion/concat.la plugins/fusion/gate.la \
	plugins/fusion/gate_vector.la plugins/fusion/sum.la
pkglib_LTLIBRARIES += plugins/pool/esa.la plugins/pool/gpo.la plugins/pool/last.la \
	plugins/pool/max.la plugins/pool/mean.la plugins/pool/word_cnn.la
pkglib_LTLIBRARIES += plugins/loss/angular.la plugins/loss/bce.la plugins/loss/hinge.la \
	plugins/loss/infonce.la plugins/loss/weight_norms.la

plugins_image_drop_regions_la_LDFLAGS = $(plugin_ldflags)
plugins_image_dropout_la_LDFLAGS = $(plugin_ldflags)
plugins_image_l2norm_la_LDFLAGS = $(plugin_ldflags)
plugins_image_linear_la_LDFLAGS = $(plugin_ldflags)
plugins_image_residual_mlp_la_LDFLAGS = $(plugin_ldflags)
plugins_image_self_attention_la_LDFLAGS = $(plugin_ldflags)
plugins_text_bigru_la_LDFLAGS = $(plugin_ldflags)
plugins_text_drop_words_la_LDFLAGS = $(plugin_ldflags)
plugins_text_gru_la_LDFLAGS = $(plugin_ldflags)
plugins_embed_glove_la_LDFLAGS = $(plugin_ldflags)
plugins_embed_glove_random_la_LDFLAGS = $(plugin_ldflags)
plugins_embed_glove_tuned_la_LDFLAGS = $(plugin_ldflags)
plugins_embed_random_la_LDFLAGS = $(plugin_ldflags)
plugins_align_bfan_la_LDFLAGS = $(plugin_ldflags)
plugins_align_caan_like_la_LDFLAGS = $(plugin_ldflags)
plugins_align_camp_la_LDFLAGS = $(plugin_ldflags)
plugins_align_dot_la_LDFLAGS = $(plugin_ldflags)
plugins_align_g2g_la_LDFLAGS = $(plugin_ldflags)
plugins_align_g2l_la_LDFLAGS = $(plugin_ldflags)
plugins_align_imram_la_LDFLAGS = $(plugin_ldflags)
plugins_align_l2l_la_LDFLAGS = $(plugin_ldflags)
plugins_align_max_mean_la_LDFLAGS = $(plugin_ldflags)
plugins_align_naaf_la_LDFLAGS = $(plugin_ldflags)
plugins_align_order_la_LDFLAGS = $(plugin_ldflags)
plugins_align_scan_la_LDFLAGS = $(plugin_ldflags)
plugins_align_sgraf_la_LDFLAGS = $(plugin_ldflags)
plugins_fusion_average_la_LDFLAGS = $(plugin_ldflags)
plugins_fusion_concat_la_LDFLAGS = $(plugin_ldflags)
plugins_fusion_gate_la_LDFLAGS = $(plugin_ldflags)
plugins_fusion_gate_vector_la_LDFLAGS = $(plugin_ldflags)
plugins_fusion_sum_la_LDFLAGS = $(plugin_ldflags)
plugins_pool_esa_la_LDFLAGS = $(plugin_ldflags)
plugins_pool_gpo_la_LDFLAGS = $(plugin_ldflags)
plugins_pool_last_la_LDFLAGS = $(plugin_ldflags)
plugins_pool_max_la_LDFLAGS = $(plugin_ldflags)
plugins_pool_mean_la_LDFLAGS = $(plugin_ldflags)
plugins_pool_word_cnn_la_LDFLAGS = $(plugin_ldflags)
plugins_loss_angular_la_LDFLAGS = $(plugin_ldflags)
plugins_loss_bce_la_LDFLAGS = $(plugin_ldflags)
plugins_loss_hinge_la_LDFLAGS = $(plugin_ldflags)
plugins_loss_infonce_la_LDFLAGS = $(plugin_ldflags)
plugins_loss_weight_norms_la_LDFLAGS = $(plugin_ldflags)

# The rest of plugins/template is built in (core/lua/local.mk), for stepwise new.
EXTRA_DIST += plugins/template/README.md plugins/README.md

# The installation works by itself: its plugins, its scripts, and the template built against it.
installcheck-local:
	CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' $(SHELL) $(srcdir)/tests/cli/install.sh \
	    '$(DESTDIR)$(bindir)' '$(DESTDIR)$(pkgconfigdir)' '$(DESTDIR)$(luacdir)'
