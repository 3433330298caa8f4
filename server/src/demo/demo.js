// Shows what the server says, once a second; and what happens to the session, as it happens.
const at = (id) => document.getElementById(id);
const span = (seconds) => (seconds >= 120 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`);
const time = (text) => (text ? new Date(text).toLocaleTimeString() : "never");
const badge = (kind, text) => { at("badge").className = `badge ${kind}`; at("badge").textContent = text; };

const MODES = {
  observe: "Policies only observe: they say what they would have done. Start with HOLDFAST__POLICY__MODE=enforce to see them act.",
  additive: "Policies may ask for a proof or a login, and refuse or end nothing yet (additive).",
  enforce: "Policies are enforced.",
};

async function home() {
  const { session, mode, reason, says, cookie_seconds_left: left, cookie_generation: generation } = await (await fetch("/state")).json();
  at("in").hidden = !session;
  at("out").hidden = Boolean(session);
  at("why").textContent = reason === "no_credential" ? "" : says;
  at("mode").textContent = MODES[mode] ?? "";
  if (!session) return;
  watch(session.id);
  const { binding } = session;
  const bound = binding.level !== "none";
  badge(bound ? "good" : "", bound ? `bound by ${binding.method}, ${binding.level} key claimed` : "not bound yet");
  at("unbound").hidden = bound;
  at("user").textContent = session.user;
  at("session").textContent = session.id;
  at("key").textContent = bound ? `${binding.algorithm} ${binding.key_thumbprint}` : "none";
  at("proofs").textContent = binding.proofs;
  at("proof").textContent = time(binding.last_proof_at);
  at("left").textContent = `${span(left)} (generation ${generation})`;
  at("ends").textContent = `${time(session.idle_expires_at)} unless used, ${time(session.expires_at)} at the latest`;
}

// The timeline: the newest first, the same things in a row as one.
const MOST_ENTRIES = 100;
const LOOKED_BACK = 8;
let source = null;
let watched = null;
let entries = [];

function watch(session) {
  if (watched === session && source?.readyState !== EventSource.CLOSED) return;
  if (watched !== session) entries = [];
  watched = session;
  source?.close();
  source = new EventSource("/demo/events");
  // A fresh look has the whole story; a connection that was made again goes on where the last one was.
  let fresh = true;
  source.addEventListener("entries", ({ data }) => {
    if (fresh) entries = [];
    fresh = false;
    JSON.parse(data).forEach(remember);
    at("timeline").replaceChildren(...entries.map(show));
  });
}

function remember(entry) {
  const before = entries.slice(0, LOOKED_BACK).find(({ key }) => key === entry.key);
  if (before) {
    before.count += entry.count;
    before.time = entry.time;
    return;
  }
  entries.unshift(entry);
  entries.length = Math.min(entries.length, MOST_ENTRIES);
}

// Whatever a client sent is text here, and never markup.
function element(name, kind, ...parts) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...parts);
  return made;
}

function show({ time: when, count, event, tone, says, client_ip: ip, user_agent: agent, reason, score, signals, cleared, policies, unknown }) {
  const times = count > 1 ? ` ×${count}` : "";
  const item = element("li", tone, element("p", "", element("time", "", time(when)), ` ${says}${times}`));
  const facts = [event, reason, ip, agent].filter(Boolean).join(" · ");
  item.append(element("p", "quiet", facts));
  if (signals.length) {
    const lines = signals.map((one) => {
      const because = one.because ? ` (${one.because})` : "";
      return element("li", "", `${one.name} ${one.score}: ${one.says}${because}`);
    });
    item.append(element("p", "", `Suspicions, ${score} of 100 at most:`), element("ul", "", ...lines));
  }
  if (cleared.length) {
    const lines = cleared.map((one) => element("li", "", `${one.name}: ${one.says}`));
    item.append(element("p", "quiet", "Cleared:"), element("ul", "quiet", ...lines));
  }
  if (policies.length) {
    const lines = policies.map((one) => element("li", "", `${one.id} ${one.does}. ${one.says ?? ""}`));
    item.append(element("p", "", "Policies:"), element("ul", "", ...lines));
  }
  if (unknown.length) item.append(element("p", "quiet", `Nothing is known of: ${unknown.join(", ")}`));
  return item;
}

let copy = null;

async function steal() {
  const response = await fetch("/thief/copy", { method: "POST" });
  const answer = await response.json();
  at("problem").textContent = response.ok ? "" : answer.detail;
  copy = answer.copy ?? null;
  at("loot").hidden = copy === null;
}

async function thief() {
  if (copy === null) return;
  const response = await fetch(`/thief/try?copy=${copy}`, { credentials: "omit" });
  const answer = await response.json();
  if (!response.ok) { at("problem").textContent = answer.detail; return; }
  badge(answer.let_in ? "bad" : "good", answer.let_in ? "let in" : "kept out");
  at("reason").textContent = answer.reason;
  at("says").textContent = answer.says;
  at("left").textContent = span(answer.seconds_left);
  at("generation").textContent = answer.generation;
  at("current").textContent = answer.current_generation ?? "–";
  at("noticed").textContent = answer.noticed ? "yes: the audit trail says cookie.stale" : "not yet";
}

const pages = { home, thief };
const page = pages[document.body.dataset.page];
if (document.body.dataset.page === "thief") at("steal").addEventListener("click", steal);
const loop = async () => { try { await page(); } finally { setTimeout(loop, 1000); } };
loop();
