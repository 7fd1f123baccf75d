// Buttons that stand for what the kernel can do.

import { html } from "./dom.ts";

// Longer than any answer takes that a front end can deliver while a cell runs.
const PATIENCE_MS = 1500;
const BUSY_HINT =
  "This front end delivers clicks only while no cell runs; interrupting the kernel stops the run that a cell waits for.";

export interface Action {
  name: string;
  label: string;
  disabled: boolean;
  hint: string;
}

/** Make a button for each action; `key` tells which row it belongs to. */
export function actionButtons(actions: readonly Action[], key = "", about = ""): HTMLButtonElement[] {
  return actions.map((action) =>
    html(
      "button",
      {
        type: "button",
        class: "nbr-button",
        "data-action": action.name,
        "data-key": key || null,
        "aria-label": about ? `${action.label} ${about}` : null,
        title: action.hint || null,
        disabled: action.disabled,
      },
      action.label,
    ),
  );
}

/** Tell of every press of an action's button within an element; it waits for the kernel then. */
export function onAction(
  element: HTMLElement,
  act: (name: string, key: string) => void,
  signal: AbortSignal,
): void {
  element.addEventListener(
    "click",
    (event) => {
      const target = event.target instanceof Element ? event.target : null;
      const button = target?.closest<HTMLButtonElement>("button[data-action]");
      if (!button) return;
      untilAnswered(button, signal);
      act(button.dataset["action"] ?? "", button.dataset["key"] ?? "");
    },
    { signal },
  );
}

/** Disable a button until the kernel tells what became of it; have it say so if that takes long. */
export function untilAnswered(button: HTMLButtonElement, signal: AbortSignal): void {
  button.disabled = true;
  const label = button.textContent;
  const timer = setTimeout(() => {
    if (!button.isConnected || !button.disabled || button.textContent !== label) return;
    button.textContent = `${label} (kernel is busy)`;
    button.title = BUSY_HINT;
  }, PATIENCE_MS);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}

/** Do something that replaces buttons; the one that had the focus has it afterwards too. */
export function keepingFocus(element: HTMLElement, change: () => void): void {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && element.contains(active) ? active.dataset : {};
  const { action, key } = { action: focused["action"], key: focused["key"] };
  change();
  if (!action) return;
  const again = [...element.querySelectorAll<HTMLButtonElement>("button[data-action]")].find(
    (button) => button.dataset["action"] === action && button.dataset["key"] === key,
  );
  if (again && !again.disabled) again.focus();
}
