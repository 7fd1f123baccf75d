// A part of a panel that can be folded.

import { html } from "./dom.ts";
import "./colours.css";
import "./base.css";
import "./fold.css";

export interface Fold {
  element: HTMLElement;
  body: HTMLElement;
  /** Show it open or folded, as in the model. */
  update(open: boolean): void;
}

export function fold(name: string, toggled: (open: boolean) => void, signal: AbortSignal): Fold {
  const body = html("div", { class: "nbr-fold-body" });
  const summary = html("summary", {}, name);
  const element = html("details", { class: "nbr nbr-fold" }, summary, body);
  // The click, not the element's later "toggle" event: the model is changed at once, so that no
  // message in between folds it again.
  summary.addEventListener(
    "click",
    (event) => {
      event.preventDefault();
      element.open = !element.open;
      toggled(element.open);
    },
    { signal },
  );
  return {
    element,
    body,
    update(open) {
      element.open = open;
    },
  };
}

/** The text of a fold without content: an error, or that it is loading or empty. */
export function remark(): { element: HTMLElement; update(loading: boolean, error: string, empty: string): void } {
  const element = html("div", { class: "nbr-remark", role: "note" });
  return {
    element,
    update(loading, error, empty) {
      element.classList.toggle("nbr-remark-error", Boolean(error));
      element.textContent = error || (loading ? "reading…" : empty);
    },
  };
}

/** A size for people to read: "812 B", "1.2 MB". */
export function sizeText(bytes: number | null): string {
  if (bytes === null) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
