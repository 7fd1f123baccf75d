import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Link, LATE_MS, LIVE_QUIET_MS, QUIET_MS } from "./link.ts";

interface Sent {
  kind: string;
  id: string;
  version: [string, number] | null;
}

/** A model like anywidget's; the test acts as the kernel. */
function modelOf(snapshot: object = {}) {
  const listeners = new Map<string, (...given: any[]) => void>();
  const sent: Sent[] = [];
  return {
    sent,
    hear: (message: object) => listeners.get("msg:custom")?.(message, []),
    get: (name: string) => (name === "snapshot" ? snapshot : undefined),
    set: () => undefined,
    save_changes: () => undefined,
    send: (content: Sent) => void sent.push(content),
    on: (name: string, listener: (...given: any[]) => void) => void listeners.set(name, listener),
    off: () => undefined,
    widget_manager: { get_model: () => Promise.reject(new Error("not ipywidgets")) },
  };
}

const whole = (number: number, status: string) => ({
  kind: "state",
  version: ["k", number],
  state: { "": { parts: [["badge", "status_badge"]] }, badge: { status } },
});
const change = (number: number, state: object, more: object = {}) => ({
  kind: "part",
  part: "badge",
  by: "",
  version: ["k", number],
  data: { method: "update", state },
  ...more,
});

let controller: AbortController;
beforeEach(() => {
  vi.useFakeTimers();
  controller = new AbortController();
});
afterEach(() => {
  controller.abort();
  vi.useRealTimers();
});

const revive = vi.fn();

function drawn(snapshot?: object) {
  revive.mockClear();
  const model = modelOf(snapshot);
  const link = new Link(model);
  const badge = link.part("badge").as<{ status: string }>();
  const late: boolean[] = [];
  link.watch(() => late.push(link.late), controller.signal);
  link.keep(controller.signal, revive);
  return { model, link, badge, late, status: () => badge.get("status") };
}

test("a view that is drawn asks, and shows what the model came with meanwhile", () => {
  const { model, status } = drawn(whole(3, "running"));
  expect(model.sent).toEqual([{ kind: "state", id: expect.anything(), version: ["k", 3] }]);
  expect(status()).toBe("running");
  model.hear(whole(4, "failed"));
  expect(status()).toBe("failed");
});

test("where no answer comes that is told in a second, and asked again until one does", () => {
  const { model, late, status } = drawn();
  vi.advanceTimersByTime(LATE_MS - 1);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual([true]);
  vi.advanceTimersByTime(60_000);
  expect(model.sent).toHaveLength(7); // after 0, 1, 3, 7, 15, 31, 61 s
  vi.advanceTimersByTime(60_000);
  expect(model.sent).toHaveLength(9); // and every 30 s
  model.hear(whole(1, "successful"));
  expect([late, status()]).toEqual([[true, false], "successful"]);
  const asked = model.sent.length;
  vi.advanceTimersByTime(10_000);
  expect(model.sent.length).toBe(asked);
});

test("a kernel that tells what comes next, but answers nothing, is in touch", () => {
  const { model, late, status } = drawn(whole(3, "starting"));
  vi.advanceTimersByTime(LATE_MS);
  model.hear(change(4, { status: "running" }));
  expect([late, status()]).toEqual([[true, false], "running"]);
  vi.advanceTimersByTime(10_000);
  expect(late).toEqual([true, false]);
});

test("a number that is missed has the whole asked for; what comes meanwhile is shown", () => {
  const { model, status } = drawn();
  model.hear(whole(1, "starting"));
  model.hear(change(2, { status: "running" }));
  expect([status(), model.sent.length]).toEqual(["running", 1]);
  model.hear(change(5, { status: "stopped" }));
  expect([status(), model.sent.length]).toEqual(["stopped", 2]);
  model.hear(whole(6, "failed"));
  model.hear(change(6, { status: "stopped" })); // already in the state
  expect(status()).toBe("failed");
});

test("many messages behind a gap have the whole asked for once", () => {
  const { model } = drawn();
  model.hear(whole(1, "starting"));
  for (let number = 5; number < 50; number += 1) model.hear(change(number, {}));
  expect(model.sent).toHaveLength(2);
});

test("after a gap the parts are told that messages may be missing, and not at first", () => {
  const { model, link } = drawn();
  const kinds: string[] = [];
  const signal = controller.signal;
  link.part("badge").as().onMessage(({ kind }) => kinds.push(kind), signal);
  model.hear(whole(1, "running"));
  expect(kinds).toEqual([]);
  model.hear(change(9, {}));
  model.hear(whole(9, "running"));
  expect(kinds).toEqual(["state"]);
});

