/* oracle_pooled.c -- rows of check_oracle.c: encoders, poolings and scores of pooled vectors. */
#include "oracle.h"

#include <stddef.h>

#define HARDEST "'loss':[{'plugin':'hinge','warmup_epochs':0}]"
#define ALL "'loss':[{'plugin':'hinge','negatives':'all'}]"

/* ---- VSE++ ---- */

static const struct oracle_name vsepp[] = {
    {"image.fc", "image.fc"}, {"embedding.random", "text.embed"}, {"text.gru", "text.rnn"}, {0}};

/* One vector per image is an image of one region. */
#define VSEPP(score, loss)                                                                       \
    "{'image':['linear'],'text':['gru'],'pool':{'image':'mean','text':'last'},'stages':['" score \
    "']," loss "}"
#define VSEPP_INPUTS                                                                             \
    .weights = {"vsepp/weights.safetensors"}, .names = vsepp, .inputs = "vsepp/all.safetensors", \
    .images = "features"

/* ---- VSE-infinity and ESA ---- */

static const struct oracle_name vse_infty[] = {{"image.fc", "image.fc"},
                                               {"image.mlp", "image.mlp"},
                                               {"image.pool", "image.gpool"},
                                               {"text.pool", "text.gpool"},
                                               {"embedding.random", "text.embed"},
                                               {"text.gru", "text.rnn"},
                                               {0}};
static const struct oracle_name esa[] = {{"image.fc", "image.fc"},
                                         {"image.mlp", "image.mlp"},
                                         {"image.pool.linear", "image.linear1"},
                                         {"text.pool.linear", "text.linear1"},
                                         {"embedding.random", "text.embed"},
                                         {"text.gru", "text.rnn"},
                                         {0}};

#define RESIDUAL(pool, loss)                                                              \
    "{'image':['residual_mlp'],'text':['bigru'],'pool':{'image':'" pool "','text':'" pool \
    "'},'stages':['dot']," loss "}"

#define VSE_INFTY .weights = {"vse_infty/weights.safetensors"}, .names = vse_infty

/* ---- SAEM ---- */

static const struct oracle_name saem[] = {
    {"image.fc", "image.mapping"},
    {"image.attention.query", "image.layer.attention.self.query"},
    {"image.attention.key", "image.layer.attention.self.key"},
    {"image.attention.value", "image.layer.attention.self.value"},
    {"image.attention.output", "image.layer.attention.output.dense"},
    {"image.attention.norm.weight", "image.layer.attention.output.LayerNorm.gamma"},
    {"image.attention.norm.bias", "image.layer.attention.output.LayerNorm.beta"},
    {"image.mlp.0", "image.layer.intermediate.dense"},
    {"image.mlp.1", "image.layer.output.dense"},
    {"image.mlp.norm.weight", "image.layer.output.LayerNorm.gamma"},
    {"image.mlp.norm.bias", "image.layer.output.LayerNorm.beta"},
    {"text.pool.conv", "text.convs1"},
    {"text.pool.fc", "text.mapping"},
    {"embedding.random.weight", "states"},
    {0}};

#define SAEM(losses)                                                                          \
    "{'image':['linear',{'plugin':'self_attention','heads':8,'width':96,'dropout':0}],"       \
    "'text':[],'pool':{'image':'mean','text':{'plugin':'word_cnn','dropout':0}},'embedding':" \
    "{'plugin':'random','word_dim':64},'stages':['dot']," losses "}"

const struct oracle oracle_pooled[] = {
    {.name = "VSE++, cosine",
     .model = VSEPP("dot", ALL),
     VSEPP_INPUTS,
     .file = "vsepp/all.safetensors",
     .scores = "scores64.cosine"},
    {.name = "VSE++, order",
     .model = VSEPP("order", ALL),
     VSEPP_INPUTS,
     .file = "vsepp/all.safetensors",
     .scores = "scores64.order"},
    {.name = "VSE++, cosine, hardest negatives",
     .model = VSEPP("dot", HARDEST),
     VSEPP_INPUTS,
     .gradients = "vsepp/gradients_cosine_hard.safetensors"},
    {.name = "VSE++, cosine, all negatives",
     .model = VSEPP("dot", ALL),
     VSEPP_INPUTS,
     .gradients = "vsepp/gradients_cosine_all.safetensors"},
    {.name = "VSE++, order, hardest negatives",
     .model = VSEPP("order", HARDEST),
     VSEPP_INPUTS,
     .gradients = "vsepp/gradients_order_hard.safetensors"},
    {.name = "VSE++, order, all negatives",
     .model = VSEPP("order", ALL),
     VSEPP_INPUTS,
     .gradients = "vsepp/gradients_order_all.safetensors"},
    {.name = "VSE-infinity",
     .model = RESIDUAL("gpo", ALL),
     VSE_INFTY,
     .file = "vse_infty/all.safetensors",
     .scores = "scores64.full"},
    {.name = "VSE-infinity, region counts that differ",
     .model = RESIDUAL("gpo", ALL),
     VSE_INFTY,
     .inputs = "vse_infty/all.safetensors",
     .image_counts = "counts.ragged",
     .file = "vse_infty/all.safetensors",
     .scores = "scores64.ragged"},
    {.name = "VSE-infinity, hardest negatives",
     .model = RESIDUAL("gpo", HARDEST),
     VSE_INFTY,
     .gradients = "vse_infty/gradients_hard.safetensors",
     /* a bias before a batch norm has no gradient but rounding's */
     .tolerance = 3e-4},
    {.name = "ESA",
     .model = RESIDUAL("esa", ALL),
     .weights = {"esa/weights.safetensors"},
     .names = esa,
     .file = "esa/all.safetensors",
     .scores = "scores64"},
    {.name = "SAEM",
     .model = SAEM(ALL),
     .weights = {"saem/weights.safetensors", "saem/all.safetensors"},
     .names = saem,
     .inputs = "saem/all.safetensors",
     .word_vectors = "states",
     .file = "saem/all.safetensors",
     .scores = "scores64"},
    {.name = "SAEM, losses",
     .model =
         SAEM("'loss':[{'plugin':'hinge','warmup_epochs':0},{'plugin':'angular','weight':0.5}]"),
     .inputs = "saem/all.safetensors"},
    {0},
};

const struct oracle_folder oracle_folder_pooled[] = {
    {.name = "folder: vsepp",
     .model = "{'image':['linear'],'text':['gru'],'pool':{'image':'mean','text':'last'},"
              "'stages':['dot']}",
     .weights = {"folder/vsepp.safetensors"},
     .names = vsepp,
     .scores = "folder/sims_vsepp_mean_features.npy"},
    {0},
};
