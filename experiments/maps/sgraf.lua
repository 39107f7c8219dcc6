-- SGRAF, SAF or SGR: img_enc, txt_enc and sim_enc, saved as a list of the three.
local map = {
  { "image.fc", "img_enc.fc", "0.fc", "image.fc" },
  { "embedding.random", "txt_enc.embed", "1.embed", "text.embed" },
  { "text.gru", "txt_enc.cap_rnn", "1.cap_rnn", "text.cap_rnn", "text.rnn" },
}

local similarity = {
  ["image.local_norm"] = "v_global_w.embedding_local.1",
  ["image.global_norm"] = "v_global_w.embedding_global.1",
  ["image.local"] = "v_global_w.embedding_local.0",
  ["image.global"] = "v_global_w.embedding_global.0",
  ["image.common"] = "v_global_w.embedding_common.0",
  ["text.local"] = "t_global_w.embedding_local.0",
  ["text.global"] = "t_global_w.embedding_global.0",
  ["text.common"] = "t_global_w.embedding_common.0",
  ["local"] = "sim_tranloc_w",
  ["global"] = "sim_tranglo_w",
  ["score"] = "sim_eval_w",
  ["attention_norm"] = "SAF_module.bn",
  ["attention"] = "SAF_module.attn_sim_w",
}
for step = 1, 3 do
  local theirs = string.format("SGR_module.%d.", step - 1)
  for ours, name in pairs { query = "graph_query", key = "graph_key", reason = "sim_graph" } do
    similarity[string.format("step%d.%s", step, ours)] = theirs .. name .. "_w"
  end
end
local function called(theirs)
  return "sim_enc." .. theirs, "2." .. theirs, "similarity." .. theirs, theirs
end
for ours, theirs in pairs(similarity) do
  for _, stage in ipairs { "saf.", "sgr." } do
    map[#map + 1] = { stage .. ours, called(theirs) }
  end
end
-- added to all that a softmax is of
map.unused = {
  { shape = { 1 }, called "v_global_w.embedding_common.0.bias" },
  { shape = { 1 }, called "t_global_w.embedding_common.0.bias" },
}
return map
