import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { panel } from "./component.ts";
import { Link } from "./link.ts";

const BADGE = { status: "running", detail: "" };
const FOLD = { unfolded: false, loading: false, error: "", rows: [], shown: "", steps: [], tasks: [], step: "", task: "" };

function modelOf(state: Record<string, object>) {
  const listeners = new Map<string, (...given: any[]) => void>();
  return {
    hear: (message: object) => listeners.get("msg:custom")?.(message, []),
    get: (name: string) => (name === "snapshot" ? { version: ["k", 1], state } : undefined),
    set: () => undefined,
    save_changes: () => undefined,
    send: () => undefined,
    on: (name: string, listener: (...given: any[]) => void) => void listeners.set(name, listener),
    off: () => undefined,
    widget_manager: { get_model: () => Promise.reject(new Error("not ipywidgets")) },
  };
}

const update = (number: number, state: object) => ({
  kind: "part", part: "", by: "", version: ["k", number], data: { method: "update", state },
});

let close: () => void = () => undefined;
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "Date", "requestAnimationFrame"] }));
afterEach(() => {
  close();
  vi.useRealTimers();
});

function drawn(state: Record<string, object>) {
  const model = modelOf(state);
  const made = panel(new Link(model), model);
  close = made.close;
  document.body.replaceChildren(made.element);
  return { model, root: made.element.querySelector(".nbrunner-panel")! };
}

const classes = (element: Element) => [...element.children].map((each) => each.className);

test("parts are drawn in their order, those that are folded on one line, panels below", () => {
  const { root } = drawn({
    "": { parts: [["badge", "status_badge"], ["artifacts", "artifacts"], ["cards", "cards"]], below: [["b", "panel"]] },
    badge: BADGE,
    artifacts: FOLD,
    cards: FOLD,
    b: { parts: [["badge", "status_badge"]], below: [] },
    "b/badge": BADGE,
  });
  expect(classes(root)).toEqual(["nbr-badge", "nbrunner-folds", "nbrunner-panel"]);
  expect(root.querySelectorAll(".nbrunner-folds > .nbr-fold")).toHaveLength(2);
  expect(root.querySelector(".nbrunner-panel .nbr-badge-word")?.textContent).toBe("running");
});

test("a panel that is opened is brought in sight for who has opened it, and goes when it is closed", () => {
  const { model, root } = drawn({ "": { parts: [["badge", "status_badge"]], below: [] }, badge: BADGE });
  const seen: string[] = [];
  Element.prototype.scrollIntoView = function () {
    seen.push(this.className);
  };
  model.hear({ ...update(2, BADGE), part: "below1" });
  model.hear(update(3, { below: [["below1", "status_badge"]] }));
  vi.advanceTimersByTime(50);
  expect(seen).toEqual([]);
  root.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  model.hear({ ...update(4, BADGE), part: "below2" });
  model.hear(update(5, { below: [["below2", "status_badge"], ["below1", "status_badge"]] }));
  vi.advanceTimersByTime(50);
  expect(seen).toEqual(["nbr-badge"]);
  model.hear(update(6, { below: [] }));
  expect(classes(root)).toEqual(["nbr-badge"]);
});

test("a kernel that does not answer is told above the parts, until it does", () => {
  const { model, root } = drawn({ "": { parts: [["badge", "status_badge"]], below: [] }, badge: BADGE });
  vi.advanceTimersByTime(1001);
  expect(root.firstElementChild?.textContent).toContain("not connected");
  expect(root.querySelector(".nbr-note button")?.textContent).toBe("Reconnect");
  model.hear({ kind: "state", same: true });
  expect(classes(root)).toEqual(["nbr-badge"]);
});
