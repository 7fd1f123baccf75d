import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ActionButtons } from "../src/core/buttons.ts";

const stop = { name: "stop", label: "Stop", disabled: false, hint: "" };
const resume = { ...stop, name: "resume", label: "Resume" };
let bar: HTMLElement;
let controller: AbortController;
let pressed: string[];
let answer: () => void;
let buttons: ActionButtons;

beforeEach(() => {
  vi.useFakeTimers();
  bar = document.createElement("div");
  document.body.replaceChildren(bar);
  controller = new AbortController();
  pressed = [];
  const act = (name: string) => {
    pressed.push(name);
    return new Promise<void>((resolve) => (answer = resolve));
  };
  buttons = new ActionButtons(bar, act, controller.signal);
  buttons.update([stop]);
});

afterEach(() => {
  controller.abort();
  vi.useRealTimers();
});

const button = () => bar.querySelector("button")!;
const isOff = () => button().getAttribute("aria-disabled") === "true";

test("a press is told once, and the button waits", () => {
  button().click();
  button().click();
  expect(pressed).toEqual(["stop"]);
  expect(isOff()).toBe(true);
  expect(button().textContent).toBe("Stop");
});

test("a press that nobody answers says why, until it is answered", async () => {
  button().click();
  await vi.advanceTimersByTimeAsync(5000);
  buttons.update([{ ...stop }]); // without any change
  expect(button().textContent).toBe("Stop (kernel is busy)");
  expect(button().title).toContain("interrupting the kernel");
  answer();
  await vi.advanceTimersByTimeAsync(5000);
  expect([button().textContent, button().title, isOff()]).toEqual(["Stop", "", false]);
  button().click();
  expect(pressed).toEqual(["stop", "stop"]);
});

test("after an answer a button is as the model has it", async () => {
  button().click();
  answer();
  buttons.update([{ ...stop, label: "Stopping", disabled: true }]);
  await vi.advanceTimersByTimeAsync(5000);
  expect([button().textContent, isOff()]).toEqual(["Stopping", true]);
  button().click();
  expect(pressed).toEqual(["stop"]);
});

test("the button of a row is told apart by what it is about", () => {
  buttons.update([stop], "Flow/1");
  expect(button().getAttribute("aria-label")).toBe("Stop Flow/1");
});

test("the focus goes to what takes the place of a button", () => {
  const copy = document.createElement("button");
  buttons.update([stop], "", [copy]);
  const before = button();
  before.focus();
  buttons.update([{ ...stop, disabled: true }], "", [copy]);
  expect(document.activeElement).toBe(before);
  buttons.update([resume], "", [copy]);
  expect(document.activeElement?.textContent).toBe("Resume");
  buttons.update([], "", [copy]);
  expect(document.activeElement).toBe(copy);
});
