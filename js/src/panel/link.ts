// A panel's model in the page, synchronized with the kernel's.
//
// Messages that change the state are numbered. The page asks for the whole state, until it comes,
// when a number is missing, a view has just been drawn, or the page was hidden, suspended or offline.

import type { AnyModel } from "@anywidget/types";
import type { Message, Model, Source } from "../core/model.ts";
import { PART, STATE } from "../core/wire.ts";
import { StoredPart, type PartData } from "./stored_part.ts";

type Version = [epoch: string, number: number];
type State = Record<string, Record<string, unknown>>;

interface Whole extends Message {
  version?: Version;
  state?: State;
  same?: boolean;
}

interface PartMessage extends Message {
  part: string;
  data: PartData;
  by: string;
  version?: Version;
}

const isPart = (message: Message): message is PartMessage => message.kind === PART;
const isWhole = (message: Message): message is Whole => message.kind === STATE;

/** Time without an answer after which a view shows that it is not connected. */
export const LATE_MS = 1000;
/**
 * Pauses between questions. They grow, because a busy kernel later answers every question that waits;
 * the end of an outage (connection or kernel restored, page visible again) asks at once.
 */
const AGAIN_MS = [LATE_MS, 2000, 4000, 8000, 16_000, 30_000];
/** Time without a message after which a panel checks for missed ones. */
export const QUIET_MS = 20_000;
/** The same while the kernel follows a run, and sends its time every second. */
export const LIVE_QUIET_MS = 5000;
const TICK_MS = 2500;
/** Time between two ticks after which the page must have been suspended. */
const SLEPT_MS = 15_000;
/** Number of unanswered questions after which a connection that may be broken is opened again. */
const REVIVE_AFTER = 3;

/** Identifies this page, which ignores the echoes of its own changes. */
const PAGE = Math.random().toString(36).slice(2);

export class Link implements Source {
  private readonly stored = new Map<string, StoredPart>();
  private version: Version | null = null;
  private asking = "";
  private asked = 0;
  private timer = 0;
  private heardAt = 0;
  private tickedAt = 0;
  private number = 0;
  private isSilent = false;
  private isLate = false;
  /** The connection may be broken: the network was gone, the page slept, or a live panel fell silent. */
  private isSuspect = false;
  private readonly watchers = new Set<() => void>();
  private revive: () => void = () => undefined;

  constructor(private readonly model: AnyModel) {
    model.on("msg:custom", (message: Message, buffers: DataView[]) => this.hear(message, buffers));
    model.on("change:snapshot", () => this.takeSnapshot());
    this.takeSnapshot();
  }

  /** Whether the kernel has not answered in time. */
  get late(): boolean {
    return this.isLate;
  }

  as<Values extends object>(): Model<Values> {
    return this.part("").as<Values>();
  }

  part(path: string): StoredPart {
    const found = this.stored.get(path) ?? new StoredPart((data) => this.tell(path, data));
    this.stored.set(path, found);
    return found;
  }

  /** Call back when the connection is lost or restored. */
  watch(watcher: () => void, signal: AbortSignal): void {
    this.watchers.add(watcher);
    signal.addEventListener("abort", () => this.watchers.delete(watcher));
  }

  /** Ask for the state until it comes; `silent` shows no notice if that takes long. */
  ask(silent = false): void {
    const isAsking = Boolean(this.asking);
    this.isSilent = silent && (!isAsking || this.isSilent);
    if (!isAsking) this.askAgain();
  }

  /** Ask at once, even if an earlier question has no answer yet. */
  askAgain(): void {
    this.number += 1;
    this.asking = `${PAGE}-${this.number}`;
    this.asked = 0;
    this.askOnce();
  }

  /** Ask after an interruption that a connection may not have survived. */
  private askSuspect(): void {
    this.isSuspect = true;
    this.ask();
  }

  /** Detect that the page was suspended, or has received nothing for long; see TICK_MS. */
  tick(now: number): void {
    const slept = this.tickedAt > 0 && now - this.tickedAt > SLEPT_MS;
    this.tickedAt = now;
    const quiet = now - this.heardAt;
    if (slept || (quiet > LIVE_QUIET_MS && this.isLive())) this.askSuspect();
    else if (quiet > QUIET_MS) this.ask(true);
  }

