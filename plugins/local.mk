# The model's own parts. A plugin is one C file that includes <stepwise/plugin.h> and three lines:
#
#	pkglib_LTLIBRARIES += plugins/align/NAME.la
#	plugins_align_NAME_la_CPPFLAGS = $(plugin_cppflags)
#	plugins_align_NAME_la_LDFLAGS = $(plugin_ldflags)
#
# Its source is plugins/align/NAME.c, and it is built as plugins/align/.libs/NAME.so.
EXTRA_DIST += plugins/fusion/both_sides.h plugins/align/attention.h plugins/align/joint_layer.h
plugin_cppflags = -D_GNU_SOURCE -I$(top_srcdir)/core
plugin_ldflags = -module -avoid-version -shared -no-undefined $(SW_PLUGIN_DEFS) \
	-export-symbols-regex '^sw_plugin$$'

pkglib_LTLIBRARIES += plugins/image/linear.la
plugins_image_linear_la_CPPFLAGS = $(plugin_cppflags)
plugins_image_linear_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/image/l2norm.la
plugins_image_l2norm_la_CPPFLAGS = $(plugin_cppflags)
plugins_image_l2norm_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/text/bigru.la
plugins_text_bigru_la_CPPFLAGS = $(plugin_cppflags)
plugins_text_bigru_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/loss/hinge.la
plugins_loss_hinge_la_CPPFLAGS = $(plugin_cppflags)
plugins_loss_hinge_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/l2l.la
plugins_align_l2l_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_l2l_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/g2l.la
plugins_align_g2l_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_g2l_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/g2g.la
plugins_align_g2g_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_g2g_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/scan.la
plugins_align_scan_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_scan_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/max_mean.la
plugins_align_max_mean_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_max_mean_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/bfan.la
plugins_align_bfan_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_bfan_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/imram.la
plugins_align_imram_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_imram_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/camp.la
plugins_align_camp_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_camp_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/sgraf.la
plugins_align_sgraf_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_sgraf_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/caan_like.la
plugins_align_caan_like_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_caan_like_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/embed/glove.la
plugins_embed_glove_la_CPPFLAGS = $(plugin_cppflags)
plugins_embed_glove_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/embed/glove_tuned.la
plugins_embed_glove_tuned_la_CPPFLAGS = $(plugin_cppflags)
plugins_embed_glove_tuned_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/embed/random.la
plugins_embed_random_la_CPPFLAGS = $(plugin_cppflags)
plugins_embed_random_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/embed/glove_random.la
plugins_embed_glove_random_la_CPPFLAGS = $(plugin_cppflags)
plugins_embed_glove_random_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/fusion/gate.la
plugins_fusion_gate_la_CPPFLAGS = $(plugin_cppflags)
plugins_fusion_gate_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/fusion/gate_vector.la
plugins_fusion_gate_vector_la_CPPFLAGS = $(plugin_cppflags)
plugins_fusion_gate_vector_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/fusion/average.la
plugins_fusion_average_la_CPPFLAGS = $(plugin_cppflags)
plugins_fusion_average_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/fusion/sum.la
plugins_fusion_sum_la_CPPFLAGS = $(plugin_cppflags)
plugins_fusion_sum_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/fusion/concat.la
plugins_fusion_concat_la_CPPFLAGS = $(plugin_cppflags)
plugins_fusion_concat_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/pool/mean.la
plugins_pool_mean_la_CPPFLAGS = $(plugin_cppflags)
plugins_pool_mean_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/pool/max.la
plugins_pool_max_la_CPPFLAGS = $(plugin_cppflags)
plugins_pool_max_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/pool/last.la
plugins_pool_last_la_CPPFLAGS = $(plugin_cppflags)
plugins_pool_last_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/pool/esa.la
plugins_pool_esa_la_CPPFLAGS = $(plugin_cppflags)
plugins_pool_esa_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/pool/gpo.la
plugins_pool_gpo_la_CPPFLAGS = $(plugin_cppflags)
plugins_pool_gpo_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/pool/word_cnn.la
plugins_pool_word_cnn_la_CPPFLAGS = $(plugin_cppflags)
plugins_pool_word_cnn_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/image/residual_mlp.la
plugins_image_residual_mlp_la_CPPFLAGS = $(plugin_cppflags)
plugins_image_residual_mlp_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/image/self_attention.la
plugins_image_self_attention_la_CPPFLAGS = $(plugin_cppflags)
plugins_image_self_attention_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/image/dropout.la
plugins_image_dropout_la_CPPFLAGS = $(plugin_cppflags)
plugins_image_dropout_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/image/drop_regions.la
plugins_image_drop_regions_la_CPPFLAGS = $(plugin_cppflags)
plugins_image_drop_regions_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/text/gru.la
plugins_text_gru_la_CPPFLAGS = $(plugin_cppflags)
plugins_text_gru_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/text/drop_words.la
plugins_text_drop_words_la_CPPFLAGS = $(plugin_cppflags)
plugins_text_drop_words_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/dot.la
plugins_align_dot_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_dot_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/align/order.la
plugins_align_order_la_CPPFLAGS = $(plugin_cppflags)
plugins_align_order_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/loss/bce.la
plugins_loss_bce_la_CPPFLAGS = $(plugin_cppflags)
plugins_loss_bce_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/loss/infonce.la
plugins_loss_infonce_la_CPPFLAGS = $(plugin_cppflags)
plugins_loss_infonce_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/loss/angular.la
plugins_loss_angular_la_CPPFLAGS = $(plugin_cppflags)
plugins_loss_angular_la_LDFLAGS = $(plugin_ldflags)

pkglib_LTLIBRARIES += plugins/loss/weight_norms.la
plugins_loss_weight_norms_la_CPPFLAGS = $(plugin_cppflags)
plugins_loss_weight_norms_la_LDFLAGS = $(plugin_ldflags)

# The rest of plugins/template is built in (core/lua/local.mk), for stepwise new.
EXTRA_DIST += plugins/template/README.md plugins/README.md

# The installation works by itself: its plugins, its scripts, and the template built against it.
installcheck-local:
	CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' $(SHELL) $(srcdir)/tests/cli/install.sh \
	    '$(DESTDIR)$(bindir)' '$(DESTDIR)$(pkgconfigdir)' '$(DESTDIR)$(luacdir)'
