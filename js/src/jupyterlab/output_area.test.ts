import { beforeEach, expect, test } from "vitest";
import type { Model } from "../core/model.ts";
import { placeOf, whenPlaced, whenReplaced } from "./output_area.ts";
import { nameRegion } from "./panel_region.ts";
import { keepKeys } from "./shortcuts.ts";
import { composure } from "./view_state.ts";

const { signal } = new AbortController();
const tasks = () => new Promise((done) => setTimeout(done));
let place: HTMLElement;
let view: HTMLElement;

beforeEach(() => {
  document.body.innerHTML = '<div class="jp-OutputArea-child"><div class="lm-Panel"></div></div>';
  place = document.querySelector(".lm-Panel")!;
  view = document.createElement("div");
});

test("a view stands in an output's place, or in none", () => {
  expect(placeOf(view)).toBeNull();
  place.append(view);
  expect(placeOf(view)).toBe(place);
});

test("what waits for its place is done at once where it is there, and once", async () => {
  let done = 0;
  whenPlaced(view, () => (done += 1), signal);
  expect(done).toBe(0);
  place.append(view);
  await tasks();
  document.body.append(document.createElement("hr"));
  await tasks();
  expect(done).toBe(1);
  whenPlaced(view, () => (done += 1), signal);
  expect(done).toBe(2);
});

test("a view that JupyterLab writes over is put back until another has come", async () => {
  let told = 0;
  place.append(view);
  whenReplaced(view, () => (told += 1), signal);
  place.textContent = "Loading widget...";
  await tasks();
  expect([place.firstChild, told]).toEqual([view, 1]);
  place.replaceChildren(document.createElement("div"));
  await tasks();
  expect([view.isConnected, told]).toEqual([false, 1]);
});

test("a panel is a region named after its model", async () => {
  let changed = () => undefined as void;
  let label = "Run F/1";
  const model: Model<{ label: string }> = {
    get: () => label,
    give: () => undefined,
    send: () => undefined,
    onChange: (_, listener) => void (changed = listener),
    onMessage: () => undefined,
  };
  const panel = document.createElement("div");
  panel.className = "nbrunner-panel";
  nameRegion(view, model, signal);
  panel.append(view);
  place.append(panel);
  await tasks();
  expect([panel.getAttribute("role"), panel.getAttribute("aria-label")]).toEqual(["region", "Run F/1"]);
  label = "Run F/2";
  changed();
  expect(panel.getAttribute("aria-label")).toBe("Run F/2");
});

test("keys typed in a panel stay there, shortcuts and Escape go on to the notebook", () => {
  const reached: string[] = [];
  place.append(view);
  keepKeys(view, signal);
  document.body.addEventListener("keydown", ({ key }) => reached.push(key));
  const press = (key: string, more = {}) =>
    view.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
  press("x");
  press("Escape");
  press("s", { ctrlKey: true });
  expect(reached).toEqual(["Escape", "s"]);
});

test("focus, cursor and scroll position come back with an element that was moved", async () => {
  const field = document.createElement("input");
  const box = document.createElement("div");
  box.scrollTo = (at) => void Object.assign(box, { moved: at });
  view.append(field, box);
  place.append(view);
  const restore = composure(view, signal);
  field.value = "typed";
  field.focus();
  field.setSelectionRange(2, 4);
  document.dispatchEvent(new Event("selectionchange"));
  box.scrollTop = 30;
  box.dispatchEvent(new Event("scroll"));
  view.remove();
  place.append(view);
  restore();
  expect(document.activeElement).toBe(field);
  expect([field.selectionStart, field.selectionEnd]).toEqual([2, 4]);
  expect(box).toHaveProperty("moved.top", 30);
  // A focus that has moved elsewhere in the meantime stays there.
  const other = document.body.appendChild(document.createElement("button"));
  await tasks();
  other.focus();
  await tasks();
  restore();
  expect(document.activeElement).toBe(other);
});
