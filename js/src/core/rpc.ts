// Requests to the kernel, each answered by one or more messages with its id.

import { on, type Model } from "./adapter.ts";
import { ACTION, ERROR } from "./wire.ts";

export interface Answer {
  kind: string;
  id?: string;
}

const PATIENCE_MS = 20_000;
/** For what a bucket or a metadata service may have to be asked. */
export const REMOTE_PATIENCE_MS = 600_000;
// Where clicks are delivered only between cells, as long as a cell may take.
const BUSY_PATIENCE_MS = 24 * 3600 * 1000;

type Take = (answer: Answer, buffers: DataView[]) => boolean;

interface Waiting {
  take: Take;
  end(): void;
}

export class Conversation {
  private readonly waiting = new Map<string, Waiting>();
  private readonly view = Math.random().toString(36).slice(2);
  private number = 0;

  /** `other` is given what is no answer to a request of this view. */
  constructor(
    private readonly model: Model<never>,
    signal: AbortSignal,
    other: (message: Answer, buffers: DataView[]) => void = () => undefined,
  ) {
    const hear = (message: Answer, buffers: DataView[]) => {
      if (message.id === undefined) other(message, buffers);
      else this.waiting.get(message.id)?.take(message, buffers);
    };
    on(model, "msg:custom", hear as never, signal);
    signal.addEventListener("abort", () => [...this.waiting.values()].forEach(({ end }) => end()));
  }

  /** Send a request that has one answer. */
  async ask<Content extends object>(
    message: object,
    patienceMs = PATIENCE_MS,
  ): Promise<Content & { buffers: DataView[] }> {
    let found: (Content & { buffers: DataView[] }) | undefined;
    await this.askAll(message, (answer, buffers) => {
      found = { ...(answer as unknown as Content), buffers };
      return true;
    }, patienceMs);
    if (!found) throw new Error("no answer");
    return found;
  }

  /** Have an action begun; answered once it has been handed over. */
  act(name: string, key = ""): Promise<unknown> {
    return this.ask({ kind: ACTION, name, key }, BUSY_PATIENCE_MS);
  }

  /** Send a request; `take` is given each answer, until it says that it was the last. */
  askAll(message: object, take: Take, patienceMs = PATIENCE_MS): Promise<void> {
    const id = `${this.view}-${(this.number += 1)}`;
    return new Promise((resolve, reject) => {
      let timer = 0;
      const end = () => {
        clearTimeout(timer);
        this.waiting.delete(id);
      };
      const wait = () => {
        clearTimeout(timer);
        timer = window.setTimeout(() => {
          end();
          reject(new Error("the kernel did not answer"));
        }, patienceMs);
      };
      const heard: Take = (answer, buffers) => {
        if (answer.kind === ERROR) {
          end();
          reject(new Error((answer as Answer & { text: string }).text));
          return true;
        }
        if (take(answer, buffers)) {
          end();
          resolve();
          return true;
        }
        wait();
        return false;
      };
      this.waiting.set(id, { take: heard, end });
      wait();
      try {
        this.model.send({ ...message, id });
      } catch (error) {
        end(); // its kernel is gone
        reject(error as Error);
      }
    });
  }
}
