import { afterEach, expect, test, vi } from "vitest";
import type { AnyModel } from "@anywidget/types";
import type { CommMessage } from "./live_model.ts";
import { whenAlive, whyGone, whyLate } from "./life.ts";

const ORIGIN = { kind: "run", run: "2026-1" };

/** ipywidgets' model and manager, with a kernel whose answers `opened` gives. */
function page(opened: (comm: FakeComm, data: object) => void) {
  const listeners = new Map<string, (...given: any[]) => void>();
  const slots: Record<string, (sender: unknown, value: any) => void> = {};
  const signalOf = (name: string) => ({
    connect: (slot: (sender: unknown, value: any) => void) => Boolean((slots[name] = slot)),
    disconnect: () => delete slots[name],
  });
  const executed: string[] = [];
  const kernel = {
    status: "idle",
    connectionStatus: "connected",
    iopubMessage: signalOf("iopub"),
    statusChanged: signalOf("status"),
    connectionStatusChanged: signalOf("connection"),
    reconnect: vi.fn(async () => undefined),
    requestExecute: ({ code }: { code: string }) => {
      executed.push(code);
      return { done: Promise.resolve({ content: { status: "ok" } }) };
    },
  };
  const heard: CommMessage[] = [];
  const manager = {
    kernel: kernel as typeof kernel | null,
    context: { sessionContext: { kernelChanged: signalOf("changed") } },
    get_model: async () => model,
    _create_comm: async (target: string, id: string) => new FakeComm(target, id, opened),
  };
  let lives = true;
  const model: AnyModel & Record<string, unknown> = {
    get: (name: string) => ({ own_id: "id", origin: ORIGIN })[name],
    set: () => undefined,
    save_changes: () => undefined,
    send: () => undefined,
    on(name: string, listener: (...given: any[]) => void) {
      listeners.set(name, listener);
    },
    off: () => undefined,
    comm: new FakeComm("jupyter.widget", "id", () => undefined),
    get comm_live() {
      return lives;
    },
    set comm_live(value: boolean) {
      lives = value;
      listeners.get("comm_live_update")?.();
    },
    _handle_comm_msg: async (message: CommMessage) => void heard.push(message),
    _handle_comm_closed: () => undefined,
    widget_manager: manager as unknown as AnyModel["widget_manager"],
  };
  return { model, kernel, manager, executed, heard, slots };
}

class FakeComm {
  hear: (message: CommMessage) => unknown = () => undefined;
  closed: (message: unknown) => unknown = () => undefined;
  constructor(
    readonly target: string,
    readonly comm_id: string,
    private readonly opened: (comm: FakeComm, data: object) => void,
  ) {}
  open = (data: object) => this.opened(this, data);
  send = () => undefined;
  close = () => this.closed({}); // like JupyterLab's
  on_msg = (hear: (message: CommMessage) => unknown) => void (this.hear = hear);
  on_close = (closed: (message: unknown) => unknown) => void (this.closed = closed);
}

const told = (content: object): CommMessage => ({ content: { data: { method: "custom", content } } });
const accept = (comm: FakeComm) => void comm.hear(told({ kind: "state" }));

const controller = new AbortController();
afterEach(() => vi.restoreAllMocks());

async function watched(opened: (comm: FakeComm, data: object) => void) {
  const made = page(opened);
  const notices = { changed: vi.fn(), back: vi.fn(), ask: vi.fn() };
  const life = (await whenAlive(made.model, notices, controller.signal))!;
  return { ...made, notices, life };
}

test("a panel shows that its kernel was restarted, and Reconnect connects it to the new one", async () => {
  const asked: object[] = [];
  const { model, life, notices, heard } = await watched((comm, data) => {
    asked.push([comm.target, comm.comm_id, data]);
    accept(comm);
  });
  expect(life.why(false)).toBe("");
  model["comm_live"] = false;
  expect([life.isGone, notices.changed.mock.calls.length]).toEqual([true, 1]);
  expect(life.why(false)).toContain("%load_ext nbrunner in the new kernel");
  await life.reconnect();
  expect(asked).toEqual([["nbrunner.panel", "id", { origin: ORIGIN }]]);
  expect([life.isGone, life.why(false), notices.back.mock.calls.length]).toEqual([false, "", 1]);
  expect(heard).toHaveLength(1);
});

