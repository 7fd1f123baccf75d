import { beforeEach, expect, test, vi } from "vitest";
import type { AnyModel } from "@anywidget/types";
import { part, widget } from "../src/core/adapter.ts";

type Listener = (...given: any[]) => void;

/** A model like anywidget's. */
function modelOf(state: Record<string, unknown>): AnyModel & { change(name: string, value: unknown): void } {
  const listeners = new Map<string, Set<Listener>>();
  return {
    get: (name) => state[name],
    set: (name, value) => void (state[name] = value),
    save_changes: () => undefined,
    send: () => undefined,
    on(name: string, listener: (...given: any[]) => void) {
      listeners.set(name, (listeners.get(name) ?? new Set()).add(listener));
    },
    off: (name, listener) => void (listener && listeners.get(String(name))?.delete(listener)),
    widget_manager: { get_model: () => Promise.reject(new Error("not ipywidgets")) },
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
let kind: ReturnType<typeof part>;
let model: ReturnType<typeof modelOf>;
let render: ReturnType<ReturnType<typeof widget>>["render"];

beforeEach(() => {
  made = [];
  aborted = restored = 0;
  kind = part<{ value: string }>(["value"], (_model, signal) => {
    const element = document.createElement("input");
    made.push(element);
    signal.addEventListener("abort", () => (aborted += 1));
    const update = ({ value }: { value: string }) => void (element.title = value);
    return { element, update, restored: () => void (restored += 1) };
  });
  model = modelOf({ value: "a" });
  ({ render } = widget(kind)(model));
  place = document.createElement("div");
  place.className = "lm-Panel";
  const child = document.createElement("div");
  child.className = "jp-OutputArea-child";
  child.append(place);
  document.body.replaceChildren(child);
});

const tasks = () => new Promise((done) => setTimeout(done));

function view() {
  const el = document.createElement("div");
  return { el, close: render({ el }) };
}

test("a view that takes another's place goes on with what stood there", async () => {
  const first = view();
  place.replaceChildren(first.el);
  await tasks();
  made[0]!.value = "typed";
  made[0]!.focus();
  place.textContent = "Loading widget..."; // like JupyterLab
  await tasks();
  expect(place.firstChild).toBe(first.el);
  expect(restored).toBe(2); // when it was inserted, and when it was put back
  expect(document.activeElement).toBe(made[0]);
  const second = view();
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
  model.change("value", "b");
  await vi.waitFor(() => expect(made[0]!.title).toBe("b"));
  second.close();
  expect(aborted).toBe(1);
});

test("a click that is ended in the view that has taken the place is a click", async () => {
  const first = view();
  place.replaceChildren(first.el);
  await tasks();
  let clicks = 0;
  made[0]!.addEventListener("click", () => (clicks += 1));
  const mouse = (type: string) => made[0]!.dispatchEvent(new MouseEvent(type, { bubbles: true }));
  mouse("mousedown");
  mouse("mouseup");
  expect(clicks).toBe(0); // the browser itself sends it
  mouse("mousedown");
  place.textContent = "Loading widget...";
  await tasks();
  place.replaceChildren(view().el);
  await tasks();
  expect(clicks).toBe(0);
  mouse("mouseup");
  expect(clicks).toBe(1);
  mouse("mouseup");
  expect(clicks).toBe(1);
});

test("views at several places have each their own", async () => {
  const first = view();
  place.replaceChildren(first.el);
  await tasks();
  const second = view();
  expect(second.el.firstChild).toBe(made[1]);
  first.close();
  expect(aborted).toBe(1);
});

test("a widget that cannot be shown is not put back", async () => {
  const first = view();
  place.replaceChildren(first.el);
  await tasks();
  place.textContent = "Error displaying widget";
  await tasks();
  expect(place.textContent).toBe("Error displaying widget");
});
