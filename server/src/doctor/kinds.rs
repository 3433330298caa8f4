//! Everything that can be found: what it means, whose turn it is, and what would be right.

/// One kind of finding. Its id is stable; `server/README.md` lists them all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) id: &'static str,
    pub(super) means: &'static str,
    pub(super) turn: Turn,
    pub(super) right: &'static str,
    /// The line of the nginx recipe that does it.
    pub(super) recipe: Option<&'static str>,
    /// Whether browsers that have registered do not refresh because of it.
    pub(super) stops_refreshes: bool,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Gateway,
    Holdfast,
    Machines,
}

impl Turn {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "the gateway's configuration",
            Self::Holdfast => "Holdfast's configuration",
            Self::Machines => "the machines",
        }
    }
}

/// Where the lines that are named stand.
pub(super) const RECIPE: &str = "server/deploy/nginx/shop.example.conf";

macro_rules! kinds {
    ($($name:ident = $id:literal, $turn:ident, $stops:literal, $recipe:expr, $means:literal, $right:literal;)+) => {
        $(pub(super) const $name: Kind = Kind {
            id: $id, means: $means, turn: Turn::$turn, right: $right, recipe: $recipe, stops_refreshes: $stops,
        };)+

        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[&Kind] = &[$(&$name,)+];
    };
}

