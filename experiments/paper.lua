-- What the paper's experiments share: its section on implementation details, and settings with
-- which the same models train in minutes on the generated scenes.
return {
  train = {
    batch = 128,
    epochs = 30,
    lr = 2e-4,
    decay_epoch = 15,
    margin = 0.2,
    clip = 2.0,
    warmup_epochs = 1, -- the paper's letter is 0; hardest negatives from the start can collapse
  },
  on_scenes = {
    dim = 128,
    word_dim = 50,
    batch = 64,
    epochs = 12,
    lr = 1e-3,
    decay_epoch = 8,
  },
}
