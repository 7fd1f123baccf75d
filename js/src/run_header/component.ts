// The first lines of a panel: state, name, time, parameters and buttons of a run.

import { copyText, html, say } from "../core/dom.ts";
import type { Component } from "../core/adapter.ts";
import { ActionButtons, type Action } from "../core/buttons.ts";
import { clock, took } from "../core/duration.ts";
import type { State } from "../core/states.ts";
import { badge } from "../status_badge/component.ts";
import "../core/colours.css";
import "../core/base.css";
import "./run_header.css";

export interface HeaderValues {
  label: string;
  title: string;
  status: State;
  detail: string;
  elapsed: number | null;
  parameters: [string, string][];
  tags: string[];
  warning: string;
  actions: Action[];
  code: { magic: string; python: string };
}

const COPIED_MS = 1500;

export function header(
  act: (name: string) => Promise<unknown>,
  signal: AbortSignal,
): Component<HeaderValues> {
  const state = badge();
  const title = html("span", { class: "nbr-title" });
  const time = html("span", { class: "nbr-elapsed", title: "elapsed" });
  const buttons = html("span", { class: "nbr-actions" });
  const given = html("div", { class: "nbr-given" });
  const warning = html("div", { class: "nbr-warning", role: "note" });
  const element = html(
    "div",
    { class: "nbr nbr-header" },
    html("div", { class: "nbr-headline" }, state.element, title, time, buttons),
    given,
    warning,
  );
  let code = { magic: "", python: "" };
  let shown = "";
  const copy = html("button", { type: "button", class: "nbr-button" }, "Copy code");
  copy.addEventListener(
    "click",
    async () => {
      const copied = await copyText([code.magic, code.python].filter(Boolean).join("\n\n"));
      copy.textContent = copied ? "Copied" : "Copying not allowed";
      setTimeout(() => (copy.textContent = "Copy code"), COPIED_MS);
    },
    { signal },
  );
  const actions = new ActionButtons(buttons, act, signal);
  return {
    element,
    update(values) {
      state.update(values);
      say(title, values.title);
      time.textContent = elapsed(values);
      code = values.code;
      const now = JSON.stringify([values.parameters, values.tags]);
      if (now !== shown) given.replaceChildren(...givenParts(values)); // keeps selected text else
      shown = now;
      warning.textContent = values.warning;
      actions.update(values.actions, "", code.magic || code.python ? [copy] : []);
    },
  };
}

function elapsed({ elapsed: seconds, status }: HeaderValues): string {
  if (seconds === null) return "";
  return status === "running" || status === "starting" ? clock(seconds) : took(seconds);
}

function givenParts(values: HeaderValues): HTMLElement[] {
  const parts = values.parameters.map(([name, text]) =>
    html("span", { class: "nbr-parameter", title: `${name}=${text}` }, `${name}=${text}`),
  );
  if (values.tags.length) {
    parts.push(html("span", { class: "nbr-tags" }, `tags: ${values.tags.join(", ")}`));
  }
  return parts;
}
