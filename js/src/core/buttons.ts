// Buttons that stand for what the kernel can do.

import { arrange, html, keepingFocus } from "./dom.ts";
import { isOrphan } from "../jupyterlab/disconnected.ts";

// Longer than any answer takes that a front end can deliver while a cell runs.
const PATIENCE_MS = 1500;
// What an action changes comes after the answer to it, and from another thread.
const SETTLED_MS = 150;
const BUSY_HINT =
  "This front end delivers clicks only while no cell runs; interrupting the kernel stops the run that a cell waits for.";

/** A button as the model has it. */
export interface Action {
  name: string;
  label: string;
  disabled: boolean;
  hint: string;
}

/**
 * A button that waits for the kernel once it is pressed.
 *
 * What is off keeps the focus, which `disabled` would drop to the body: whoever presses Stop
 * with a key goes on from there.
 */
export class KernelButton {
  private state: Omit<Action, "name"> = { label: "", disabled: false, hint: "" };
  private about = "";
  private shown = "";
  /** The press that is waited for. */
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

  /** Show it as the model has it; `about` tells those who cannot see the row which one it is of. */
  update({ label, disabled, hint }: Omit<Action, "name">, about = ""): void {
    const now = JSON.stringify([label, disabled, hint, about]);
    if (now === this.shown) return; // it may be waiting still
    this.shown = now;
    this.state = { label, disabled, hint };
    this.about = about;
    this.rest();
  }

  /** Switch it off until the kernel has answered; have it say so if that takes long. */
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

/** The buttons of some actions, first among what stands in an element. */
export class ActionButtons {
  private readonly buttons = new Map<string, KernelButton>();

  constructor(
    private readonly place: HTMLElement,
    private readonly act: (name: string) => Promise<unknown>,
    private readonly signal: AbortSignal,
  ) {}

  /** Show a button for each action, and other elements behind them. */
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
