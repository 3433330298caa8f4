//! Configurations that look reasonable. Each has one fault, and was somebody's.

use crate::proxy::{Configuration, Proxy};

/// The check believes what the client says of its method.
pub(super) fn forwarded_method() -> Configuration {
    nginx(
        "",
        &[PROTECTED, HOLDFAST],
        &check("/verify/traefik", FORWARDED_HOST, "proxy_set_header X-Forwarded-Uri $request_uri;"),
    )
}

/// The check believes what the client says of its address.
pub(super) fn forwarded_uri() -> Configuration {
    nginx(
        "",
        &[PROTECTED, HOLDFAST],
        &check("/verify/traefik", FORWARDED_HOST, "proxy_set_header X-Forwarded-Method $request_method;"),
    )
}

/// A prefix that another proxy has stripped is put back.
pub(super) fn forwarded_prefix() -> Configuration {
    let url = "proxy_set_header X-Original-URL https://shop.example$http_x_forwarded_prefix$request_uri;";
    nginx("", &[PROTECTED, HOLDFAST], &check("/verify/nginx", METHOD, url))
}

/// What the client says of its own address is passed on.
pub(super) fn forwarded_client() -> Configuration {
    nginx(
        "",
        &[PROTECTED, HOLDFAST],
        &check("/verify/nginx", METHOD, URL).replace("$remote_addr", "$http_x_forwarded_for"),
    )
}

/// The probes of the cluster need no session.
pub(super) fn health_check() -> Configuration {
    let open = "if ($http_user_agent ~ ^kube-probe/) { return 418; } error_page 418 = @app;";
    nginx("", &[&PROTECTED.replace("OPEN", open), APP, HOLDFAST], &check("/verify/nginx", METHOD, URL))
}

/// A public folder, found anywhere in the address.
pub(super) fn match_anywhere() -> Configuration {
    let open = "if ($request_uri ~ /public/) { return 418; } error_page 418 = @app;";
    nginx("", &[&PROTECTED.replace("OPEN", open), APP, HOLDFAST], &check("/verify/nginx", METHOD, URL))
}

/// The open page, handed on as the client wrote it.
pub(super) fn open_as_written() -> Configuration {
    let login = "location = /login { proxy_pass http://127.0.0.1:8000; }";
    nginx("", &[PROTECTED, login, HOLDFAST], &check("/verify/nginx", METHOD, URL))
}

/// An app that wants all of its headers.
pub(super) fn all_names() -> Configuration {
    let names = "underscores_in_headers on; ignore_invalid_headers off;";
    let login =
        "location = /login { proxy_pass http://127.0.0.1:8000/login; proxy_set_header Holdfast-User \"\"; }";
    nginx(names, &[PROTECTED, login, HOLDFAST], &check("/verify/nginx", METHOD, URL))
}

/// The one header that the app reads today.
pub(super) fn one_header() -> Configuration {
    nginx("", &[PROTECTED, HOLDFAST], &check("/verify/nginx", METHOD, URL))
}

/// The check gets the one cookie that it needs.
pub(super) fn first_cookie() -> Configuration {
    let map = "map $http_cookie $session { \"~(?<first>__Host-holdfast=[^;]+)\" $first; }";
    let ask = check("/verify/nginx", METHOD, &format!("{URL} proxy_set_header Cookie $session;"));
    nginx(map, &[PROTECTED, HOLDFAST], &ask)
}

/// The endpoint of another proxy.
pub(super) fn other_endpoint() -> Configuration {
    let told =
        "proxy_set_header X-Forwarded-Method $request_method; proxy_set_header X-Forwarded-Uri $request_uri;";
    nginx("", &[PROTECTED, HOLDFAST], &check("/verify/traefik", FORWARDED_HOST, told))
}

/// Everything is protected.
pub(super) fn all_behind_the_check() -> Configuration {
    let holdfast = "location /_holdfast/ { auth_request /check; proxy_pass http://127.0.0.1:8443; }";
    nginx("", &[PROTECTED, holdfast], &check("/verify/nginx", METHOD, URL))
}

/// The shop stays open.
pub(super) fn highly_available() -> Configuration {
    let open = "error_page 500 502 503 504 = @app;";
    nginx("", &[&PROTECTED.replace("OPEN", open), APP, HOLDFAST], &check("/verify/nginx", METHOD, URL))
}

/// The cookie of the check, passed on as a widely read sample does it.
pub(super) fn set_cookie() -> Configuration {
    Configuration::naive(Proxy::Haproxy, &[HAPROXY, HAPROXY_LUA])
}

/// A server in the words of the recipe; `http` stands beside it.
fn nginx(http: &str, locations: &[&str], check: &str) -> Configuration {
    let locations = locations.join("\n").replace("OPEN", "");
    let text = format!(
        "{http}\nserver {{\n    listen 443 ssl http2;\n    server_name shop.example;\n    \
         ssl_certificate /etc/nginx/shop.example.pem;\n    ssl_certificate_key /etc/nginx/shop.example.key;\n\
         {locations}\n{check}\n}}\n"
    );
    Configuration::naive(Proxy::Nginx, &[&text])
}

/// How Holdfast is asked.
fn check(endpoint: &str, one: &str, two: &str) -> String {
    format!(
        "location = /check {{ internal; proxy_pass http://127.0.0.1:8444{endpoint}; proxy_pass_request_body off;
            proxy_set_header Content-Length \"\"; proxy_set_header X-Forwarded-For $remote_addr; {one} {two}
            include /etc/nginx/holdfast-secret.conf; }}"
    )
}

const PROTECTED: &str =
    "location / { OPEN auth_request /check; auth_request_set $user $upstream_http_holdfast_user;
    proxy_pass http://127.0.0.1:8000; proxy_set_header Holdfast-User $user; }";
const APP: &str = "location @app { proxy_pass http://127.0.0.1:8000; }";
const HOLDFAST: &str = "location /_holdfast/ { proxy_pass http://127.0.0.1:8443; }";
const METHOD: &str = "proxy_set_header X-Original-Method $request_method;";
const URL: &str = "proxy_set_header X-Original-URL https://shop.example$request_uri;";
const FORWARDED_HOST: &str =
    "proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host shop.example;";

const HAPROXY: &str = "global
    lua-load-per-thread /etc/haproxy/holdfast.lua
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend shop
    bind :443 ssl crt /etc/haproxy/shop.example.pem
    http-request lua.ask
    http-request deny unless { var(txn.user) -m found }
    http-request set-header Holdfast-User %[var(txn.user)]
    http-response set-header Set-Cookie %[var(txn.cookie)]
    default_backend app
backend app
    server app 127.0.0.1:8000
";
const HAPROXY_LUA: &str = r#"core.register_action("ask", { "http-req" }, function(txn)
  local headers = txn.http:req_get_headers()
  local answer = core.httpclient():get({ url = "http://127.0.0.1:8444/verify/haproxy", headers = {
    ["cookie"] = { headers["cookie"] and headers["cookie"][0] or "" },
    ["x-forwarded-method"] = { txn.sf:method() }, ["x-forwarded-proto"] = { "https" },
    ["x-forwarded-host"] = { "shop.example" }, ["x-forwarded-uri"] = { txn.sf:pathq() },
    ["holdfast-gateway-secret"] = { os.getenv("HOLDFAST_GATEWAY_SECRET") },
  } })
  if answer.status == 200 then
    txn:set_var("txn.user", answer.headers["holdfast-user"][0])
    txn:set_var("txn.cookie", answer.headers["set-cookie"] and answer.headers["set-cookie"][0] or "seen=1")
  end
end)
"#;
