-- l2l.c, g2l.c and gate.c once more, in Lua: the same names and the same operations in the same
-- order, so that the bits must be the same.
local sw = require "stepwise"

-- LeakyReLU(0.1), then l2 over the axis of the side that queries
local function clipped(t, A, queries)
  local c = t:apply("leaky_relu", { A }, { f = { 0.1 } })
  return t:masked("lane_l2norm", c, queries, { i = { queries == "regions" and 1 or 0 } })
end

local function reduce(t, o, x, side)
  if o.reduce == "sum" then return t:sum(x, side) end
  return t:mean(x, side)
end

sw.define_stage {
  name = "l2l",
  options = { lambda = 15, mu = 0.3, attention_norm = { "none", "cosine", "clipped_l2norm" },
    reduce = { "mean", "sum" } },
  parameters = { { "image_key.weight", "D", "D" }, { "text_key.weight", "D", "D" } },
  prepare = function(b, o)
    local image, text = b.regions, b:linear(b.words, b:parameter "text_key.weight")
    if o.attention_norm == "cosine" then
      image = b:l2norm(b:linear(image, b:parameter "image_key.weight"))
      text = b:l2norm(text)
    else
      text = b:linear_back(text, b:parameter "image_key.weight")
    end
    return { affinity = b:input_product(image, text) }
  end,
  score = function(t, o, p)
    local A = t:input(p.affinity) -- (n,k,L)
    local R_v, R_t
    if t.direction ~= "t2i" then
      local a = o.attention_norm == "clipped_l2norm" and clipped(t, A, "regions") or A
      local alpha = t:softmax_transposed(a, "words", o.lambda)
      local attended_text = t:over_words(alpha)
      R_v = reduce(t, o, t:cosine(t:regions(), attended_text), "regions")
      t:put("attended_text", attended_text)
      t:show("alpha", "regions", "words", alpha)
    end
    if t.direction ~= "i2t" then
      local a = o.attention_norm == "clipped_l2norm" and clipped(t, A, "words") or A
      local beta = t:softmax(a, "regions", o.lambda)
      local attended_image = t:over_regions(beta)
      R_t = reduce(t, o, t:cosine(t:words(), attended_image), "words")
      t:put("attended_image", attended_image)
      t:show("beta", "words", "regions", beta)
    end
    if t.direction == "both" then return t:blend(o.mu, R_v, R_t) end
    return R_v or R_t
  end,
}

local function context(t, p, side, attended)
  local fused = t:fuse("fusion", side, t:fragments(side), t:get(attended))
  return t:pool(fused, t:softmax(t:functional(fused, p[side]), side, 1))
end

sw.define_stage {
  name = "g2l",
  options = { lambda = 1, mu = 0.5, fusion = { fusion = "gate" } },
  parameters = { { "pool.image.weight", 1, "D" }, { "pool.text.weight", 1, "D" } },
  prepare = function(b)
    return { regions = b:input_functional(b:parameter "pool.image.weight"),
      words = b:input_functional(b:parameter "pool.text.weight") }
  end,
  score = function(t, o, p)
    local R_v, R_t
    if t.direction ~= "t2i" then
      local v_c = context(t, p, "regions", "attended_text")
      local w = t:softmax(t:cosine_to(v_c, "words"), "words", o.lambda)
      local t_star = t:over_words(w)
      R_v = t:cosine(v_c, t_star)
      t:put("image_context", v_c)
      t:put("attended_text_context", t_star)
      t:show("words", "one", "words", w)
    end
    if t.direction ~= "i2t" then
      local t_c = context(t, p, "words", "attended_image")
      local w = t:softmax(t:cosine_to(t_c, "regions"), "regions", o.lambda)
      local v_star = t:over_regions(w)
      R_t = t:cosine(t_c, v_star)
      t:put("text_context", t_c)
      t:put("attended_image_context", v_star)
      t:show("regions", "one", "regions", w)
    end
    if t.direction == "both" then return t:blend(o.mu, R_v, R_t) end
    return R_v or R_t
  end,
}

sw.define_fusion {
  name = "gate",
  parameters = { { "image.weight", 1, "2D" }, { "image.bias", 1, init = 0 },
    { "text.weight", 1, "2D" }, { "text.bias", 1, init = 0 } },
  prepare = function(b)
    local p = {}
    for _, side in ipairs { "image", "text" } do
      local w = b:parameter(side .. ".weight")
      local of = side == "image" and "regions" or "words"
      p[of .. "_own"] = b:input_functional(b:columns(w, 0, b.dim))
      p[of .. "_attended"] = b:input_functional(b:columns(w, b.dim, b.dim))
      p[of .. "_bias"] = b:input_shared(b:parameter(side .. ".bias"))
    end
    return p
  end,
  fuse = function(t, side, own, attended, _, p)
    local z = t:functional(own, p[side .. "_own"]) + t:functional(attended, p[side .. "_attended"])
    local g = t:sigmoid(t:add_scalar(z, t:input(p[side .. "_bias"])))
    return own * g + attended * (1 - g)
  end,
}

return sw.experiment {
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { "l2l", sw.stage "g2l" { fusion = "gate" } } },
  train = { batch = 16, epochs = 2, lr = 1e-3 },
}
