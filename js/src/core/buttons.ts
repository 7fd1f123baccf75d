// Buttons for actions of the kernel.

import { arrange, html, keepingFocus } from "./dom.ts";
import { isOrphan } from "../jupyterlab/disconnected.ts";

// Longer than an answer takes if the front end delivers clicks while a cell runs.
const PATIENCE_MS = 1500;
// The changes by an action arrive after the answer to it, from another thread.
const SETTLED_MS = 150;
const BUSY_HINT =
  "This front end delivers clicks only while no cell runs; interrupting the kernel stops the run that a cell waits for.";

/** The state of a button in the model. */
export interface Action {
  name: string;
  label: string;
  disabled: boolean;
  hint: string;
}

/**
 * A button that waits for the kernel after it is pressed.
 *
 * `aria-disabled` is used instead of `disabled`, which would lose the focus: a user who presses
 * Stop with a key can continue from there.
 */
export class KernelButton {
  private state: Omit<Action, "name"> = { label: "", disabled: false, hint: "" };
  private about = "";
  private shown = "";
  /** The number of the last press, whose answer ends the wait. */
  private asked = 0;
  private isWaiting = false;
  private isLate = false;
  private timer = 0;

  constructor(
    readonly element: HTMLButtonElement,
    signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => clearTimeout(this.timer), { once: true });
  }

  get isOff(): boolean {
    return this.state.disabled || this.isWaiting || isOrphan(this.element);
  }

  /** Show the state in the model; `about` names the row for screen readers. */
  update({ label, disabled, hint }: Omit<Action, "name">, about = ""): void {
    const now = JSON.stringify([label, disabled, hint, about]);
    if (now === this.shown) return; // it may still be waiting
    this.shown = now;
    this.state = { label, disabled, hint };
    this.about = about;
    this.rest();
  }

  /** Disable it until the kernel has answered, with a hint if that takes long. */
  wait(answer: Promise<unknown>): void {
    const press = (this.asked += 1);
    this.isWaiting = true;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.isLate = true;
      this.show();
    }, PATIENCE_MS);
    this.show();
    const end = () => {
      if (press !== this.asked || !this.isWaiting) return;
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.rest(), SETTLED_MS);
    };
    answer.then(end, end);
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.isWaiting = this.isLate = false;
    this.show();
  }

  private show(): void {
    const { label, hint } = this.state;
    const text = this.isLate ? `${label} (kernel is busy)` : label;
    const { element } = this;
    if (element.textContent !== text) element.textContent = text;
    element.title = this.isLate ? BUSY_HINT : hint;
    if (this.about) element.setAttribute("aria-label", `${text} ${this.about}`);
    element.setAttribute("aria-disabled", String(this.isOff));
  }
}

/** The buttons of some actions, before the other children of an element. */
export class ActionButtons {
  private readonly buttons = new Map<string, KernelButton>();

  constructor(
    private readonly place: HTMLElement,
    private readonly act: (name: string) => Promise<unknown>,
    private readonly signal: AbortSignal,
  ) {}

  /** Show a button for each action, and other elements after them. */
  update(actions: readonly Action[], about = "", behind: readonly HTMLElement[] = []): void {
    const wanted = actions.map((action) => {
      const button = this.buttons.get(action.name) ?? this.made(action.name);
      button.update(action, about);
      return button.element;
    });
    for (const name of [...this.buttons.keys()]) {
      if (!actions.some((action) => action.name === name)) this.buttons.delete(name);
    }
    keepingFocus(this.place, () => arrange(this.place, [...wanted, ...behind]));
  }

  private made(name: string): KernelButton {
    const element = html("button", { type: "button", class: "nbr-button" });
    const button = new KernelButton(element, this.signal);
    const press = () => {
      if (!button.isOff) button.wait(this.act(name));
    };
    element.addEventListener("click", press, { signal: this.signal });
    this.buttons.set(name, button);
    return button;
  }
}
