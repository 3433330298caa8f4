// Shows what the server says, once a second.
const at = (id) => document.getElementById(id);
const span = (seconds) => (seconds >= 120 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`);
const time = (text) => (text ? new Date(text).toLocaleTimeString() : "never");
const badge = (kind, text) => { at("badge").className = `badge ${kind}`; at("badge").textContent = text; };

async function home() {
  const { session, reason, says, cookie_seconds_left: left, cookie_generation: generation } = await (await fetch("/state")).json();
  at("in").hidden = !session;
  at("out").hidden = Boolean(session);
  at("why").textContent = reason === "no_credential" ? "" : says;
  if (!session) return;
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

const show = { home, thief }[document.body.dataset.page];
if (document.body.dataset.page === "thief") at("steal").addEventListener("click", steal);
const loop = async () => { try { await show(); } finally { setTimeout(loop, 1000); } };
loop();
