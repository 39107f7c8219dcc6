-- All methods of methods/ with SHAN, on one data set and with one recipe.
local sw = require "stepwise"

local rows = { { name = "SHAN-full" } }
for _, name in ipairs { "vsepp", "gpo", "esa", "saem_gru", "max_mean", "scan_t2i", "scan_i2t",
  "bfan", "chan", "naaf", "imram_text", "imram_image", "imram_full", "camp", "caan_like", "saf",
  "sgr" } do
  local method = sw.load("methods/" .. name .. ".lua")
  rows[#rows + 1] = { name = method.name, base = method }
end

return sw.table {
  title = "SHAN and the methods of the field",
  base = sw.load "shan_full.lua",
  reference = "SHAN-full",
  rows = rows,
}
