/* oracle_align.c -- rows of check_oracle.c: stages that align fragments. */
#include "oracle.h"

#include <stddef.h>

#define HARDEST "'loss':[{'plugin':'hinge','warmup_epochs':0}]"
#define ALL "'loss':[{'plugin':'hinge','negatives':'all'}]"

#define SCAN_ENCODERS                                             \
    {"image.fc", "image.fc"}, {"embedding.random", "text.embed"}, \
    {                                                             \
        "text.gru", "text.rnn"                                    \
    }

static const struct oracle_name encoders[] = {SCAN_ENCODERS, {0}};

/* ---- IMRAM ---- */

#define IMRAM_GATES                                                       \
    {"imram.text.update", "linear_t2i"}, {"imram.text.gate", "gate_t2i"}, \
        {"imram.image.update", "linear_i2t"},                             \
    {                                                                     \
        "imram.image.gate", "gate_i2t"                                    \
    }

static const struct oracle_name imram[] = {IMRAM_GATES,
                                           {"image.fc", "img_enc.fc_local"},
                                           {"embedding.random", "txt_enc.embed"},
                                           {"text.gru", "txt_enc.rnn"},
                                           {0}};
static const struct oracle_name imram_stepwise[] = {IMRAM_GATES,
                                                    {"image.fc", "image.fc"},
                                                    {"embedding.random", "embedding.random"},
                                                    {"text.gru", "text.gru"},
                                                    {0}};

/* ---- CAMP ---- */

static const struct oracle_name camp[] = {{"camp.image.key", "img_key_fc"},
                                          {"camp.text.key", "txt_key_fc"},
                                          {"camp.image.query", "img_query_fc"},
                                          {"camp.text.query", "txt_query_fc"},
                                          {"camp.image.attended_key", "weighted_img_key_fc"},
                                          {"camp.text.attended_key", "weighted_txt_key_fc"},
                                          {"camp.image.attended_query", "weighted_img_query_fc"},
                                          {"camp.text.attended_query", "weighted_txt_query_fc"},
                                          {"camp.image.fuse", "fc_1.0"},
                                          {"camp.text.fuse", "fc_2.0"},
                                          {"camp.image.pool.hidden", "reduce_layer_1.linear.0"},
                                          {"camp.text.pool.hidden", "reduce_layer_2.linear.0"},
                                          {"camp.image.pool.heads", "reduce_layer_1.linear.2"},
                                          {"camp.text.pool.heads", "reduce_layer_2.linear.2"},
                                          {"camp.score.hidden", "fc_out.0"},
                                          {"camp.score", "fc_out.3"},
                                          {0}};
static const struct oracle_name camp_new[] = {
    {"camp.image.key", "img_key_fc"},
    {"camp.text.key", "txt_key_fc"},
    {"camp.image.query", "img_query_fc"},
    {"camp.text.query", "txt_query_fc"},
    {"camp.image.attended_key", "weighted_img_key_fc"},
    {"camp.text.attended_key", "weighted_txt_key_fc"},
    {"camp.image.attended_query", "weighted_img_query_fc"},
    {"camp.text.attended_query", "weighted_txt_query_fc"},
    {"camp.image.fuse", "fc_1.0"},
    {"camp.text.fuse", "fc_2.0"},
    {"camp.image.pool.hidden", "final_reduce_1.linear.0"},
    {"camp.text.pool.hidden", "final_reduce_2.linear.0"},
    {"camp.image.pool.heads", "final_reduce_1.linear.2"},
    {"camp.text.pool.heads", "final_reduce_2.linear.2"},
    {"camp.score.hidden", "fc_out.0"},
    {"camp.score", "fc_out.3"},
    {0}};

/* ---- SGRAF ---- */

