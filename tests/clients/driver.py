"""Walks the steps of a plan with the library for Python, and says what came of each, one JSON object a line."""

import json
import sys
import time
import urllib.request

from holdfast import Api, CallRefused, Refused, Unavailable, Verifier, is_bound


class Driver:
    def __init__(self, plan):
        self.plan, self.origin, self.later = plan, plan["origin"], 0.0
        self.verifier = Verifier(plan["api"], self.origin, clock=lambda: time.monotonic() + self.later)
        self.holdfast = Api(plan["internal"], plan["token"])
        self.id = self.cookie = None

    def verify(self, assertion, method, path):
        return self.verifier.verify(assertion, method, path)["sub"]

    def level(self, assertion, method, path, level):
        return str(is_bound(self.verifier.verify(assertion, method, path), level)).lower()

    def guard(self, assertions, method, target):
        said = []

        def app(environ, start_response):
            start_response("200 OK", [])
            return [environ["holdfast"]["sub"].encode()]

        path, _, query = target.partition("?")
        environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": urllib.request.unquote(path),
                   "QUERY_STRING": query, "RAW_URI": target}
        if assertions:
            # Servers join fields of one name with commas (PEP 3333, RFC 3875 §4.1.18).
            environ["HTTP_HOLDFAST_ASSERTION"] = ",".join(assertions)
        body = b"".join(self.verifier.middleware(app)(environ, lambda status, headers: said.append(status)))
        return f"{said[0].split()[0]} {body.decode()}".strip()

    def advance(self, seconds):
        self.later += seconds
        return "done"

    def get(self, url):
        return urllib.request.urlopen(url).read().decode()

    def begin(self, user):
        return self.take(self.holdfast.begin({"user": user}))["user"]

    def check(self):
        question = {"method": "GET", "url": self.origin + "/", "headers": [["Cookie", self.cookie]]}
        return self.holdfast.check(question)["reason"]

    def session(self):
        return self.holdfast.session(self.id)["state"]

    def regenerate(self):
        before = self.id
        session = self.take(self.holdfast.regenerate(self.id, {"acr": "mfa"}))
        return f"{'new' if self.id != before else 'old'} {session['auth']['acr']}"

    def end(self):
        return str(self.holdfast.end(self.id)).replace("None", "null")

    def end_user(self, user):
        return str(self.holdfast.end_user(user)["ended"])

    def wrong_token(self):
        return Api(self.plan["internal"], "no").session("hs_x")

    def nobody(self):
        return Api(self.plan["nobody"], "no").session("hs_x")

    def take(self, begun):
        headers = dict(reversed(begun["response_headers"]))
        self.id, self.cookie = begun["session"]["id"], headers["Set-Cookie"].split(";")[0]
        return begun["session"]


def outcome(act):
    try:
        return act()
    except Refused:
        return "refused"
    except Unavailable:
        return "unavailable"
    except CallRefused as error:
        return f"call refused {error.args[0]}"


with open(sys.argv[1], encoding="utf-8") as file:
    plan = json.load(file)
driver = Driver(plan)
for step in plan["steps"]:
    arguments = {name: value for name, value in step.items() if name not in ("name", "do")}
    said = outcome(lambda: getattr(driver, step["do"])(**arguments))
    print(json.dumps({"step": step["name"], "outcome": said}), flush=True)
