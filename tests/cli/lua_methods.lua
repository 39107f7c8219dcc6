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
    local attention = t:softmax(t:apply("exp", { t:input(p.lambda) }) * c, "regions")
    return t:mean(t:cosine(t:words(), t:over_regions(attention)), "words")
  end,
}

-- 1 where x > 0, else 0: a ramp too short to be met, since a jump has no gradient.
local function is_above_0(t, x)
  local steep = t:affine(x, 1e6)
  return t:relu(steep) - t:relu(steep - 1)
end

-- NAAF (Zhang et al., CVPR 2022), which is a plugin, too, here with a threshold u that stays: what
-- a word finds nowhere counts against the pair.
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
    return cosine * t:apply("exp", { t:input(p.scale) })
  end,
}

-- max(x, y), number by number.
local function larger(t, x, y) return x + t:relu(y - x) end

-- GSMN (Liu et al., CVPR 2020), its text side as the published code computes it: the cosines of a
-- word and of what it attends to, in blocks of their numbers, and a small network over these.
local BLOCKS <const>, WIDTH <const> = 4, 8
sw.define_stage {
  name = "gsmn_text",
  options = { lambda = { 20, least = 0, most = 1000 } },
  parameters = { { "graph.weight", WIDTH, BLOCKS }, { "graph.bias", WIDTH, init = 0.1 },
    { "hidden.weight", WIDTH, WIDTH }, { "hidden.bias", WIDTH, init = 0.1 },
    { "out.weight", 1, WIDTH } },
  prepare = function(b)
    local inputs = { c = b:input_product(b.regions, b.words) }
    local size, graph = b.dim // BLOCKS, b:parameter "graph.weight"
    for i = 0, BLOCKS - 1 do
      local v, t = b:columns(b.regions, i * size, size), b:columns(b.words, i * size, size)
      local lengths = b:linear(t * t, b:constant(1, 1, size)) -- (N,1)
      inputs["product" .. i] = b:input_product(v, t)
      inputs["within" .. i] = b:input_within("regions", v, v)
      inputs["length" .. i] = b:input_rows("words", lengths)
      inputs["graph" .. i] = b:input_shared(b:reshape(b:columns(graph, i, 1), 1, 1, WIDTH))
    end
    for _, name in ipairs { "graph.bias", "hidden.weight", "hidden.bias", "out.weight" } do
      inputs[name] = b:input_shared(b:parameter(name))
    end
    return inputs
  end,
  score = function(t, o, p)
    local attention = t:softmax(steered(t, t:input(p.c)), "regions", o.lambda)
    local sum
    for i = 0, BLOCKS - 1 do
      local cosine = t:apply("lane_cosine", { t:rowdot(attention, t:input(p["product" .. i])),
        t:apply("lane_quadratic", { attention, t:input(p["within" .. i]) }),
        t:reshape(t:input(p["length" .. i]), 1, t.n, 16) })
      local part = t:apply("mix", { t:reshape(cosine, t.n, 1, 16), t:input(p["graph" .. i]) })
      sum = sum and sum + part or part
    end
    local graph = t:apply("vec_bias", { sum, t:input(p["graph.bias"]) }) -- (n,L,WIDTH)
    local hidden = t:apply("tanh", { t:apply("linear", { graph, t:input(p["hidden.weight"]),
      t:input(p["hidden.bias"]) }) })
    local of_words = t:apply("linear", { hidden, t:input(p["out.weight"]) }) -- (n,L,1)
    return t:mean(t:reshape(of_words, 1, t.n, 16), "words")
  end,
}

-- X-Dim (Zhang et al., ACM MM 2023): a sparse table of how much each dimension of the joint space
-- has to do with each other one.
sw.define_stage {
  name = "x_dim",
  parameters = { { "table.weight", "D", "D" }, { "threshold.weight", 1, "D", init = 0.5 },
    { "sharpness", 1, init = 1 }, { "log_lambda", 1, init = 2.66 } },
  prepare = function(b)
    local D = b.dim
    local row, column = b:constant(1, 1, D), b:constant(1, D, 1)
    local p = b:sigmoid(b:parameter "table.weight")
    local mean = b:linear(p, row) * (1 / D) -- (D,1)
    local centred = p - b:linear(mean, column)
    local deviation = b:apply("sqrt", { b:linear(centred * centred, row) * (1 / (D - 1)) })
    local threshold = mean + b:reshape(b:parameter "threshold.weight", D, 1) * deviation
    local above = b:apply("exp", { b:parameter "sharpness" }) * (p - b:linear(threshold, column))
    local m = b:l2norm(b:apply("tanh", { b:apply("exp", { above }) }) * p)
    local weights = b:reshape(b:linear_back(row, m), D) -- the sums of its columns
    local words = b:apply("vec_gain", { b.words, weights })
    return { c = b:input_product(b.regions, words), m = b:input_shared(m),
      row = b:input_shared(row), lambda = b:input_shared(b:parameter "log_lambda") }
  end,
  score = function(t, _, p)
    local c = steered(t, t:apply("tanh", { t:input(p.c) }))
    local attention = t:softmax(t:apply("exp", { t:input(p.lambda) }) * c, "regions")
    local attended = t:apply("l2norm", { t:numbers(t:over_regions(attention)) }) -- (n,L,D)
    local both = t:apply("vec_mul", { attended, t:numbers(t:words()) })
    local shared = t:apply("l2norm", { t:apply("linear", { both, t:input(p.m) }) })
    return t:mean(t:reshape(t:apply("linear", { shared, t:input(p.row) }), 1, t.n, 16), "words")
  end,
}