#define SGRAF(stage, prefix)                                                                      \
    {stage ".image.local_norm", prefix "v_global_w.embedding_local.1"},                           \
        {stage ".image.global_norm", prefix "v_global_w.embedding_global.1"},                     \
        {stage ".image.local", prefix "v_global_w.embedding_local.0"},                            \
        {stage ".image.global", prefix "v_global_w.embedding_global.0"},                          \
        {stage ".image.common", prefix "v_global_w.embedding_common.0"},                          \
        {stage ".text.local", prefix "t_global_w.embedding_local.0"},                             \
        {stage ".text.global", prefix "t_global_w.embedding_global.0"},                           \
        {stage ".text.common", prefix "t_global_w.embedding_common.0"},                           \
        {stage ".local", prefix "sim_tranloc_w"}, {stage ".global", prefix "sim_tranglo_w"},      \
        {stage ".score", prefix "sim_eval_w"}, {stage ".attention_norm", prefix "SAF_module.bn"}, \
        {stage ".attention", prefix "SAF_module.attn_sim_w"},                                     \
        {stage ".step1.query", prefix "SGR_module.0.graph_query_w"},                              \
        {stage ".step1.key", prefix "SGR_module.0.graph_key_w"},                                  \
        {stage ".step1.reason", prefix "SGR_module.0.sim_graph_w"},                               \
        {stage ".step2.query", prefix "SGR_module.1.graph_query_w"},                              \
        {stage ".step2.key", prefix "SGR_module.1.graph_key_w"},                                  \
        {stage ".step2.reason", prefix "SGR_module.1.sim_graph_w"},                               \
        {stage ".step3.query", prefix "SGR_module.2.graph_query_w"},                              \
        {stage ".step3.key", prefix "SGR_module.2.graph_key_w"},                                  \
    {                                                                                             \
        stage ".step3.reason", prefix "SGR_module.2.sim_graph_w"                                  \
    }
#define SGRAF_TRAINED                                             \
    {"image.fc", "image.fc"}, {"embedding.random", "text.embed"}, \
    {                                                             \
        "text.gru", "text.cap_rnn"                                \
    }

static const struct oracle_name saf[] = {SGRAF("saf", ""), SCAN_ENCODERS, {0}};
static const struct oracle_name sgr[] = {SGRAF("sgr", ""), SCAN_ENCODERS, {0}};
static const struct oracle_name saf_trained[] = {SGRAF("saf", "similarity."), SGRAF_TRAINED, {0}};
static const struct oracle_name sgr_trained[] = {SGRAF("sgr", "similarity."), SGRAF_TRAINED, {0}};
static const struct oracle_name saf_stepwise[] = {SGRAF("saf", ""),
                                                  {"image.fc", "image.fc"},
                                                  {"embedding.random", "embedding.random"},
                                                  {"text.gru", "text.gru"},
                                                  {0}};
static const struct oracle_name sgr_stepwise[] = {SGRAF("sgr", ""),
                                                  {"image.fc", "image.fc"},
                                                  {"embedding.random", "embedding.random"},
                                                  {"text.gru", "text.gru"},
                                                  {0}};

/* Stages alone, on fragments that are given. */
#define GIVEN(file_) .given = file_, .regions = "regions", .words = "words", .file = file_
#define SCAN(direction_, options_, scores_)                                                  \
    {.name = "scan " scores_ ", given fragments",                                            \
     .model = "{'direction':'" direction_ "','stages':[{'plugin':'scan'" options_ "}]}",     \
     GIVEN("scan/joint.safetensors"),                                                        \
     .scores = "scores64." scores_},                                                         \
        {.name = "scan " scores_ ", encoded fragments",                                      \
         .model = "{'direction':'" direction_ "','stages':[{'plugin':'scan'" options_ "}]}", \
         GIVEN("scan/encoded.safetensors"),                                                  \
         .scores = "scores64." scores_},                                                     \
    {                                                                                        \
        .name = "scan " scores_ ", from features and words",                                 \
        .model = "{'direction':'" direction_ "','stages':[{'plugin':'scan'" options_ "}]}",  \
        .weights = {"encoders/weights.safetensors"}, .names = encoders,                      \
        .file = "scan/encoded.safetensors", .scores = "scores64." scores_                    \
    }
#define SCAN_GRADIENTS(direction_, options_, loss_, file_)                                       \
    {                                                                                            \
        .name = "scan " file_,                                                                   \
        .model =                                                                                 \
            "{'direction':'" direction_ "','stages':[{'plugin':'scan'" options_ "}]," loss_ "}", \
        .weights = {"encoders/weights.safetensors"}, .names = encoders,                          \
        .gradients = "scan/gradients_" file_ ".safetensors"                                      \
    }
