// The connection of a panel to its kernel, and to the next one after a restart.

import type { AnyModel } from "@anywidget/types";
import type { Message } from "../core/model.ts";
import { ERROR, TAKE_UP } from "../core/wire.ts";
import { hearOn, isCutOff, liveModel, managerOf, type Kernel, type LiveModel } from "./live_model.ts";

export const AS_IT_WAS = "This is its last known state.";
const NOT_LOADED = "nbrunner is not loaded in the new kernel";
const OPENING_MS = 10_000;
/** Minimum time between two automatic reconnects. */
const REVIVE_MS = 60_000;

export interface Notices {
  /** The notice may have changed. */
  changed(): void;
  /** The panel is connected to another kernel. */
  back(): void;
  /** Messages may have been missed. */
  ask(): void;
}

export interface Life {
  readonly isGone: boolean;
  /** Why the panel is out of touch; empty where it is not. */
  why(late: boolean): string;
  /** Connect to the kernel again, as the user has asked for. */
  reconnect(): Promise<void>;
  /** Open the page's connection again: it may be broken without the page having noticed. */
  revive(): void;
}

/** Return why a panel is out of touch with a kernel that is there, but has not answered. */
export function whyLate(
  kernel: Pick<Kernel, "status" | "connectionStatus"> | null,
): string {
  if (!navigator.onLine || (kernel && kernel.connectionStatus !== "connected")) {
    return `The page has lost its connection to the Jupyter server. ${AS_IT_WAS}`;
  }
  if (kernel?.status === "busy") {
    return `The kernel is busy and has not answered yet. ${AS_IT_WAS}`;
  }
  return `The kernel has not answered yet: it, or this page, may be slow. ${AS_IT_WAS}`;
}

const hasEnded = ({ status, isDisposed }: Pick<Kernel, "status" | "isDisposed">): boolean =>
  isDisposed || status === "dead";

/**
 * Return the notice of a panel whose kernel is gone.
 *
 * `why` is the reason of a failed reconnect; `next` is the notebook's kernel.
 */
export function whyGone(
  origin: Record<string, unknown>,
  why: string,
  next: Pick<Kernel, "status" | "isDisposed"> | null,
): string {
  const gone = `The kernel of this panel is gone; its runs continue. ${AS_IT_WAS}`;
  if (!origin["kind"]) return `${gone} Run the cell again in the new kernel.`;
  if (!next || hasEnded(next)) return `${gone} To continue here, start a kernel and press Reconnect.`;
  const tried = why ? ` (${why})` : "";
  return `${gone}${tried} To continue here, press Reconnect or run %load_ext nbrunner in the new kernel.`;
}

/** Watch a panel's kernel; null if the front end does not use ipywidgets' manager. */
export async function whenAlive(
  model: AnyModel,
  notices: Notices,
  signal: AbortSignal,
): Promise<Life | null> {
  const live = await liveModel(model);
  if (!live || signal.aborted) return null;
  return new Watched(live, notices, signal);
}

class Watched implements Life {
  /** The panels of the page: when one has loaded the extension, all of them reconnect. */
  private static readonly all = new Set<Watched>();
  private static readonly revived = new WeakMap<Kernel, number>();
  private failed = "";
  private watching = new AbortController();

  constructor(
    private readonly live: LiveModel,
    private readonly notices: Notices,
    signal: AbortSignal,
  ) {
    const lives = () => {
      if (!this.isGone) this.failed = "";
      if (this.isGone) notices.changed();
      else notices.back();
    };
    live.on("comm_live_update", lives);
    const changed = managerOf(live).context?.sessionContext?.kernelChanged;
    const replaced = () => this.replaced();
    changed?.connect(replaced);
    this.watch();
    Watched.all.add(this);
    signal.addEventListener("abort", () => {
      live.off("comm_live_update", lives);
      changed?.disconnect(replaced);
      this.watching.abort();
      Watched.all.delete(this);
    });
  }

  /** The notebook's kernel, which may be another than the panel's. */
  private get kernel(): Kernel | null {
    return managerOf(this.live).kernel ?? null;
  }

  get isGone(): boolean {
    return isCutOff(this.live);
  }

  why(late: boolean): string {
    if (this.isGone) return whyGone(this.live.get("origin") ?? {}, this.failed, this.kernel);
    return late ? whyLate(this.kernel) : "";
  }

