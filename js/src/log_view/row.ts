// One row of the log.

import { html } from "../core/dom.ts";
import { highlighted, pieces } from "./ansi.ts";
import type { Line } from "./window_cache.ts";

/** The content of a row. */
export interface Content {
  line: Line | undefined;
  query: string;
  current: boolean;
}

/** Whether two contents look the same. */
export function same(one: Content, other: Content): boolean {
  if (one.query !== other.query || one.current !== other.current) return false;
  if (one.line === other.line) return true;
  return one.line?.every((part, index) => part === other.line?.[index]) ?? false;
}

/** The class of the button after a line that was cut; the log handles the clicks of all. */
export const MORE = "nbr-log-more";
/** The class of a match. */
export const MARK = "mark";

/** The width of "step/task" in characters: the longest step and a three-digit task, within limits. */
export function labelWidth(steps: readonly string[]): number {
  const longest = Math.max(0, ...steps.map((step) => step.length));
  return Math.min(Math.max(longest + 4, 8), 24);
}

/** "step/task": the style sheet cuts a long step name, but not the task. */
function labelOf(label: string): HTMLElement {
  const cut = label.lastIndexOf("/");
  const [step, task] = cut < 0 ? [label, ""] : [label.slice(0, cut), label.slice(cut)];
  return html(
    "span",
    { class: "nbr-log-label", title: label || null },
    html("span", { class: "nbr-log-step" }, step),
    task,
  );
}

export function rowOf(number: number, { line, query, current }: Content): HTMLElement {
  const row = html("div", { class: "nbr-log-row", "data-line": number });
  if (!line) {
    row.classList.add("nbr-log-loading");
    row.append("…");
    return row;
  }
  const [text, stream, cut, time, label] = line;
  if (stream === 1) row.classList.add("nbr-log-stderr");
  if (current) row.classList.add("nbr-log-current");
  row.append(
    html("span", { class: "nbr-log-time" }, time.slice(0, 8)),
    labelOf(label),
  );
  const said = html("span", { class: "nbr-log-text" });
  for (const piece of highlighted(pieces(text), query)) {
    const attributes = { class: piece.classes || null };
    said.append(piece.match ? html(MARK, attributes, piece.text) : html("span", attributes, piece.text));
  }
  if (cut > 0) {
    const text = `… ${cut.toLocaleString("en-US")} more characters`;
    said.append(html("button", { type: "button", class: MORE }, text));
  }
  row.append(said);
  return row;
}