kinds! {
    UNREACHABLE = "unreachable", Gateway, false, None,
        "Nobody answers as this origin by HTTPS, so nothing else could be tried.",
        "Name, port and certificate must be right for whoever runs this command; --ca names a private CA, --connect another address.";
    ORIGIN_MISMATCH = "origin_mismatch", Holdfast, true, None,
        "The configuration has no app at this address. Holdfast refuses every request, and browsers drop a session whose origin is not theirs.",
        "apps[].origin must be what browsers show: https://, the name, and the port unless it is 443.";
    DBSC_NOT_ROUTED = "dbsc_not_routed", Gateway, true, Some("location /_holdfast/ {"),
        "Somebody else than Holdfast answers at a DBSC endpoint. Browsers cannot register or refresh there.",
        "All of /_holdfast/ goes to Holdfast's public listener, with the path and the method as they came.";
    DBSC_BEHIND_AUTH = "dbsc_behind_auth", Gateway, true, Some("location /_holdfast/ {"),
        "A check or a login stands in front of a DBSC endpoint. A browser refreshes when its cookie has run out: it is refused, and gives its session up.",
        "/_holdfast/ is a place of its own, outside of what is checked, and nothing redirects there.";
    DBSC_ANSWER_REPLACED = "dbsc_answer_replaced", Gateway, true, Some("location /_holdfast/ {"),
        "An HTML page came from a DBSC endpoint; Holdfast sends none there. The challenge of a 403 is lost with it, and the session ends.",
        "No error_page, errors or custom error document for /_holdfast/: its answers pass as they are.";
    DBSC_RATE_LIMITED = "dbsc_rate_limited", Gateway, true, Some("location /_holdfast/ {"),
        "A rate limit in front of refresh answers 429. Browsers end their session over it; an office behind one address meets it first.",
        "No limit of the gateway's own on /_holdfast/, or one that answers 503. Holdfast has [limits] itself.";
    DBSC_FAILING = "dbsc_failing", Gateway, true, Some("server 127.0.0.1:8443;"),
        "A DBSC endpoint answers with a server's error.",
        "Holdfast's public listener must run, and the gateway must reach it without TLS where public.tls is \"off\".";
    DBSC_HEADER_DROPPED = "dbsc_header_dropped", Gateway, true, Some("location /_holdfast/ {"),
        "A header of DBSC did not arrive. Without it a browser cannot be asked for a proof, or the proof does not come.",
        "Sec-Secure-Session-Id and Secure-Session-Response pass to Holdfast, Secure-Session-Challenge passes to the browser.";
    DBSC_HEADER_DAMAGED = "dbsc_header_damaged", Gateway, true, Some("location /_holdfast/ {"),
        "A header of DBSC or the session instructions arrived changed. A browser that cannot read them drops them.",
        "Values pass byte by byte, quotes included; nothing rewrites headers or bodies of /_holdfast/.";
    COOKIE_CHANGED = "cookie_changed", Gateway, true, Some("location /_holdfast/ {"),
        "The session cookie arrived with other attributes, or not at all. Browsers compare them with the session instructions, and drop a __Host- cookie that has a Domain or lacks Secure.",
        "No rewriting of Set-Cookie (proxy_cookie_path, proxy_cookie_domain, proxy_cookie_flags); each cookie stays a line of its own.";
    SCOPE_ORIGIN_MISMATCH = "scope_origin_mismatch", Holdfast, true, None,
        "The session instructions name another origin than the one that was asked. Browsers refuse to register.",
        "apps[].origin must be what browsers show, and every name of the app redirects to that one.";
    PAGE_UNPROTECTED = "page_unprotected", Gateway, false, Some("auth_request /_holdfast_check;"),
        "The page was answered without a session: the gateway does not ask, does not heed the answer, or the page is public.",
        "The gateway asks about every path but those that must be open. If this page is open on purpose, name another with --page.";
    PAGE_REFUSED = "page_refused", Gateway, false, Some("proxy_set_header X-Original-URL    https://shop.example$request_uri;"),
        "The page was not answered to a good session.",
        "The gateway passes Cookie on to the check, sends the secret and the app's own origin, and comes from an address in gateways.trusted. A page that demands more than a session is no page to try with: name another with --page.";
    POLICY_REFUSED = "policy_refused", Holdfast, false, None,
        "A policy refused the doctor's own session, and the gateway passed that on as it should.",
        "The event session.denied of this request says which and why. Sessions that the doctor begins often look like a password that goes round: wait half an hour, or hold the policy at \"observe\" while the doctor looks.";
    REFUSAL_FAILING = "refusal_failing", Gateway, false, Some("error_page 401 = @holdfast_denied;"),
        "A request without a session is answered with a server's error: the check is not reached, or the gateway cannot pass its refusal on. Nobody is sent to the login page.",
        "The check is asked at the endpoint of the gateway's own kind, such as /verify/nginx: nginx passes 401 and 403 on, and makes 500 of everything else.";
    IDENTITY_HEADER_FORGED = "identity_header_forged", Gateway, false, Some("proxy_set_header Holdfast-User      $holdfast_user;"),
        "An identity header that the client sent reached the app. Whoever knows that can be any user.",
        "Every one of the seven identity headers, and Holdfast-Gateway-Secret, is set or removed on every way to the app.";
    IDENTITY_HEADER_ALIAS = "identity_header_alias", Gateway, false, Some("underscores_in_headers off;"),
        "A header such as Holdfast_User or Holdfast.User reached the app. PHP, WSGI and CGI read it as Holdfast-User.",
        "The gateway drops such names, or hands them to the check, which refuses them.";
    IDENTITY_HEADER_MISSING = "identity_header_missing", Gateway, false, Some("auth_request_set $holdfast_user      $upstream_http_holdfast_user;"),
        "The app was not told whose session it is.",
        "What the check answers in the seven identity headers is copied onto the app's request.";
    FORWARDED_BELIEVED = "forwarded_believed", Gateway, false, Some("proxy_set_header X-Original-Method $request_method;"),
        "A header of the client changed what the gateway asks about. It can ask about an open page and be given a closed one.",
        "The gateway writes each X-Forwarded-* and X-Original-* header of the check itself, from what it saw.";
    CLIENT_ADDRESS_BELIEVED = "client_address_believed", Gateway, false, Some("proxy_set_header X-Forwarded-For   $remote_addr;"),
        "The client's address in the audit trail, and for limits, is what the client said.",
        "The gateway replaces X-Forwarded-For, and gateways.trusted has gateways alone. An address that is trusted itself may say anything: then run this from elsewhere.";
    CLIENT_ADDRESS_DIFFERS = "client_address_differs", Gateway, false, Some("proxy_set_header X-Forwarded-For $remote_addr;"),
        "Holdfast is told one address where a page is asked about and another one at /_holdfast/. A proof counts for the address that it came from: with a policy that demands one, browsers prove their key in vain, and their users have to log in.",
        "The gateway writes X-Forwarded-For on every way to Holdfast, to the public listener as to the check, and its own address is in gateways.trusted.";
    FORWARDED_TO_APP = "forwarded_to_app", Gateway, false, Some("proxy_set_header X-Forwarded-Proto https;"),
        "X-Forwarded-For or X-Forwarded-Proto reached the app as the client wrote it.",
        "The gateway replaces both on every way to the app.";
    DUPLICATE_COOKIE_HIDDEN = "duplicate_cookie_hidden", Gateway, false, None,
        "A request with two different session cookies was answered. Somebody who can plant a cookie chooses whose session it is.",
        "Cookie passes to the check as it came. Nothing picks, merges or sorts cookies on the way.";
    HSTS_MISSING = "hsts_missing", Gateway, false, Some("add_header Strict-Transport-Security \"max-age=31536000\" always;"),
        "An answer lacks Strict-Transport-Security of at least a year. A first request by HTTP can be answered by somebody else.",
        "Strict-Transport-Security: max-age=31536000 on every answer, refusals included.";
    CLOCK_SKEW = "clock_skew", Machines, false, None,
        "Two clocks differ by more than dpop.skew. Proofs without a nonce are refused, and limits of sessions are shifted.",
        "Holdfast's machine, the gateway's and this one keep time by NTP.";
    DPOP_NONCE_DROPPED = "dpop_nonce_dropped", Gateway, false, Some("add_header DPoP-Nonce $holdfast_nonce always;"),
        "DPoP-Nonce of an answer did not arrive. An OAuth client that is asked for a nonce never gets one.",
        "The gateway passes DPoP-Nonce on to the client, from the check as from /_holdfast/.";
    DPOP_CHALLENGE_DROPPED = "dpop_challenge_dropped", Gateway, false, Some("auth_request /_holdfast_check;"),
        "WWW-Authenticate of a refused check did not arrive, or Authorization and DPoP did not reach the check.",
        "Authorization and DPoP stay in the request that is asked about, and WWW-Authenticate passes to the client.";
    INTERNAL_REACHABLE = "internal_reachable", Gateway, false, Some("internal;"),
        "An internal endpoint answers to strangers. Whoever finds it can ask for sessions, guess tokens, or read the metrics.",
        "Only /_holdfast/ and the two documents below /.well-known/ are handed on, to the public listener; internal.listen is on a private network.";
    GATEWAY_SECRET_LEAKED = "gateway_secret_leaked", Gateway, false, Some("proxy_set_header Holdfast-Gateway-Secret \"\";"),
        "The gateway secret was in an answer, or was sent to the app. Whoever has it can ask as a gateway.",
        "Holdfast-Gateway-Secret goes to the check alone. Make a new secret: this one is known.";
    METADATA_NOT_ROUTED = "metadata_not_routed", Gateway, false, Some("location = /.well-known/oauth-authorization-server {"),
        "OAuth clients do not find the metadata document of this origin.",
        "Both documents below /.well-known/ go to Holdfast's public listener, with Host as it came.";
    REGISTERED_NEVER_REFRESHES = "registered_never_refreshes", Gateway, true, Some("location /_holdfast/ {"),
        "The audit trail has browsers that bound their session, and whose cookie then ran out, and no refresh of any.",
        "Mend what else was found. If nothing was: look at what stands between browsers and this gateway.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_has_the_lines_that_are_named() {
        let recipe = include_str!("../../deploy/nginx/shop.example.conf");
        for kind in ALL {
            assert!(kind.recipe.is_none_or(|line| recipe.contains(line)), "{}: {:?}", kind.id, kind.recipe);
        }
    }

    #[test]
    fn the_documentation_lists_every_kind_once() {
        let text = include_str!("../../README.md");
        for kind in ALL {
            let row = format!("\n| `{}` |", kind.id);
            assert_eq!(text.matches(&row).count(), 1, "{}", kind.id);
        }
        let ids: std::collections::BTreeSet<_> = ALL.iter().map(|kind| kind.id).collect();
        assert_eq!(ids.len(), ALL.len());
    }
}