  async reconnect(): Promise<void> {
    const kernel = this.kernel;
    if (!this.isGone) {
      this.notices.ask();
      // Also if it seems to be connected: a browser may notice a broken network only after minutes.
      if (kernel && !hasEnded(kernel)) await kernel.reconnect();
      return this.notices.ask();
    }
    this.failed = await takenUp(this.live);
    if (this.failed === NOT_LOADED && kernel) {
      this.failed = await loaded(kernel);
      if (!this.failed) {
        const others = [...Watched.all].filter((each) => each.isGone && each.kernel === kernel);
        await Promise.all(others.map((each) => each.follow()));
      }
    }
    return this.notices.changed();
  }

  revive(): void {
    const kernel = this.kernel;
    if (this.isGone || !kernel || hasEnded(kernel) || kernel.connectionStatus !== "connected") return;
    const last = Watched.revived.get(kernel) ?? -Infinity;
    if (Date.now() - last < REVIVE_MS) return;
    Watched.revived.set(kernel, Date.now());
    // Its outcome is a change of the connection's status, which `watch` hears.
    kernel.reconnect().catch(() => undefined);
  }

  /** The notebook has another kernel, or none. */
  private replaced(): void {
    this.failed = "";
    this.watch();
    this.notices.changed();
  }

  /** Watch the kernel for a cell that may have loaded the extension, and for a restored connection. */
  private watch(): void {
    this.watching.abort();
    this.watching = new AbortController();
    const kernel = this.kernel;
    if (!kernel) return;
    let isLoading = false;
    const hear = (_: unknown, { header, content }: IopubMessage) => {
      if (header.msg_type === "execute_input") isLoading ||= String(content["code"]).includes("nbrunner");
    };
    const turn = (_: unknown, status: string) => {
      if (this.isGone) this.notices.changed();
      if (status !== "idle" || !isLoading) return;
      isLoading = false;
      if (this.isGone) void this.follow();
    };
    const connect = () => this.notices.ask();
    kernel.iopubMessage.connect(hear);
    kernel.statusChanged.connect(turn);
    kernel.connectionStatusChanged.connect(connect);
    this.watching.signal.addEventListener("abort", () => {
      kernel.iopubMessage.disconnect(hear);
      kernel.statusChanged.disconnect(turn);
      kernel.connectionStatusChanged.disconnect(connect);
    });
  }

  private async follow(): Promise<void> {
    this.failed = await takenUp(this.live);
    this.notices.changed();
  }
}

interface IopubMessage {
  header: { msg_type: string };
  content: Record<string, unknown>;
}

/** Reconnects in progress: several views of a model share one. */
const TAKING_UP = new WeakMap<LiveModel, Promise<string>>();

/** Connect a panel to the current kernel; return why that failed, or an empty string. */
function takenUp(live: LiveModel): Promise<string> {
  const found = TAKING_UP.get(live);
  if (found) return found;
  const taking = opened(live).catch(String).finally(() => TAKING_UP.delete(live));
  TAKING_UP.set(live, taking);
  return taking;
}

async function opened(live: LiveModel): Promise<string> {
  if (!isCutOff(live)) return "";
  const comm = await managerOf(live)._create_comm?.(TAKE_UP, live.get("own_id"));
  if (!comm) return "this front end opens no comms";
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve("it has not answered");
      comm.close();
    }, OPENING_MS);
    const end = (why: string) => {
      clearTimeout(timer);
      resolve(why);
    };
    comm.on_close(() => end(NOT_LOADED));
    comm.on_msg((message) => {
      const content = message.content.data.content;
      if (content && isRefusal(content)) {
        end(content.text);
        return void comm.close(); // which also triggers on_close
      }
      live.comm = comm;
      hearOn(live, comm);
      comm.on_close((closed) => live._handle_comm_closed(closed));
      live.comm_live = true;
      end("");
      return live._handle_comm_msg(message);
    });
    comm.open({ origin: live.get("origin") });
  });
}

const isRefusal = (content: object): content is Message & { text: string } =>
  "kind" in content && content.kind === ERROR;

/** Load the extension in a kernel; return why that failed, or an empty string. */
async function loaded(kernel: Kernel): Promise<string> {
  const request = { code: "%load_ext nbrunner", silent: true, store_history: false, allow_stdin: false };
  const { content } = await kernel.requestExecute(request).done;
  return content.status === "ok" ? "" : `%load_ext nbrunner failed: ${content.evalue ?? content.status}`;
}
