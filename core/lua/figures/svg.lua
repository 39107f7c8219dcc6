-- svg.lua: what gnuplot writes as SVG, made smaller, and fit to stand in a page with others.
local M = {}

-- gnuplot names each curve by its own expression, which browsers show as a tip, and numbers them
-- anew in each panel, so that ids come twice.
local function without_names(svg)
  svg = svg:gsub('<g id="gnuplot_plot_[^"<>]*" ?>%s*<title>[^<]*</title>', "<g>")
  return (svg:gsub('<g id="gnuplot_plot_[^"<>]*" ?>', "<g>"))
end

-- gnuplot opens a group for each of its states, most of which stay empty.
function M.tidy(svg)
  svg = without_names(svg)
  repeat
    local count
    svg, count = svg:gsub("<g [^<>]*>%s*</g>\n?", "")
  until count == 0
  svg = svg:gsub("%s*<filter id='%w+'.-</filter>", "")
  svg = svg:gsub("(%d%.%d)%d([ ,])", "%1%2") -- a tenth of a pixel is fine enough
  return (svg:gsub("\n\t+", "\n"))
end

-- The colours of plots/style.gp that follow the page's light or dark; numbers as gnuplot writes
-- them. The curves' hues become lighter ones on a dark page.
local follow = {
  ["0,0,0"] = "--ink", ["34,34,34"] = "--ink", ["68,68,68"] = "--soft", ["221,221,221"] = "--grid",
  ["153,153,153"] = "--soft", ["102,102,102"] = "--soft",
  ["0,114,178"] = "--hue1", ["213,94,0"] = "--hue2", ["0,158,115"] = "--hue3",
  ["204,121,167"] = "--hue4", ["230,159,0"] = "--hue5", ["86,180,233"] = "--hue6",
  ["140,140,0"] = "--hue8",
}

-- stroke='rgb( 68,  68,  68)' -> style of the page where it is one of those
local function paint(svg)
  return (svg:gsub("(%s)(%a+) ?= ?(['\"])(%l+%(?[%d, ]*%)?)%3", function(space, name, quote, value)
    if name ~= "stroke" and name ~= "fill" and name ~= "color" then return nil end
    local key = value == "black" and "0,0,0"
      or (value:match("^rgb%((.*)%)$") or ""):gsub("%s", "")
    local variable = follow[key]
    if not variable then return nil end
    return string.format("%s%s=%svar(%s)%s", space, name, quote, variable, quote)
  end))
end

-- The <svg> element of a drawing for an HTML page: its ids begin with `prefix`, so that those of
-- several drawings do not clash; `label` (escaped by the caller) is what it is read out as.
-- themed: its colours follow the page, else it keeps its white ground.
function M.inline(svg, prefix, label, themed)
  local width, height = svg:match('width="(%d+)" height="(%d+)"')
  local body = without_names(svg:match("<svg.->(.*)</svg>") or "")
  body = body:gsub("^%s*<title>[^<]*</title>%s*", ""):gsub("^%s*<desc>[^<]*</desc>%s*", "")
  body = body:gsub("(%s)id=(['\"])(.-)%2", function(space, quote, id)
    return space .. "id=" .. quote .. prefix .. id .. quote
  end)
  body = body:gsub("xlink:href=(['\"])#", "href=%1#" .. prefix):gsub("url%(#", "url(#" .. prefix)
  body = body:gsub(' ?font%-family="[^"]*"', "")
  if themed then
    body = paint(body:gsub('<rect x="0" y="0" width="%d+" height="%d+" fill="#ffffff"/>', "", 1))
  end
  return string.format('<svg viewBox="0 0 %s %s" width="%s" height="%s" role="img" '
    .. 'aria-label="%s">%s</svg>',
    width or "900", height or "400", width or "900", height or "400", label, body)
end

return M
