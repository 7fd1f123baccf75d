// ipywidgets' model behind the one that anywidget provides, and its comm.

import type { AnyModel } from "@anywidget/types";

/** A comm of ipywidgets. */
export interface Comm {
  comm_id: string;
  /** JupyterLab's comm, which is disposed with the connection to its kernel. */
  jsServicesComm?: { isDisposed: boolean };
  open(data: object, callbacks?: object, metadata?: object): unknown;
  send(data: object, callbacks?: object, metadata?: object, buffers?: unknown[]): unknown;
  on_msg(hear: (message: CommMessage) => unknown): void;
  on_close(closed: (message: unknown) => unknown): void;
  close(): unknown;
}

export interface CommMessage {
  content: { data: { method?: string; content?: object } };
}

/** JupyterLab's connection to the kernel, if the front end has one. */
export interface Kernel {
  status: string;
  /** Whether the kernel was shut down: the connection is not restored. */
  isDisposed?: boolean;
  connectionStatus: string;
  iopubMessage: Signal<{ header: { msg_type: string }; content: Record<string, unknown> }>;
  statusChanged: Signal<string>;
  connectionStatusChanged: Signal<string>;
  reconnect(): Promise<void>;
  requestExecute(content: object): { done: Promise<{ content: { status: string; evalue?: string } }> };
}

export interface Signal<Value> {
  connect(slot: (sender: unknown, value: Value) => void): boolean;
  disconnect(slot: (sender: unknown, value: Value) => void): boolean;
}

export interface Manager {
  /** The current kernel of the notebook. */
  kernel?: Kernel | null;
  context?: { sessionContext?: { kernelChanged?: Signal<unknown> } };
  get_model?(id: string): Promise<LiveModel> | undefined;
  _create_comm?(target: string, id: string): Promise<Comm>;
}

export interface LiveModel extends AnyModel {
  comm?: Comm;
  comm_live: boolean;
  _handle_comm_msg(message: CommMessage): Promise<void>;
  _handle_comm_closed(message: unknown): void;
}

export const managerOf = (model: AnyModel): Manager => (model.widget_manager ?? {}) as Manager;

/**
 * Whether a model's kernel is gone.
 *
 * ipywidgets marks its models when a kernel restarts, but not when a notebook gets another kernel.
 */
export const isCutOff = (live: LiveModel): boolean =>
  !live.comm_live || (live.comm?.jsServicesComm?.isDisposed ?? false);

/** Return ipywidgets' model with its comm; null if the front end does not use ipywidgets. */
export async function liveModel(model: AnyModel): Promise<LiveModel | null> {
  try {
    const found = await managerOf(model).get_model?.(model.get("own_id"));
    return found?.comm?.on_msg && "_handle_comm_msg" in found ? found : null;
  } catch {
    return null; // the model was closed in the meantime
  }
}

/**
 * Deliver messages to a model even if its page was slow.
 *
 * In anywidget each message waits until the model is ready, which is rejected permanently 2 s after
 * the model's creation (`Runtime.ready`): a model of a page that was busy would receive no messages
 * any more. When this runs the model is ready, so messages go to ipywidgets' own method.
 */
export async function openGate(model: AnyModel): Promise<LiveModel | null> {
  const live = await liveModel(model);
  if (!live) return null;
  const anywidgets: unknown = Object.getPrototypeOf(live);
  const ipywidgets: unknown = Object.getPrototypeOf(anywidgets);
  if (isHandler(ipywidgets)) {
    live._handle_comm_msg = ipywidgets._handle_comm_msg;
    hearOn(live, live.comm);
  }
  return live;
}

function isHandler(value: unknown): value is Pick<LiveModel, "_handle_comm_msg"> {
  return typeof value === "object" && value !== null && "_handle_comm_msg" in value;
}

/** Deliver the messages of a comm to a model. */
export function hearOn(live: LiveModel, comm: Comm | undefined): void {
  comm?.on_msg((message) => live._handle_comm_msg(message));
}
