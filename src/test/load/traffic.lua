-- wrk's side of benchmark.py: each request is made for another user, from pieces that benchmark.py wrote to a file.
-- What it takes: the pieces' file, the file of tokens (one a user), seconds, users, sessions of a user.
--
-- wrk drops what is in flight when its time is over. So no request begins in its last seconds: after them, each one that
-- was sent has been answered and counted, and what is stored can be compared with what was answered.

local ffi = require("ffi")
ffi.cdef [[
    typedef struct { long seconds; long nanoseconds; } benchmark_time;
    int clock_gettime(int clock, benchmark_time *time);
]]
local MONOTONIC = 1
local FIRST_USER, FIRST_SESSION = 100000000001, 1700000000001
local FRESH_FROM, FRESH_TO = 1e14, 1e15 - 1
local NEVER = 3600000

local time = ffi.new("benchmark_time")
local function now()
    ffi.C.clock_gettime(MONOTONIC, time)
    return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local pieces, tokens, seconds, users, sessions, finish = {}, {}, 0, 0, 0, nil

function init(arguments)
    dofile(arguments[1])
    pieces = request_pieces
    for token in io.lines(arguments[2]) do
        tokens[#tokens + 1] = token
    end
    seconds, users, sessions = tonumber(arguments[3]), tonumber(arguments[4]), tonumber(arguments[5])
    local random = assert(io.open("/dev/urandom", "rb"))
    local bytes = random:read(4)
    random:close()
    math.randomseed(bytes:byte(1) + 256 * bytes:byte(2) + 65536 * bytes:byte(3) + 16777216 * bytes:byte(4))
end

local out = {}

-- Odd pieces are text, even ones name what stands there: U, S, N or T, the user's token.
function request()
    local user = math.random(users)
    local values = {
        U = string.format("%.0f", FIRST_USER + user - 1),
        S = string.format("%.0f", FIRST_SESSION + math.random(sessions) - 1),
        N = string.format("%.0f", math.random(FRESH_FROM, FRESH_TO)),
        T = tokens[user],
    }
    for i = 1, #pieces do
        out[i] = i % 2 == 1 and pieces[i] or values[pieces[i]]
    end
    return table.concat(out, "", 1, #pieces)
end

function delay()
    local moment = now()
    finish = finish or moment + seconds
    return moment < finish and 0 or NEVER
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "failed": %d, "p50": %.3f, "p99": %.3f, "bytes": %d}\n', summary.requests,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.bytes))
end
