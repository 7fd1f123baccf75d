// The controls above the log: filters, search, follow, download, copy, the count.

import { html, icon, say } from "../core/dom.ts";
import type { LogRequests, LogValues } from "./types.ts";

export interface ToolbarActions extends Pick<LogRequests, "set" | "download" | "copy"> {
  goTo(index: number): void;
}

const SEARCH_DELAY_MS = 200;
const TOLD_MS = 1500;

export const grouped = (value: number): string => value.toLocaleString("en-US");

/** "1,204,331 lines", or with a filter "12 lines of 1,204,331". */
export function countText(lines: number, total: number): string {
  const shown = `${grouped(lines)} ${lines === 1 ? "line" : "lines"}`;
  return lines === total ? shown : `${shown} of ${grouped(total)}`;
}

/** "3 matches", "2 of 3 matches", "no match". */
export function matchText(matches: number, current: number, counting: boolean): string {
  if (matches < 0) return "";
  if (matches === 0) return counting ? "searching…" : "no match";
  const all = `${grouped(matches)}${counting ? "+" : ""} ${matches === 1 ? "match" : "matches"}`;
  return current >= 0 ? `${grouped(current + 1)} of ${all}` : all;
}

/** The text of the button after the log, or the last part of a long one, is copied. */
export function copiedText(cut: number | null): string {
  if (cut === null) return "✗";
  return cut ? `✓ without the first ${grouped(cut)} lines: download them` : "✓";
}

function choice(name: string, first: string): HTMLSelectElement {
  return html("select", { "aria-label": name, title: name, class: "nbr-button" }, html("option", { value: "" }, first));
}

export function toolbar(actions: ToolbarActions, signal: AbortSignal) {
  const step = choice("Step", "all steps");
  const stream = choice("Stream", "all streams");
  for (const each of ["stdout", "stderr"]) stream.append(html("option", { value: each }, each));
  const search = html("input", {
    type: "search",
    "aria-label": "Search log",
    placeholder: "Search log",
    class: "nbr-search",
    spellcheck: "false",
  });
  const matches = html("span", { class: "nbr-log-matches" });
  // Screen readers do not announce every intermediate number.
  const found = html("span", { class: "nbr-hidden", "aria-live": "polite" });
  const button = (label: string, text: string | Node) =>
    html("button", { type: "button", class: "nbr-button", "aria-label": label, title: label }, text);
  const previous = button("Previous match", "‹");
  const next = button("Next match", "›");
  const toggle = (label: string) =>
    html(
      "button",
      { type: "button", role: "switch", class: "nbr-button nbr-switch", "aria-label": label },
      label,
    );
  const follow = toggle("Follow");
  const wrap = toggle("Wrap lines");
  const download = button("Download log", icon("download"));
  const copy = button("Copy log", icon("copy"));
  const count = html("span", { class: "nbr-log-count" });
  const element = html(
    "div",
    { class: "nbr-log-bar", role: "group", "aria-label": "Log controls" },
    step,
    stream,
    search,
    matches,
    found,
    previous,
    next,
    html("span", { class: "nbr-log-gap" }),
    count,
    follow,
    wrap,
    download,
    copy,
  );
  let values: LogValues | null = null;
  const listen = (target: HTMLElement, type: string, listener: (event: Event) => void) =>
    target.addEventListener(type, listener, { signal });

  listen(step, "change", () => actions.set({ step: step.value }));
  listen(stream, "change", () => actions.set({ stream: stream.value }));
  let typing = 0;
  const ask = () => {
    clearTimeout(typing);
    typing = 0;
    actions.set({ query: search.value, current: -1 });
  };
  listen(search, "input", () => {
    clearTimeout(typing);
    typing = window.setTimeout(ask, SEARCH_DELAY_MS);
  });
  signal.addEventListener("abort", () => clearTimeout(typing));
  const go = (way: 1 | -1) => {
    if (!values || values.matches <= 0) return;
    const from = values.current < 0 && way < 0 ? 0 : values.current;
    const current = (from + way + values.matches) % values.matches;
    actions.set({ current, follow: false });
    actions.goTo(current);
  };
  listen(previous, "click", () => go(-1));
  listen(next, "click", () => go(1));
  listen(search, "keydown", (event) => {
    const { key, shiftKey } = event as KeyboardEvent;
    if (key === "Enter" && typing) ask(); // the matches shown are for the previous text
    else if (key === "Enter") go(shiftKey ? -1 : 1);
    if (key === "Escape" && search.value) {
      search.value = "";
      ask();
    }
  });
  listen(follow, "click", () => actions.set({ follow: !values?.follow }));
  listen(wrap, "click", () => actions.set({ wrap: !values?.wrap }));
  const tell = async (target: HTMLElement, sign: "copy" | "download", done: Promise<string>) => {
    target.textContent = "…";
    target.textContent = await done.catch(() => "✗");
    setTimeout(() => target.replaceChildren(icon(sign)), TOLD_MS);
  };
  listen(download, "click", () => void tell(download, "download", actions.download().then(() => "✓")));
  listen(copy, "click", () => void tell(copy, "copy", actions.copy().then(copiedText)));

  return {
    element,
    focusSearch: () => search.focus(),
    update(now: LogValues): void {
      values = now;
      const names = [...step.options].slice(1).map((option) => option.value);
      if (names.join("\n") !== now.steps.join("\n")) {
        step.replaceChildren(
          html("option", { value: "" }, "all steps"),
          ...now.steps.map((name) => html("option", { value: name }, name)),
        );
      }
      step.value = now.step;
      stream.value = now.stream;
      if (document.activeElement !== search && !typing) search.value = now.query;
      say(matches, matchText(now.matches, now.current, now.counting));
      if (!now.counting) say(found, matches.textContent);
      previous.hidden = next.hidden = now.matches <= 0;
      follow.setAttribute("aria-checked", String(now.follow));
      wrap.setAttribute("aria-checked", String(now.wrap));
      count.textContent = countText(now.lines, now.total);
    },
  };
}
