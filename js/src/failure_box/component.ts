// Why a run failed: the step, the exception and the user's own lines first.

import { html } from "../core/dom.ts";
import type { Component } from "../core/adapter.ts";
import "../core/colours.css";
import "../core/base.css";
import "./failure_box.css";

export interface SourceLine {
  place: string;
  function: string;
  text: string;
}

export interface Failure {
  step: string;
  task: string;
  exception: string;
  message: string;
  source: SourceLine[];
  traceback: string;
}

export interface FailureValues {
  failure: Failure | null;
}

export function failureBox(): Component<FailureValues> {
  const element = html("div", { class: "nbr" });
  let shown = "";
  return {
    element,
    update({ failure }) {
      const now = JSON.stringify(failure);
      if (now === shown) return; // an open traceback stays open
      shown = now;
      element.replaceChildren(...(failure ? [box(failure)] : []));
    },
  };
}

function box(failure: Failure): HTMLElement {
  const where = failure.step
    ? html("div", { class: "nbr-failure-where" }, `step ${failure.step}, task ${failure.task}`)
    : null;
  const what = html(
    "div",
    { class: "nbr-failure-what" },
    failure.exception ? html("b", {}, failure.exception) : null,
    failure.exception && failure.message ? `: ${failure.message}` : failure.message,
  );
  const lines = failure.source.map((line) =>
    html(
      "div",
      { class: "nbr-failure-line" },
      html("span", { class: "nbr-failure-place" }, `${line.place}, in ${line.function}`),
      html("code", {}, line.text),
    ),
  );
  const traceback = failure.traceback
    ? html(
        "details",
        {},
        html("summary", {}, "Traceback"),
        html("pre", { tabindex: 0 }, failure.traceback),
      )
    : null;
  return html("div", { class: "nbr-failure", role: "alert" }, where, what, ...lines, traceback);
}
