import { beforeEach, expect, test, vi } from "vitest";
import { widget } from "../src/core/adapter.ts";

type Listener = () => void;

/** A model as anywidget gives it to one view: listeners of a view go with it. */
function modelOf(state: Record<string, unknown>) {
  const listeners = new Map<string, Set<Listener>>();
  return {
    get: (name: string) => state[name],
    set: (name: string, value: unknown) => void (state[name] = value),
    save_changes: () => undefined,
    send: () => undefined,
    on: (name: string, listener: Listener) =>
      void listeners.set(name, (listeners.get(name) ?? new Set()).add(listener)),
    off: (name: string, listener: Listener) => void listeners.get(name)?.delete(listener),
    change(name: string, value: unknown) {
      state[name] = value;
      for (const listener of listeners.get(`change:${name}`) ?? []) listener();
    },
  };
}

let made: HTMLInputElement[];
let aborted: number;
let restored: number;
let place: HTMLElement;
let render: (props: { model: never; el: HTMLElement }) => () => void;

beforeEach(() => {
  made = [];
  aborted = restored = 0;
  ({ render } = widget<{ value: string }>(["value"], (_model, signal) => {
    const element = document.createElement("input");
    made.push(element);
    signal.addEventListener("abort", () => (aborted += 1));
    const update = ({ value }: { value: string }) => void (element.title = value);
    return { element, update, restored: () => void (restored += 1) };
  })() as never);
  place = document.createElement("div");
  place.className = "lm-Panel";
  const child = document.createElement("div");
  child.className = "jp-OutputArea-child";
  child.append(place);
  document.body.replaceChildren(child);
});

const tasks = () => new Promise((done) => setTimeout(done));

function view(state: Record<string, unknown>) {
  const el = document.createElement("div");
  const model = modelOf(state);
  return { el, model, close: render({ model: model as never, el }) };
}

test("a view that takes another's place goes on with what stood there", async () => {
  const state = { value: "a" };
  const first = view(state);
  place.replaceChildren(first.el);
  await tasks();
  made[0]!.value = "typed";
  made[0]!.focus();
  place.textContent = "Loading widget..."; // as JupyterLab does it
  await tasks();
  expect(place.firstChild).toBe(first.el);
  expect(restored).toBe(2); // when it was put there, and when it was put back
  expect(document.activeElement).toBe(made[0]);
  const second = view(state);
  expect(second.el.childElementCount).toBe(0);
  place.textContent = "";
  place.append(second.el);
  await tasks();
  expect(made).toHaveLength(1);
  expect(second.el.firstChild).toBe(made[0]);
  expect(made[0]!.value).toBe("typed");
  expect(document.activeElement).toBe(made[0]);
  first.close();
  expect(aborted).toBe(0);
  second.model.change("value", "b");
  await vi.waitFor(() => expect(made[0]!.title).toBe("b"));
  second.close();
  expect(aborted).toBe(1);
});

test("a click that is ended in the view that has taken the place is a click", async () => {
  const state = { value: "a" };
  const first = view(state);
  place.replaceChildren(first.el);
  await tasks();
  let clicks = 0;
  made[0]!.addEventListener("click", () => (clicks += 1));
  const mouse = (type: string) => made[0]!.dispatchEvent(new MouseEvent(type, { bubbles: true }));
  mouse("mousedown");
  mouse("mouseup");
  expect(clicks).toBe(0); // as the browser sends it itself
  mouse("mousedown");
  place.textContent = "Loading widget...";
  await tasks();
  place.replaceChildren(view(state).el);
  await tasks();
  expect(clicks).toBe(0);
  mouse("mouseup");
  expect(clicks).toBe(1);
  mouse("mouseup");
  expect(clicks).toBe(1);
});

test("views at several places have each their own", async () => {
  const state = { value: "a" };
  const first = view(state);
  place.replaceChildren(first.el);
  await tasks();
  const second = view(state);
  expect(second.el.firstChild).toBe(made[1]);
  first.close();
  expect(aborted).toBe(1);
});

test("a widget that cannot be shown is not put back", async () => {
  const first = view({ value: "a" });
  place.replaceChildren(first.el);
  await tasks();
  place.textContent = "Error displaying widget";
  await tasks();
  expect(place.textContent).toBe("Error displaying widget");
});
