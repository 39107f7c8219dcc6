-- SCAN, VSE++ and what is built on them: img_enc and txt_enc, saved as a list of the two.
return {
  { "image.fc", "img_enc.fc", "0.fc", "image.fc" },
  { "embedding.random", "txt_enc.embed", "1.embed", "text.embed" },
  { "text.gru", "txt_enc.rnn", "1.rnn", "text.rnn" },
}
