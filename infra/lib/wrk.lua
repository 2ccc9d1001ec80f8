-- wrk's side of generators.py: asks for the targets in a file, one after the other; prints one line of figures.
-- Arguments: FILE…
local requests, at = {}, 0

function init(args)
    for _, file in ipairs(args) do
        for target in io.lines(file) do
            requests[#requests + 1] = wrk.format("GET", target)
        end
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary)
    local errors = summary.errors
    print(string.format("figures requests=%d bytes=%d failed=%d seconds=%.6f", summary.requests, summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout, summary.duration / 1e6))
end
