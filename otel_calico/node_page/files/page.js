// Shows the page anew every few seconds, as long as it is in view. All else works without a script.
(() => {
  "use strict";
  const SECONDS = 5;
  const live = document.getElementById("live");
  const news = document.getElementById("news");
  const main = document.getElementById("main");
  let failed = false;

  // What is announced to screen readers is trouble only; numbers that change every few seconds would never stop.
  const tell = (text) => { if (news.textContent !== text) news.textContent = text; };

  const where = (element) => {
    const path = [];
    for (let at = element; at !== main; at = at.parentElement) path.push([...at.parentElement.children].indexOf(at));
    return path.reverse();
  };

  const show = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("main");
    const selected = document.getSelection();
    if (!fresh || (selected && !selected.isCollapsed)) return;
    const focused = main.contains(document.activeElement) && document.activeElement !== main ? where(document.activeElement) : null;
    main.replaceChildren(...fresh.childNodes);
    if (focused) focused.reduce((at, place) => at && at.children[place], main)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (document.hidden || live.getAttribute("aria-pressed") !== "true") return;
    try {
      const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(20000) });
      if (!response.ok && response.status !== 404) throw new Error(String(response.status)); // 404: what is shown is gone
      show(await response.text());
      tell(failed ? "Connected again." : "");
      failed = false;
    } catch {
      failed = true;
      tell("No answer from otel-calico; trying again.");
    }
  };

  const loop = async () => { await refresh(); setTimeout(loop, SECONDS * 1000); };

  live.hidden = false;
  live.title = "Refresh every " + SECONDS + " seconds";
  live.addEventListener("click", () => {
    const on = live.getAttribute("aria-pressed") !== "true";
    live.setAttribute("aria-pressed", String(on));
    if (on) refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  setTimeout(loop, SECONDS * 1000);
})();
