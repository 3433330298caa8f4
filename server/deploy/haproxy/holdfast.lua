-- Asks Holdfast about a request. For /etc/haproxy/holdfast.lua, beside haproxy.cfg.
--
-- Allowed: the identity headers are set, and txn.holdfast_allowed is true. Refused: the client gets Holdfast's answer.
-- No answer, or one that makes no sense: 503. An error in here leaves txn.holdfast_allowed unset, and haproxy.cfg
-- lets nothing through without it.

local HOLDFAST = "http://127.0.0.1:8444/verify/haproxy"
-- As browsers see the app. Written here, so that no Host that a client sends has a say in it.
local SCHEME, HOST = "https", "shop.example"
local TIMEOUT = 2000 -- milliseconds

local SECRET = os.getenv("HOLDFAST_GATEWAY_SECRET")
-- All of them, always: what is not set would be what the client sent.
local IDENTITY = {
  "holdfast-user", "holdfast-session", "holdfast-binding", "holdfast-assertion",
  "holdfast-client", "holdfast-scope", "holdfast-issuer",
}
-- What a refusal may bring to the client.
local PASSED_ON = {
  "cache-control", "content-type", "dpop-nonce", "holdfast-reason", "location", "retry-after", "set-cookie",
  "www-authenticate",
}
-- Of the connection, or of a body that is not sent along.
local LEFT_OUT = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["keep-alive"] = true, ["te"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true, ["host"] = true,
}

local function question(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not LEFT_OUT[name] then
      local list = {}
      for index = 0, #values do
        list[#list + 1] = values[index]
      end
      headers[name] = list
    end
  end
  headers["x-forwarded-method"] = { txn.sf:method() }
  headers["x-forwarded-proto"] = { SCHEME }
  headers["x-forwarded-host"] = { HOST }
  headers["x-forwarded-uri"] = { txn.sf:pathq() }
  headers["x-forwarded-for"] = { txn.sf:src() }
  headers["holdfast-gateway-secret"] = { SECRET }
  return headers
end

local function value(answer, name)
  local values = answer.headers and answer.headers[name]
  return values and values[0]
end

local function refuse(txn, answer)
  local reply = txn:reply({ status = answer.status })
  for _, name in ipairs(PASSED_ON) do
    local text = value(answer, name)
    if text then
      reply:add_header(name, text)
    end
  end
  reply:set_body(answer.body or "")
  txn:done(reply)
end

-- Whether this is an answer of Holdfast's. Anything else is trouble, and no word about the client.
local function makes_sense(answer)
  if answer == nil or answer.status == nil then
    return false
  elseif answer.status == 200 then
    return value(answer, "holdfast-user") ~= nil
  end
  return answer.status >= 300 and (value(answer, "holdfast-reason") or value(answer, "retry-after")) ~= nil
end

core.register_action("holdfast", { "http-req" }, function(txn)
  local answer = core.httpclient():get({ url = HOLDFAST, headers = question(txn), timeout = TIMEOUT })
  if not makes_sense(answer) then
    answer = { status = 503, headers = { ["cache-control"] = { [0] = "no-store" } } }
  end
  if answer.status ~= 200 then
    return refuse(txn, answer)
  end
  for _, name in ipairs(IDENTITY) do
    txn.http:req_set_header(name, value(answer, name) or "")
  end
  local nonce = value(answer, "dpop-nonce")
  if nonce then
    txn:set_var("txn.holdfast_nonce", nonce)
  end
  txn:set_var("txn.holdfast_allowed", true)
end)
