// The choices before a past run is resumed: the step, and which flow file.

import type { Component } from "../core/adapter.ts";
import { KernelButton } from "../core/buttons.ts";
import { html, say } from "../core/dom.ts";
import "../core/colours.css";
import "../core/base.css";
import "./resume_bar.css";

export interface ResumeValues {
  message: string;
  pathspec: string;
  steps: [label: string, name: string][];
  flows: string[];
  step: string;
  flow: string;
  busy: boolean;
}

export interface ResumeRequests {
  start(): Promise<unknown>;
  set(values: Partial<ResumeValues>): void;
}

export function resumeBar(requests: ResumeRequests, signal: AbortSignal): Component<ResumeValues> {
  const message = html("span", { class: "nbr-resume-message", "aria-live": "polite" });
  const choice = (label: string, name: "step" | "flow") => {
    const select = html("select", { class: "nbr-button" });
    select.addEventListener("change", () => requests.set({ [name]: select.value }), { signal });
    return { select, element: html("label", { class: "nbr-resume-choice" }, label, select) };
  };
  const step = choice("From step", "step");
  const flow = choice("With", "flow");
  const start = html("button", { type: "button", class: "nbr-button" });
  const button = new KernelButton(start, signal);
  start.addEventListener("click", () => !button.isOff && button.wait(requests.start()), { signal });
  const chosen = html("div", { class: "nbr-resume-choices" }, step.element, flow.element, start);
  return {
    element: html("div", { class: "nbr nbr-resume" }, message, chosen),
    update(values) {
      say(message, values.message);
      fill(step.select, values.steps, values.step);
      fill(flow.select, values.flows.map((name) => [name, name]), values.flow);
      const hint = `resume ${values.pathspec}`;
      button.update({ label: "Start", disabled: values.busy || !values.flows.length, hint });
    },
  };
}

function fill(select: HTMLSelectElement, options: [label: string, value: string][], chosen: string): void {
  const now = JSON.stringify(options);
  if (select.dataset["options"] !== now) {
    select.dataset["options"] = now;
    select.replaceChildren(...options.map(([label, value]) => html("option", { value }, label)));
  }
  select.value = chosen;
}
