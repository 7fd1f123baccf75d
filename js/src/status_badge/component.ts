// The state of a run as a word and a sign.

import { html, say } from "../core/dom.ts";
import type { Component } from "../core/adapter.ts";
import { RUN_GLYPHS, type State } from "../core/states.ts";
import "../core/colours.css";
import "../core/states.css";
import "./status_badge.css";

export interface BadgeValues {
  status: State;
  detail: string;
}

export function badge(): Component<BadgeValues> {
  const shape = html("span", { class: "nbr-badge-shape", "aria-hidden": "true" });
  const word = html("span", { role: "status", class: "nbr-badge-word" });
  const detail = html("span", { class: "nbr-badge-detail", "aria-live": "polite" });
  const element = html("span", { class: "nbr-badge" }, shape, word, detail);
  return {
    element,
    update(values) {
      element.dataset["state"] = values.status;
      shape.textContent = RUN_GLYPHS[values.status];
      say(word, values.status);
      say(detail, values.detail);
    },
  };
}
