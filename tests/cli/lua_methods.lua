-- lua_methods.lua -- methods of the field that no plugin brings, as an experiment's own stages.
local sw = require "stepwise"

-- SCAN's attention of the words, before its softmax: c (n,k,L).
local function steered(t, c)
  return t:masked("lane_l2norm", t:apply("leaky_relu", { c }, { f = { 0.1 } }), "words")
end

-- TERAN (Messina et al., TOMM 2021): the best region of each word, summed.
sw.define_stage {
  name = "max_sum",
  prepare = function(b) return { c = b:input_product(b.regions, b.words) } end,
  score = function(t, _, p)
    return t:sum(t:masked("lane_max", t:input(p.c), "regions"), "words")
  end,
}

-- SCAN, words query, with a temperature that is learnt.
sw.define_stage {
  name = "scan_learnt",
  parameters = { { "log_lambda", 1, init = 2.2 } },
  prepare = function(b)
    return { c = b:input_product(b.regions, b.words),
      lambda = b:input_shared(b:parameter "log_lambda") }
  end,
  score = function(t, _, p)
    local c = steered(t, t:input(p.c))
    local lambda = t:apply("exp", { t:add_scalar(t:affine(c, 0, 0), t:input(p.lambda)) })
    return t:mean(t:cosine(t:words(), t:over_regions(t:softmax(lambda * c, "regions"))), "words")
  end,
}

-- 1 where x > 0, else 0: a ramp too short to be met, since a jump has no gradient.
local function is_above_0(t, x)
  local steep = t:affine(x, 1e6)
  return t:relu(steep) - t:relu(steep - 1)
end

-- NAAF (Zhang et al., CVPR 2022), which is a plugin, too, here with a threshold u that stays: what a word finds nowhere counts
-- against the pair.
sw.define_stage {
  name = "naaf",
  options = { lambda = { 20, least = 0, most = 1000 }, threshold = { 0, least = -1, most = 1 } },
  prepare = function(b)
    return { c = b:input_product(b.regions, b.words),
      g = b:input_within("words", b.words, b.words) }
  end,
  score = function(t, o, p)
    local c = t:input(p.c) -- (n,k,L)
    local above = t:affine(c, 1, -o.threshold)
    local best = t:masked("lane_max", above, "regions") -- (1,n,L)
    local judged = best -- in evaluation, by what similar words find
    if not t.training then
      local alike = t:softmax(t:input(p.g), "words", 5) -- (n,n,L)
      judged = t:reshape(t:apply("lane_matmul", { alike, t:reshape(best, t.n, 1, 16) }), 1, t.n, 16)
    end
    local missing = is_above_0(t, t:affine(judged, -1)) * best
    local kept = is_above_0(t, above)
    local weights = kept
      * t:softmax(t:affine(above, o.lambda) + t:affine(kept, 1e4, -1e4), "regions")
    local found = t:cosine(t:words(), t:over_regions(weights))
    local attention = t:softmax(steered(t, c), "regions", o.lambda)
    local relevant = t:apply("lane_rowdot", { c, attention })
    return t:mean(missing + found + relevant, "words")
  end,
}

-- CLIP (Radford et al., ICML 2021): cosines of pooled vectors, times a scale that is learnt.
sw.define_stage {
  name = "clip",
  pooled = true,
  parameters = { { "log_scale", 1, init = 2.66 } },
  prepare = function(b)
    return { image = b:input_group("regions", b.image), text = b:input_group("words", b.text),
      scale = b:input_shared(b:parameter "log_scale") }
  end,
  score = function(t, _, p)
    local image, text = t:input(p.image), t:input(p.text)
    local cosine = t:cosine(t:explicit_vectors(image), t:explicit_vectors(text))
    return cosine * t:apply("exp", { t:add_scalar(t:affine(cosine, 0, 0), t:input(p.scale)) })
  end,
}

return sw.experiment {
  model = {
    dim = 64, direction = "t2i", stages = { "naaf" },
    embedding = sw.embedding "random" { word_dim = 50 },
  },
}