test("of several answers with the same number, one is taken", () => {
  const { model, link, badge } = drawn();
  const kinds: string[] = [];
  const seen: string[] = [];
  const signal = controller.signal;
  link.part("badge").as().onMessage(({ kind }) => kinds.push(kind), signal);
  badge.onChange("status", () => seen.push(badge.get("status")), signal);
  model.hear(whole(1, "starting"));
  vi.advanceTimersByTime(60_000);
  link.ask();
  for (let count = 0; count < 5; count += 1) model.hear(whole(4, "running"));
  expect([kinds, seen]).toEqual([["state"], ["starting", "running"]]);
});

test("an answer to an earlier question takes nothing back", () => {
  const { model, status } = drawn();
  model.hear(whole(3, "running"));
  model.hear(change(4, { status: "failed" }));
  model.hear(whole(3, "running"));
  expect(status()).toBe("failed");
});

test("another kernel counts from its own beginning", () => {
  const { model, status } = drawn();
  model.hear(whole(70, "running"));
  model.hear({ ...whole(1, "failed"), version: ["other", 1] });
  expect(status()).toBe("failed");
  model.hear({ ...change(2, { status: "stopped" }), version: ["other", 2] });
  expect(status()).toBe("stopped");
});

test("one's own change is not heeded when it comes back, somebody else's is", () => {
  const { model, badge, status } = drawn(whole(1, "a"));
  badge.give({ status: "typed" });
  const { by } = model.sent.at(-1) as Sent & { by: string };
  badge.give({ status: "typed more" });
  model.hear(change(2, {}, { data: { method: "echo_update", state: { status: "typed" } }, by }));
  expect(status()).toBe("typed more");
  model.hear(change(3, {}, { data: { method: "echo_update", state: { status: "x" } }, by: "other" }));
  expect(status()).toBe("x");
});

test("an answer to a request reaches its part, whatever was missed", () => {
  const { model, link } = drawn();
  const heard: unknown[] = [];
  link.part("log").as().onMessage((message) => heard.push(message), controller.signal);
  model.hear({ kind: "part", part: "log", by: "", data: { method: "custom", content: { kind: "window", id: "1" } } });
  expect(heard).toEqual([{ kind: "window", id: "1" }]);
});

test("a laptop that wakes asks, and so does a panel that has long heard nothing", () => {
  const { model, link } = drawn();
  model.hear(whole(1, "running"));
  const now = Date.now();
  link.tick(now + 1000);
  expect(model.sent).toHaveLength(1);
  link.tick(now + 600_000);
  expect(model.sent).toHaveLength(2);
  model.hear({ kind: "state", same: true });
  link.tick(now + 601_000 + QUIET_MS);
  expect(model.sent.length).toBeGreaterThan(2);
});

test("a network that is back has the state asked for", () => {
  const { model } = drawn();
  model.hear(whole(1, "running"));
  window.dispatchEvent(new Event("online"));
  expect(model.sent).toHaveLength(2);
});

/** A panel with one below it, which is live or not. */
const nested = (number: number, live: boolean) => ({
  kind: "state",
  version: ["k", number],
  state: { "": { below: [["below1", "panel"]], live: false }, below1: { live } },
});

test("a live panel shows a lost connection within seconds; an idle panel shows nothing", () => {
  const { model, late } = drawn();
  model.hear(nested(1, false));
  vi.advanceTimersByTime(QUIET_MS - 1000);
  expect([late, model.sent.length]).toEqual([[], 1]);
  model.hear(nested(2, true));
  vi.advanceTimersByTime(2 * LIVE_QUIET_MS);
  expect(late).toEqual([true]);
  model.hear(nested(3, false));
  vi.advanceTimersByTime(LIVE_QUIET_MS);
  expect(late).toEqual([true, false]);
});

test("a suspect connection is reopened; the connection to a slow kernel is kept", () => {
  const { model } = drawn();
  vi.advanceTimersByTime(60_000);
  expect(revive).not.toHaveBeenCalled();
  model.hear(whole(1, "running"));
  window.dispatchEvent(new Event("online"));
  vi.advanceTimersByTime(2000);
  expect(revive).not.toHaveBeenCalled();
  vi.advanceTimersByTime(8000);
  expect(revive).toHaveBeenCalledOnce();
});

test("a change that cannot be sent has the panel ask, and a request fails", () => {
  const { model, link, badge } = drawn(whole(1, "running"));
  model.hear({ kind: "state", same: true });
  model.send = () => {
    throw new Error("Cannot send");
  };
  badge.give({ status: "typed" });
  expect(() => link.part("log").as().send({ kind: "window", id: "1" })).toThrow("Cannot send");
  vi.advanceTimersByTime(LATE_MS);
  expect(link.late).toBe(true);
});
