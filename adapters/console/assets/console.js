// What the console does beyond what its pages do by themselves: streams, and
// copying. Without this script everything else works.
"use strict";

const byId = (id) => document.getElementById(id);

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId(button.dataset.copy).innerText);
    button.textContent = "Copied";
  });
}

// Rows come from the server as it would put them into the page itself.
const mostRows = 500;
const calls = byId("calls");
if (calls && window.EventSource) {
  const pause = byId("pause"), state = byId("live-state");
  let paused = false, waiting = [];
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };
  const show = (rows) => {
    calls.insertAdjacentHTML("afterbegin", rows);
    while (calls.rows.length > mostRows) calls.deleteRow(-1);
    byId("no-calls").hidden = true;
  };
  const source = new EventSource(calls.dataset.stream);
  source.addEventListener("hello", () => say(paused ? "Paused." : "Calls appear as they arrive."));
  source.addEventListener("alive", () => say(paused ? "Paused." : "Calls appear as they arrive."));
  source.addEventListener("rows", (event) => {
    if (!paused) { say("Calls appear as they arrive."); show(event.data); return; }
    waiting.push(event.data);
    if (waiting.length > 100) waiting.shift();
    say("Paused; more calls have arrived.");
  });
  source.addEventListener("left", (event) => say(`Calls arrive faster than the page can show them; ${event.data} left out.`));
  source.addEventListener("trouble", (event) => say(`Relay cannot read now: ${event.data}`));
  source.onerror = () => say("The connection to relay is lost; reconnecting…");
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    if (!paused) { waiting.forEach(show); waiting = []; }
    say(paused ? "Paused." : "Calls appear as they arrive.");
  });
}

// Parts of a page that the server sends anew when they change. One that is in use
// changes afterwards.
const sources = {};
const listen = (address) => {
  const source = new EventSource(address), state = byId("stream-state");
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };
  for (const well of ["hello", "alive"]) source.addEventListener(well, () => say(""));
  source.addEventListener("trouble", (event) => say(`Relay cannot read now: ${event.data}`));
  source.onerror = () => say("The connection to relay is lost; reconnecting…");
  return source;
};
for (const part of document.querySelectorAll("[data-replace]")) {
  if (!window.EventSource) break;
  const source = sources[part.dataset.replace] ??= listen(part.dataset.replace);
  let latest, shown;
  const show = () => {
    if (latest === shown || part.contains(document.activeElement)) return;
    part.innerHTML = shown = latest;
  };
  source.addEventListener(part.dataset.part, (event) => { latest = event.data; show(); });
  part.addEventListener("focusout", () => setTimeout(show));
}
