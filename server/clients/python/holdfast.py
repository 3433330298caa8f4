"""For apps behind Holdfast: who makes a request, as `Holdfast-Assertion` says, and the calls of the internal API."""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt

LEVELS = ["none", "software", "hardware", "attested"]


class Refused(Exception):
    """There is no assertion, or it is not one for this request: answer 401."""


class Unavailable(Exception):
    """Holdfast was not reached, or has trouble of its own, so nothing is known: answer 503."""


class CallRefused(Exception):
    """Holdfast refused a call of the API: its status, and its problem document as text."""


class Verifier:
    """Verifies assertions for the app at `origin` (`https://shop.example`); `api` is Holdfast's internal listener."""

    def __init__(self, api, origin, clock=time.monotonic):
        self.jwks, self.origin, self.clock = f"{api}/_holdfast/jwks", origin, clock
        self.keys, self.fetched, self.failed, self.lock = {}, -600.0, None, threading.Lock()

    def verify(self, assertion, method, path):
        """The claims of `assertion`, if it is about a request of `method` for `path`, which has no query and is what
        the client sent to the gateway: `sub` the user, `sid` the session, `bnd` the level of its binding."""
        try:
            header = jwt.get_unverified_header(assertion)
            claims = jwt.decode(assertion, self.key(header.get("kid")), algorithms=["ES256"], leeway=5,
                                options={"require": REQUIRED, "strict_aud": True},
                                issuer=self.origin, audience=self.origin)
            is_sound = header.get("typ") == "JWT" and claims["exp"] - claims["iat"] <= 60 and claims["bnd"] in LEVELS
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise Refused("not an assertion for this app") from error
        if not is_sound or (claims["htm"], claims["htu"]) != (method, self.origin + path):
            raise Refused("an assertion for another request")
        return claims

    def key(self, kid):
        # A `kid` that is not known has the keys fetched again, at most every 30 seconds: strangers can make up as many
        # as they like. After ten minutes all are fetched again: one that was dropped must not be believed.
        if kid not in self.keys or self.clock() - self.fetched >= 600:
            with self.lock:
                age = self.clock() - self.fetched
                if age >= 600 or (kid not in self.keys and age >= 30):
                    self.fetch()
        if kid not in self.keys:
            raise Refused("signed with a key that Holdfast does not publish")
        return self.keys[kid]

    def fetch(self):
        if self.failed is None or self.clock() - self.failed >= 1:
            try:
                found = jwt.PyJWKSet.from_dict(call(urllib.request.Request(self.jwks))).keys
                self.keys, self.fetched, self.failed = {key.key_id: key for key in found}, self.clock(), None
                return
            except (Unavailable, CallRefused, jwt.PyJWTError, TypeError, AttributeError):
                self.failed = self.clock()
        raise Unavailable("the keys of Holdfast cannot be had")

    def middleware(self, app):
        """A WSGI app around `app`: puts the claims into `environ["holdfast"]`, or answers 401 or 503 itself."""
        def guarded(environ, start_response):
            try:
                raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or urllib.parse.quote(
                    environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), safe=PATH, encoding="latin-1")
                assertion = environ.get("HTTP_HOLDFAST_ASSERTION", "")
                claims = self.verify(assertion, environ["REQUEST_METHOD"], raw.split("?")[0])
            except (Refused, Unavailable) as error:
                start_response("401 Unauthorized" if isinstance(error, Refused) else "503 Service Unavailable", [])
                return [b""]
            return app(environ | {"holdfast": claims}, start_response)
        return guarded


def is_bound(claims, level):
    """Whether claims are of a session that is bound at least as strongly as `level`."""
    return LEVELS.index(claims["bnd"]) >= LEVELS.index(level)


class Api:
    """The internal API at `api` (`http://127.0.0.1:8444`), with the app's API token."""

    def __init__(self, api, token):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.call = lambda method, path, body=None: call(urllib.request.Request(
            api + path, None if body is None else json.dumps(body).encode(), headers, method=method))

    def begin(self, login):
        """Begins a session for `{"user": …}`; append `response_headers` of the answer to the login response."""
        return self.call("POST", "/v1/sessions", login)

    def check(self, question):
        """Asks whether the request `{"method": …, "url": …, "headers": …}` may go on."""
        return self.call("POST", "/v1/check", question)

    def session(self, id):
        return self.call("GET", f"/v1/sessions/{segment(id)}")

    def regenerate(self, id, auth):
        """A new session in place of this one, after its user was authenticated again."""
        return self.call("POST", f"/v1/sessions/{segment(id)}/regenerate", {"auth": auth})

    def end(self, id):
        return self.call("DELETE", f"/v1/sessions/{segment(id)}")

    def end_user(self, user):
        return self.call("DELETE", f"/v1/users/{segment(user)}/sessions")


def call(request):
    try:
        with OPENER.open(request, timeout=5) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        if error.code < 500:
            raise CallRefused(error.code, error.read().decode(errors="replace")) from None
        raise Unavailable(f"Holdfast answered {error.code}") from error
    except (OSError, ValueError) as error:
        raise Unavailable("Holdfast was not reached") from error


def segment(text):
    return urllib.parse.quote(text, safe="")


REQUIRED = ["sub", "sid", "bnd", "iat", "exp", "iss", "aud", "htm", "htu", "auth_time"]
# What may stand in a path as it is (RFC 3986 §3.3).
PATH = "/:@!$&'()*+,;=~"
# Holdfast is on a private network: no proxy of the environment stands between.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