-- PVSE (Song and Soleymani, CVPR 2019): two vectors per image and per caption, which meet by their
-- best pair, and a loss that keeps the two of a side apart.
local VECTORS <const>, DIM <const> = 2, 8
sw.define_pool {
  name = "pie",
  parameters = { { "attention.0.weight", 5, "W" }, { "attention.1.weight", VECTORS, 5 },
    { "residual.weight", "W", "W" }, { "residual.bias", "W", init = 0 },
    { "norm.weight", "W", init = 1 }, { "norm.bias", "W", init = 0 } },
  pool = function(e, x)
    local hidden = e:apply("tanh", { e:linear(x, e:parameter "attention.0.weight") })
    local a = e:group("softmax", { e:linear(hidden, e:parameter "attention.1.weight") },
      { f = { 1 } })
    local whole, all = e:group("mean", { x }), nil
    for i = 0, VECTORS - 1 do
      local local_part = e:sigmoid(e:linear(e:group("mix", { e:columns(a, i, 1), x }),
        e:parameter "residual.weight", e:parameter "residual.bias"))
      local one = e:l2norm(e:apply("layer_norm", { whole + local_part, e:parameter "norm.weight",
        e:parameter "norm.bias" }, { f = { 1e-5 } }))
      all = all and e:apply("concat", { all, one }) or one
    end
    return all
  end,
}
sw.define_stage {
  name = "best_of_pairs",
  pooled = true,
  prepare = function(b)
    local inputs = {}
    for i = 0, VECTORS - 1 do
      inputs["image" .. i] = b:input_group("regions", b:columns(b.image, i * b.dim, b.dim))
      inputs["text" .. i] = b:input_group("words", b:columns(b.text, i * b.dim, b.dim))
    end
    return inputs
  end,
  score = function(t, _, p)
    local best
    for i = 0, VECTORS - 1 do
      for j = 0, VECTORS - 1 do
        local dot = t:dot(t:explicit_vectors(t:input(p["image" .. i])),
          t:explicit_vectors(t:input(p["text" .. j])))
        best = best and larger(t, best, dot) or dot
      end
    end
    return best
  end,
}
sw.define_loss {
  name = "pvse",
  options = { margin = { 0.1, least = 0, most = 2 }, diversity = { 0.1, least = 0, most = 10 } },
  loss = function(b, o)
    local loss = b:hinge(b.scores, o.margin)
    for _, x in ipairs { b.image, b.text } do -- |G - 1|_F / 4 of a row's two vectors of length 1
      local both = b:columns(x, 0, DIM) * b:columns(x, DIM, DIM)
      local dot = b:linear(both, b:constant(1, 1, DIM))
      local distance = b:apply("sqrt", { b:affine(dot * dot, 2, 1e-12) }) * (1 / 4)
      loss = loss + b:reshape(b:total(distance), 1) * o.diversity
    end
    return loss
  end,
}

-- A transformer's layer with its norms in front, as HREM (Fu et al., CVPR 2023) and others put
-- behind their encoders.
sw.define_block {
  name = "pre_norm",
  parameters = { { "norm1.weight", "W", init = 1 }, { "norm1.bias", "W", init = 0 },
    { "value.weight", "W", "W" }, { "norm2.weight", "W", init = 1 },
    { "norm2.bias", "W", init = 0 }, { "inner.weight", "2W", "W" }, { "outer.weight", "W", "2W" } },
  encode = function(e, x)
    local function normed(y, name)
      return e:apply("layer_norm", { y, e:parameter(name .. ".weight"),
        e:parameter(name .. ".bias") }, { f = { 1e-5 } })
    end
    local y = normed(x, "norm1")
    local value = e:linear(y, e:parameter "value.weight")
    x = x + e:group("attention", { y, y, value }, { i = { 2 } })
    local inner = e:relu(e:linear(normed(x, "norm2"), e:parameter "inner.weight"))
    return x + e:linear(inner, e:parameter "outer.weight")
  end,
}

return sw.experiment {
  model = {
    dim = 64, direction = "t2i", stages = { "naaf" },
    embedding = sw.embedding "random" { word_dim = 50 },
  },
}
