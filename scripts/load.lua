-- Traffic for wrk: every line of the file given is a path and, after a tab, an ETag that the client has already.
-- wrk … -s load.lua URL -- FILE ENCODING
local entries, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local path, tag = line:match("^([^\t]+)\t?(.*)$")
    local headers = { ["Host"] = wrk.headers["Host"], ["Accept"] = "text/html,application/json;q=0.9" }
    if args[2] ~= "identity" then headers["Accept-Encoding"] = args[2] end
    if tag ~= "" then headers["If-None-Match"] = tag end
    entries[#entries + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  at = at % #entries + 1
  return entries[at]
end

-- Anything but 2xx and 3xx is an error, and so is a connection that failed.
function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("figures %d %d %d %d %d %d %d\n", summary.requests, summary.duration, errors.status, failed,
    latency:percentile(50), latency:percentile(99), summary.bytes))
end