test("Reconnect loads the extension where the new kernel has not got it", async () => {
  let tries = 0;
  const { model, life, executed } = await watched((comm) => {
    tries += 1;
    if (tries === 1) comm.closed({}); // the target is not registered
    else accept(comm);
  });
  model["comm_live"] = false;
  await life.reconnect();
  expect([executed, tries, life.isGone]).toEqual([["%load_ext nbrunner"], 2, false]);
});

test("a panel reconnects after a cell that loads the extension", async () => {
  const { model, life, slots } = await watched(accept);
  model["comm_live"] = false;
  slots["iopub"]?.(null, { header: { msg_type: "execute_input" }, content: { code: "1 + 1" } });
  slots["status"]?.(null, "idle");
  await Promise.resolve();
  expect(life.isGone).toBe(true);
  slots["iopub"]?.(null, { header: { msg_type: "execute_input" }, content: { code: "%load_ext nbrunner" } });
  slots["status"]?.(null, "busy");
  expect(life.isGone).toBe(true);
  slots["status"]?.(null, "idle");
  await vi.waitFor(() => expect(life.isGone).toBe(false));
});

test("why the new kernel cannot show the panel is told in it", async () => {
  const refuse = (comm: FakeComm) => void comm.hear(told({ kind: "error", text: "no run '2026-1'" }));
  const { model, life } = await watched(refuse);
  model["comm_live"] = false;
  await life.reconnect();
  expect(life.why(false)).toContain("no run '2026-1'");
});

test("Reconnect opens the connection again, also one that seems to be there", async () => {
  const { kernel, life, notices } = await watched(accept);
  await life.reconnect();
  expect(kernel.reconnect).toHaveBeenCalledOnce();
  expect(notices.ask).toHaveBeenCalled();
  kernel.connectionStatus = "connecting";
  await life.reconnect();
  expect(kernel.reconnect).toHaveBeenCalledTimes(2);
});

test("a connection is opened again once, whichever panels find it silent", async () => {
  const { kernel, life } = await watched(accept);
  for (let count = 0; count < 3; count += 1) life.revive();
  expect(kernel.reconnect).toHaveBeenCalledOnce();
  const other = await watched(accept);
  other.kernel.connectionStatus = "connecting"; // JupyterLab is at it
  other.life.revive();
  expect(other.kernel.reconnect).not.toHaveBeenCalled();
});

test("a notebook that gets another kernel has its panels connected to that", async () => {
  const { model, kernel, life, notices, slots, manager } = await watched(accept);
  Object.assign(model["comm"] as object, { jsServicesComm: { isDisposed: true } });
  manager.kernel = null;
  slots["changed"]?.(null, {});
  expect(notices.changed).toHaveBeenCalled();
  expect(life.why(false)).toContain("start a kernel");
  manager.kernel = { ...kernel };
  slots["changed"]?.(null, {});
  expect(life.why(false)).toContain("%load_ext nbrunner in the new kernel");
  slots["iopub"]?.(null, { header: { msg_type: "execute_input" }, content: { code: "%load_ext nbrunner" } });
  slots["status"]?.(null, "idle");
  await vi.waitFor(() => expect(life.isGone).toBe(false));
  expect(notices.back).toHaveBeenCalled();
});

test("Reconnect does not reconnect to a kernel that was shut down", async () => {
  const { model, kernel } = page(() => undefined);
  const ask = vi.fn();
  const life = await whenAlive(model, { changed: vi.fn(), back: vi.fn(), ask }, new AbortController().signal);
  Object.assign(kernel, { isDisposed: true, connectionStatus: "disconnected" });
  await life?.reconnect();
  expect(kernel.reconnect).not.toHaveBeenCalled();
  expect(ask).toHaveBeenCalled();
});

test("what a panel says depends on what is the matter", () => {
  expect(whyLate({ status: "idle", connectionStatus: "connecting" })).toContain("connection");
  expect(whyLate({ status: "busy", connectionStatus: "connected" })).toContain("kernel is busy");
  expect(whyLate({ status: "idle", connectionStatus: "connected" })).toContain("slow");
  expect(whyLate(null)).toContain("slow");
  for (const ended of [{ status: "dead" }, { status: "unknown", isDisposed: true }, null]) {
    expect(whyGone(ORIGIN, "", ended)).toContain("start a kernel");
  }
  expect(whyGone({}, "", { status: "idle" })).toContain("Run the cell again");
});
