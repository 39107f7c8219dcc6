-- IMRAM: one model with both encoders; t2i is where words query.
return {
  { "image.fc", "img_enc.fc_local", "image.fc" },
  { "embedding.random", "txt_enc.embed", "text.embed" },
  { "text.gru", "txt_enc.rnn", "text.rnn" },
  { "imram.text.update", "linear_t2i" },
  { "imram.text.gate", "gate_t2i" },
  { "imram.image.update", "linear_i2t" },
  { "imram.image.gate", "gate_i2t" },
}
