-- How fragments and what they attend to become context (eq. 8). The paper uses the gate; whether
-- its gate is one number a fragment or a vector is not said.
local sw = require "stepwise"

return sw.table {
  title = "Fusion in the G2L step of SHAN-full",
  base = sw.load "shan_full.lua",
  reference = "gate",
  rows = {
    { name = "gate", fusion = "gate" },
    { name = "gate, a vector", fusion = "gate_vector" },
    { name = "average", fusion = "average" },
    { name = "sum", fusion = "sum" },
    { name = "concat", fusion = "concat" },
  },
}
