import type { LiveUpdate } from "./chart.js";

// A script of its own in the live page, after the one that draws the charts.

const connection = document.getElementById("connection");
const structure = document.documentElement.dataset["structure"];
const shown = new Map<string, string>();

function say(state: "live" | "ended" | "lost", text: string): void {
  if (!connection) return;
  connection.dataset["state"] = state;
  connection.textContent = text;
}

function show({ title, fragments, charts }: LiveUpdate): void {
  document.title = title;
  for (const element of document.querySelectorAll<HTMLElement>("[data-fragment]")) {
    const name = element.dataset["fragment"] ?? "";
    const markup = fragments[name];
    if (markup === undefined || shown.get(name) === markup) continue;
    shown.set(name, markup);
    element.innerHTML = markup;
  }
  document.dispatchEvent(new CustomEvent("charts", { detail: charts }));
}

const source = new EventSource("events");
source.addEventListener("open", () => say("live", "live"));
source.addEventListener("error", () => say("lost", "not connected: this is the last state that came"));
source.addEventListener("message", ({ data }: MessageEvent<string>) => {
  const update = JSON.parse(data) as LiveUpdate;
  if (update.structure !== structure) {
    location.reload();
    return;
  }
  show(update);
  if (!update.ended) return;
  source.close();
  say("ended", "training has ended");
});
