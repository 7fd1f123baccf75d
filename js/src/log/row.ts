// One row of the log.

import { html } from "../shared/dom.ts";
import { highlighted, pieces } from "./visible.ts";
import type { Line } from "./window_cache.ts";

export interface RowOptions {
  query: string;
  current: boolean;
}

/** The class of the button behind a line that was cut; the log listens for all of them. */
export const MORE = "nbr-log-more";
/** What a match is. */
export const MARK = "mark";

/** Characters for "step/task": those of the longest step and of a three-digit task, within limits. */
export function labelWidth(steps: readonly string[]): number {
  const longest = Math.max(0, ...steps.map((step) => step.length));
  return Math.min(Math.max(longest + 4, 8), 24);
}

export function rowOf(line: Line | undefined, number: number, options: RowOptions): HTMLElement {
  const row = html("div", { class: "nbr-log-row", "data-line": number });
  if (!line) {
    row.classList.add("nbr-log-loading");
    row.append("…");
    return row;
  }
  const [text, stream, cut, time, label] = line;
  if (stream === 1) row.classList.add("nbr-log-stderr");
  if (options.current) row.classList.add("nbr-log-current");
  row.append(
    html("span", { class: "nbr-log-time" }, time.slice(0, 8)),
    html("span", { class: "nbr-log-label", title: label || null }, label),
  );
  const said = html("span", { class: "nbr-log-text" });
  for (const piece of highlighted(pieces(text), options.query)) {
    const attributes = { class: piece.classes || null };
    said.append(piece.match ? html(MARK, attributes, piece.text) : html("span", attributes, piece.text));
  }
  if (cut > 0) {
    const text = `… ${cut.toLocaleString("en-US")} characters more`;
    said.append(html("button", { type: "button", class: MORE }, text));
  }
  row.append(said);
  return row;
}