#define IMRAM(direction_, name_, steps_)                                                          \
    {.name = "imram " name_ " " #steps_ " raw",                                                   \
     .model = "{'direction':'" direction_ "','stages':[{'plugin':'imram','steps':" #steps_ "}]}", \
     .weights = {"imram/weights.safetensors"},                                                    \
     .names = imram,                                                                              \
     GIVEN("imram/joint.safetensors"),                                                            \
     .scores = "scores64." name_ "_" #steps_ "_raw"},                                             \
    {                                                                                             \
        .name = "imram " name_ " " #steps_ " norm",                                               \
        .model = "{'direction':'" direction_ "','stages':[{'plugin':'imram','steps':" #steps_     \
                 ",'normalise':true}]}",                                                          \
        .weights = {"imram/weights.safetensors"}, .names = imram,                                 \
        GIVEN("imram/joint.safetensors"), .scores = "scores64." name_ "_" #steps_ "_norm"         \
    }
#define IMRAM_GRADIENTS(direction_, name_)                                        \
    {                                                                             \
        .name = "imram gradients " name_,                                         \
        .model = "{'direction':'" direction_ "','stages':['imram']," HARDEST "}", \
        .weights = {"imram/weights.safetensors"}, .names = imram,                 \
        .gradients = "imram/gradients_" name_ ".safetensors"                      \
    }
#define CAMP(form_, names_, options_)                                             \
    {                                                                             \
        .name = "camp " form_,                                                    \
        .model = "{'stages':[{'plugin':'camp','form':'" form_ "'" options_ "}]}", \
        .weights = {"camp/weights_" form_ ".safetensors"}, .names = names_,       \
        GIVEN("camp/joint.safetensors"), .scores = "scores64." form_              \
    }
#define CAMP_GRADIENTS(form_, names_, options_, loss_, file_)                               \
    {                                                                                       \
        .name = "camp gradients " form_,                                                    \
        .model = "{'stages':[{'plugin':'camp','form':'" form_ "'" options_ "}]," loss_ "}", \
        .weights = {"camp/weights_" form_ ".safetensors"}, .names = names_,                 \
        GIVEN("camp/joint.safetensors"),                                                    \
        .gradients = "camp/gradients_" form_ "_" file_ ".safetensors"                       \
    }

const struct oracle oracle_align[] = {
    SCAN("t2i", "", "t2i_mean_9"),
    SCAN("t2i", ",'reduce':'lse'", "t2i_lse"),
    SCAN("t2i", ",'reduce':'max'", "t2i_max"),
    SCAN("t2i", ",'reduce':'sum'", "t2i_sum"),
    SCAN("t2i", ",'attention_norm':'clipped'", "t2i_mean_clipped"),
    SCAN("t2i", ",'attention_norm':'l2norm'", "t2i_mean_l2norm"),
    SCAN("t2i", ",'attention_norm':'none'", "t2i_mean_nonorm"),
    SCAN("t2i", ",'attention_norm':'softmax'", "t2i_mean_softmax"),
    SCAN("i2t", "", "i2t_mean_4"),
    SCAN("i2t", ",'reduce':'lse','sharpness':5", "i2t_lse5_4"),
    SCAN("i2t", ",'reduce':'lse','sharpness':20", "i2t_lse20_4"),
    SCAN_GRADIENTS("t2i", "", HARDEST, "t2i_mean_9_hard"),
    SCAN_GRADIENTS("t2i", "", ALL, "t2i_mean_9_all"),
    SCAN_GRADIENTS("t2i", ",'reduce':'lse'", HARDEST, "t2i_lse_hard"),
    SCAN_GRADIENTS("t2i", ",'reduce':'lse'", ALL, "t2i_lse_all"),
    SCAN_GRADIENTS("i2t", "", HARDEST, "i2t_mean_4_hard"),
    SCAN_GRADIENTS("i2t", "", ALL, "i2t_mean_4_all"),
    IMRAM("t2i", "text", 1),
    IMRAM("t2i", "text", 2),
    IMRAM("t2i", "text", 3),
    IMRAM("i2t", "image", 1),
    IMRAM("i2t", "image", 2),
    IMRAM("i2t", "image", 3),
    IMRAM("both", "full", 1),
    IMRAM("both", "full", 2),
    IMRAM("both", "full", 3),
    IMRAM_GRADIENTS("t2i", "text"),
    IMRAM_GRADIENTS("i2t", "image"),
    IMRAM_GRADIENTS("both", "full"),
    CAMP("cross_attention", camp, ""),
    CAMP("cross_attention_new", camp, ",'padded_words':50"),
    CAMP("gate_fusion", camp, ""),
    CAMP("gate_fusion_new", camp_new, ""),
    CAMP_GRADIENTS("cross_attention", camp, "", HARDEST, "hinge"),
    CAMP_GRADIENTS("cross_attention_new", camp, ",'padded_words':50", HARDEST, "hinge"),
    CAMP_GRADIENTS("gate_fusion", camp, "", "'loss':['bce']", "BCE"),
    CAMP_GRADIENTS("gate_fusion_new", camp_new, "", "'loss':['bce']", "BCE"),
    {.name = "saf, in evaluation",
     .model = "{'stages':[{'plugin':'saf','width':32}]}",
     .weights = {"sgraf/weights_SAF.safetensors"},
     .names = saf,
     GIVEN("sgraf/joint.safetensors"),
     .scores = "scores64.SAF"},
    {.name = "sgr, in evaluation",
     .model = "{'stages':[{'plugin':'sgr','width':32}]}",
     .weights = {"sgraf/weights_SGR.safetensors"},
     .names = sgr,
     GIVEN("sgraf/joint.safetensors"),
     .scores = "scores64.SGR"},
    {.name = "saf, in training",
     .model = "{'stages':[{'plugin':'saf','width':32,'dropout':0}]," HARDEST "}",
     .weights = {"sgraf/weights_SAF.safetensors", "encoders/weights.safetensors"},
     .names = saf,
     .gradients = "sgraf/gradients_SAF.safetensors",
     .gradient_names = saf_trained,
     .gru_first = 1},
    {.name = "sgr, in training",
     .model = "{'stages':[{'plugin':'sgr','width':32,'dropout':0}]," HARDEST "}",
     .weights = {"sgraf/weights_SGR.safetensors", "encoders/weights.safetensors"},
     .names = sgr,
     .gradients = "sgraf/gradients_SGR.safetensors",
     .gradient_names = sgr_trained,
     .gru_first = 1},
    /* SGM scores objects with words and predicates with relations. */
    {.name = "sgm t2i, objects and words",
     .model = "{'direction':'t2i','stages':[{'plugin':'max_mean','slope':1}]}",
     GIVEN("sgm/joint.safetensors"),
     .region_counts = "objects",
     .scores = "scores.t2i",
     .also = "sgm t2i, predicates and relations"},
    {.name = "sgm i2t, objects and words",
     .model = "{'direction':'i2t','stages':[{'plugin':'max_mean','slope':1}]}",
     GIVEN("sgm/joint.safetensors"),
     .region_counts = "objects",
     .scores = "scores.i2t",
     .also = "sgm i2t, predicates and relations"},
    {.name = "sgm t2i, predicates and relations",
     .model = "{'direction':'t2i','stages':[{'plugin':'max_mean','slope':1}]}",
     .given = "sgm/joint.safetensors",
     .regions = "predicates",
     .words = "relations",
     .region_counts = "predicate_counts",
     .word_counts = "relation_counts"},
    {.name = "sgm i2t, predicates and relations",
     .model = "{'direction':'i2t','stages':[{'plugin':'max_mean','slope':1}]}",
     .given = "sgm/joint.safetensors",
     .regions = "predicates",
     .words = "relations",
     .region_counts = "predicate_counts",
     .word_counts = "relation_counts"},
    {0}};

#define FOLDER(name_, direction_, stage_)                                                          \
    {                                                                                              \
        .name = "folder: " name_, .model = "{'direction':'" direction_ "','stages':[" stage_ "]}", \
        .weights = {"folder/encoder_stepwise.safetensors", "folder/imram_gates.safetensors"},      \
        .names = imram_stepwise, .scores = "folder/sims_" name_ ".npy"                             \
    }

const struct oracle_folder oracle_folder_align[] = {
    FOLDER("scan_t2i", "t2i", "'scan'"),
    FOLDER("scan_t2i_lse", "t2i", "{'plugin':'scan','reduce':'lse'}"),
    FOLDER("scan_i2t", "i2t", "'scan'"),
    FOLDER("bfan_equal", "both", "'bfan'"),
    FOLDER("bfan_prob", "both", "{'plugin':'bfan','focus':'prob'}"),
    FOLDER("naaf_0.2", "t2i", "{'plugin':'naaf','threshold':0.2}"),
    FOLDER("imram_text", "t2i", "'imram'"),
    FOLDER("imram_image", "i2t", "'imram'"),
    FOLDER("imram_full", "both", "'imram'"),
    {.name = "folder: sgraf_saf",
     .model = "{'stages':[{'plugin':'saf','width':32}]}",
     .weights = {"folder/encoder_stepwise.safetensors", "sgraf/weights_SAF.safetensors"},
     .names = saf_stepwise,
     .scores = "folder/sims_sgraf_saf.npy"},
    {.name = "folder: sgraf_sgr",
     .model = "{'stages':[{'plugin':'sgr','width':32}]}",
     .weights = {"folder/encoder_stepwise.safetensors", "sgraf/weights_SGR.safetensors"},
     .names = sgr_stepwise,
     .scores = "folder/sims_sgraf_sgr.npy"},
    {0}};
