-- Asks Holdfast about a request. For /etc/apache2/holdfast.lua, beside the site's configuration.
--
-- Needs LuaSocket (Debian: lua-socket). Allowed: the identity headers are set, and Apache goes on. Refused: the client
-- gets Holdfast's answer. No answer, or one that makes no sense: 503. An error in here is 500, by mod_lua.

require "apache2"
local http = require "socket.http"
local ltn12 = require "ltn12"

-- Apache asks in the words that HAProxy has: X-Forwarded-Method, -Proto, -Host and -Uri.
local HOLDFAST = "http://127.0.0.1:8444/verify/haproxy"
-- As browsers see the app. Written here, so that no Host that a client sends has a say in it.
local SCHEME, HOST = "https", "shop.example"
local HSTS = "max-age=31536000"
http.TIMEOUT = 2 -- seconds

local SECRET = os.getenv("HOLDFAST_GATEWAY_SECRET")
-- All of them, always: what is not set would be what the client sent.
local IDENTITY = {
  "Holdfast-User", "Holdfast-Session", "Holdfast-Binding", "Holdfast-Assertion",
  "Holdfast-Client", "Holdfast-Scope", "Holdfast-Issuer",
}
-- What Holdfast reads, beside what is said below. The second line is what tells one client from another: without it a
-- browser whose hints stop or contradict it goes unnoticed. Add the field that risk.ja4_header names, if there is one.
local ASKED_WITH = {
  "Authorization", "DPoP", "Cookie", "User-Agent", "Accept", "X-Requested-With", "Origin",
  "Sec-CH-UA", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform", "Accept-Language",
  "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Secure-Session-Skipped", "traceparent", "tracestate",
}
-- What a refusal may bring to the client.
local PASSED_ON = {
  "Cache-Control", "DPoP-Nonce", "Holdfast-Reason", "Location", "Retry-After", "Set-Cookie", "WWW-Authenticate",
}

-- Identity comes from Holdfast or not at all. Some back ends read Holdfast_User, Holdfast.User or Holdfast~User as
-- Holdfast-User. (%W is whatever is neither letter nor digit.)
function open(r)
  local ours = {}
  for name in pairs(r:headers_in_table()) do
    if name:lower():match("^holdfast%W") then
      ours[#ours + 1] = name
    end
  end
  for _, name in ipairs(ours) do
    r.headers_in[name] = nil
  end
  return apache2.OK
end

function check(r)
  -- mod_proxy drops what Connection names when the identity is set already. No honest client names these.
  if (r.headers_in["Connection"] or ""):lower():find("holdfast", 1, true) then
    return 400
  end
  open(r)
  local answer = ask(r)
  if answer == nil then
    return 503
  end
  if answer.status ~= 200 then
    return refuse(r, answer)
  end
  for _, name in ipairs(IDENTITY) do
    r.headers_in[name] = answer.headers[name:lower()] or ""
  end
  local nonce = answer.headers["dpop-nonce"]
  if nonce then
    r.err_headers_out["DPoP-Nonce"] = nonce
  end
  return apache2.OK
end

function ask(r)
  local headers = {
    ["X-Forwarded-Method"] = r.method,
    ["X-Forwarded-Proto"] = SCHEME,
    ["X-Forwarded-Host"] = HOST,
    ["X-Forwarded-Uri"] = r.unparsed_uri,
    ["X-Forwarded-For"] = r.useragent_ip,
    ["Holdfast-Gateway-Secret"] = SECRET,
  }
  for _, name in ipairs(ASKED_WITH) do
    headers[name] = r.headers_in[name]
  end
  local body = {}
  local done, status, fields = http.request({
    url = HOLDFAST, headers = headers, redirect = false, sink = ltn12.sink.table(body),
  })
  if not done then
    r:err("Holdfast does not answer: " .. tostring(status))
    return nil
  end
  if not makes_sense(status, fields) then
    r:err("no answer of Holdfast's: " .. tostring(status))
    return nil
  end
  return { status = status, headers = fields, body = table.concat(body) }
end

-- Whether this is an answer of Holdfast's. Anything else is trouble, and no word about the client.
function makes_sense(status, fields)
  if status == 200 then
    return fields["holdfast-user"] ~= nil
  end
  return status >= 300 and (fields["holdfast-reason"] or fields["retry-after"]) ~= nil
end

function refuse(r, answer)
  for _, name in ipairs(PASSED_ON) do
    local text = answer.headers[name:lower()]
    if text then
      r.err_headers_out[name] = text
    end
  end
  -- The answer is complete with this, so that no "Header always" of the site comes to it.
  r.err_headers_out["Strict-Transport-Security"] = HSTS
  r.status = answer.status
  r.content_type = answer.headers["content-type"] or "text/plain"
  r:write(answer.body)
  return apache2.DONE
end