  /** Whether the kernel follows a run for this panel or one below it. */
  private isLive(path = ""): boolean {
    const model = this.part(path).as<{ live: boolean; below: [string, string][] }>();
    const below = model.get("below") ?? [];
    return Boolean(model.get("live")) || below.some(([name]) => this.isLive(path ? `${path}/${name}` : name));
  }

  /** Maintain the connection while a view exists; `revive` opens the page's connection again. */
  keep(signal: AbortSignal, revive: () => void = () => undefined): void {
    this.revive = revive;
    const timer = window.setInterval(() => this.tick(Date.now()), TICK_MS);
    const again = () => {
      if (!document.hidden) this.ask(true);
    };
    document.addEventListener("visibilitychange", again, { signal });
    for (const event of ["online", "offline"]) {
      window.addEventListener(event, () => this.askSuspect(), { signal });
    }
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      if (!this.watchers.size) this.stopAsking();
    });
    this.heardAt = this.tickedAt = Date.now();
    this.ask();
  }

  private askOnce(): void {
    clearTimeout(this.timer);
    const message = { kind: STATE, id: this.asking, version: this.version };
    try {
      this.model.send(message);
    } catch {
      this.isSilent = false; // its kernel has ended
    }
    const wait = AGAIN_MS[Math.min(this.asked, AGAIN_MS.length - 1)] ?? LATE_MS;
    this.asked += 1;
    this.timer = window.setTimeout(() => {
      if (!this.isSilent) this.setLate(true);
      if (this.isSuspect && this.asked >= REVIVE_AFTER && navigator.onLine) this.revive();
      this.askOnce();
    }, wait);
  }

  private stopAsking(): void {
    clearTimeout(this.timer);
    this.asking = "";
  }

  private hear(message: Message, buffers: DataView[]): void {
    this.heardAt = Date.now();
    this.isSuspect = false;
    if (isPart(message)) this.takePart(message, buffers);
    else if (isWhole(message)) this.takeWhole(message);
    if (!this.asking) this.setLate(false);
  }

  private takePart(message: PartMessage, buffers: DataView[]): void {
    const { part, data, version, by } = message;
    if (version) {
      const [epoch, number] = version;
      const isOurs = this.version?.[0] === epoch;
      const last = isOurs ? this.version![1] : -1;
      if (isOurs && number <= last) return; // already in the state
      if (number === last + 1) this.inStep(version);
      else this.ask();
    }
    if (data.method === "echo_update" && by === PAGE) return;
    this.part(part).take(data, buffers);
  }

  /** The state is complete, so a pending question needs no answer: a busy kernel answers late. */
  private inStep(version: Version): void {
    this.version = version;
    this.stopAsking();
  }

  private takeWhole({ version, state, same }: Whole): void {
    this.stopAsking();
    if (same || !version || !state) return;
    // The first of several answers from a busy kernel has brought it.
    if (this.version?.[0] === version[0] && this.version[1] >= version[1]) return;
    const isFirst = this.version === null;
    this.version = version;
    this.setAll(state);
    // Messages that are not state may be missing, such as lines of a log.
    if (!isFirst) for (const part of this.stored.values()) part.hear({ kind: STATE }, []);
  }

  /** The state that the model was created with, available at once in a reopened page. */
  private takeSnapshot(): void {
    const snapshot: Whole | undefined = this.model.get("snapshot");
    if (!snapshot?.version || !snapshot.state) return;
    this.version = snapshot.version;
    this.setAll(snapshot.state);
  }

  /** Set the panels' own values last, when the parts that they draw are known. */
  private setAll(state: State): void {
    const paths = Object.keys(state).sort((one, other) => other.length - one.length);
    for (const path of paths) this.part(path).set(state[path] ?? {});
  }

  private tell(part: string, data: PartData): void {
    try {
      this.model.send({ kind: PART, part, data, by: PAGE });
    } catch (error) {
      this.ask(); // its kernel has ended, which the panel then shows
      if (data.content?.id !== undefined) throw error; // a caller waits for the answer
    }
  }

  private setLate(late: boolean): void {
    if (late === this.isLate) return;
    this.isLate = late;
    for (const watcher of [...this.watchers]) watcher();
  }
}
