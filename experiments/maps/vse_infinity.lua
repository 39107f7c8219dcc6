-- VSE-infinity, with region features and a bi-GRU: img_enc and txt_enc, saved as a list of the two.
return {
  { "image.fc", "img_enc.fc", "0.fc", "image.fc" },
  { "image.mlp", "img_enc.mlp", "0.mlp", "image.mlp" },
  { "image.pool", "img_enc.gpool", "0.gpool", "image.gpool" },
  { "text.pool", "txt_enc.gpool", "1.gpool", "text.gpool" },
  { "embedding.random", "txt_enc.embed", "1.embed", "text.embed" },
  { "text.gru", "txt_enc.rnn", "1.rnn", "text.rnn" },
  -- it has a batch norm behind the last layer, too, and leaves it out
  unused = { { "img_enc.mlp.bns.1", "0.mlp.bns.1", "image.mlp.bns.1" } },
}
