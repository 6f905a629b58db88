// Keeps the page as the server has it. The server says that something happened; what the page then shows is what the
// server would show to anybody who loads it anew. Without this script the page is the same, and stands still.
(() => {
  "use strict";
  const of = document.body.dataset.cluster;
  const live = document.getElementById("live");
  const pause = 1000;
  const anyway = 15000;
  let waiting = false;
  let last = 0;

  // A page that only asks who somebody is has nothing that could change.
  if (!document.querySelector("main [data-live]")) return;

  function say(text) {
    if (live.textContent !== text) live.textContent = text;
    live.hidden = false;
  }

  // Not under somebody's hands.
  const inUse = (part) => part.contains(document.activeElement) && /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(document.activeElement.tagName)
    || [...part.querySelectorAll("input:not([type=hidden])")].some((input) => input.value !== input.defaultValue)
    || [...part.querySelectorAll("option")].some((option) => option.selected !== option.defaultSelected);

  function put(fresh) {
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (!other || other.innerHTML === part.dataset.shown || inUse(part)) continue;
      const open = new Map([...part.querySelectorAll("details")].map((d) => [d.dataset.key, d.open]));
      const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
      part.dataset.shown = other.innerHTML;
      part.replaceChildren(...other.childNodes);
      for (const d of part.querySelectorAll("details")) d.open = open.get(d.dataset.key) ?? d.open;
      if (focused) document.getElementById(focused)?.focus();
    }
    document.title = fresh.title;
  }

  async function again() {
    waiting = false;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      say("connection lost");
    }
  }

  function soon() {
    if (waiting || document.hidden) return;
    waiting = true;
    setTimeout(again, Math.max(0, last + pause - Date.now()));
  }

  function happened(event) {
    const about = event.type === "status" || event.type === "history" ? JSON.parse(event.data).name : "";
    if (!of || !about || about === of) soon();
  }

  const events = new EventSource("/api/v1/events");
  events.onopen = () => { say("live"); soon(); };
  events.onerror = () => say("connection lost");
  for (const kind of ["status", "history", "clusters", "lookAgain"]) events.addEventListener(kind, happened);
  setInterval(soon, anyway);
  document.addEventListener("visibilitychange", soon);
})();
