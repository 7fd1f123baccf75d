import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { actionButtons, onAction } from "../src/shared/buttons.ts";

const stop = { name: "stop", label: "Stop", disabled: false, hint: "" };
let bar: HTMLElement;
let controller: AbortController;
let pressed: string[];

beforeEach(() => {
  vi.useFakeTimers();
  bar = document.createElement("div");
  bar.append(...actionButtons([stop]));
  document.body.replaceChildren(bar);
  controller = new AbortController();
  pressed = [];
  onAction(bar, (name) => pressed.push(name), controller.signal);
});

afterEach(() => {
  controller.abort();
  vi.useRealTimers();
});

const button = () => bar.querySelector("button")!;

test("a press is told once, and the button waits", () => {
  button().click();
  button().click();
  expect(pressed).toEqual(["stop"]);
  expect(button().disabled).toBe(true);
  expect(button().textContent).toBe("Stop");
});

test("a press that nobody answers says why", () => {
  button().click();
  vi.advanceTimersByTime(5000);
  expect(button().textContent).toBe("Stop (kernel is busy)");
  expect(button().title).toContain("interrupting the kernel");
});

test("a press that is answered says nothing of the kernel", () => {
  const before = button();
  before.click();
  bar.replaceChildren(...actionButtons([{ ...stop, label: "Stopping", disabled: true }]));
  vi.advanceTimersByTime(5000);
  expect(before.textContent).toBe("Stop");
  expect(button().textContent).toBe("Stopping");
});
