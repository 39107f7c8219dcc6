-- kinds.lua: the kinds of plugin that `stepwise new` writes, by the file KIND.c beside this one.
--
--   name      the plugin's name there, which becomes the new one's wherever it stands
--   use       how key=value takes it into a model
--   script    how a script does
--   options   what its options begin with in keys
return {
  stage = { name = "mean_cosine", use = "stages=mean_cosine",
    script = 'stages = { sw.stage "mean_cosine" {} }', options = "mean_cosine." },
  fusion = { name = "mixed", use = "fusion=mixed", script = 'fusion = "mixed"',
    options = "g2l.fusion." },
  pool = { name = "mean_max", use = "pool=mean_max", script = 'pool = sw.pool "mean_max" {}',
    options = "pool.image." },
  block = { name = "residual", use = "image=linear,residual,l2norm",
    script = 'image = { "linear", sw.block "residual" {}, "l2norm" }',
    options = "image.residual." },
  loss = { name = "two_hinges", use = "loss=two_hinges", script = 'loss = sw.loss "two_hinges" {}',
    options = "loss.two_hinges." },
}
