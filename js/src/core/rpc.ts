// Requests to the kernel, each answered by one or more messages with its id.

import type { Hear, Message, Model } from "./model.ts";
import { ACTION, ERROR } from "./wire.ts";

const PATIENCE_MS = 20_000;
/** For requests that may need a bucket or a metadata service. */
export const REMOTE_PATIENCE_MS = 600_000;
// If clicks are delivered only between cells: as long as a cell may take.
const BUSY_PATIENCE_MS = 24 * 3600 * 1000;

type Take = (answer: Message, buffers: DataView[]) => boolean;

interface Waiting {
  take: Take;
  end(): void;
}

interface Failed extends Message {
  text: string;
}

const isError = (answer: Message): answer is Failed => answer.kind === ERROR;

/** A copy of a buffer: a message may be in shared memory, which a Blob does not accept. */
export const blobPart = ({ buffer, byteOffset, byteLength }: DataView): BlobPart =>
  new Uint8Array(buffer, byteOffset, byteLength).slice();

export class Conversation {
  private readonly waiting = new Map<string, Waiting>();
  private readonly view = Math.random().toString(36).slice(2);
  private number = 0;

  /** `other` gets the messages that are not answers to requests. */
  constructor(
    private readonly model: Pick<Model<object>, "send" | "onMessage">,
    signal: AbortSignal,
    other: Hear = () => undefined,
  ) {
    const hear: Hear = (message, buffers) => {
      if (message.id === undefined) other(message, buffers);
      else this.waiting.get(message.id)?.take(message, buffers);
    };
    model.onMessage(hear, signal);
    signal.addEventListener("abort", () => [...this.waiting.values()].forEach(({ end }) => end()));
  }

  /** Send a request that has one answer. */
  async ask<Content extends object>(
    message: object,
    patienceMs = PATIENCE_MS,
  ): Promise<Content & { buffers: DataView[] }> {
    let found: (Content & { buffers: DataView[] }) | undefined;
    const take: Take = (answer, buffers) => {
      const content: object = answer;
      found = { ...(content as Content), buffers };
      return true;
    };
    await this.askAll(message, take, patienceMs);
    if (!found) throw new Error("no answer");
    return found;
  }

  /** Request an action; the answer comes when it has been queued. */
  act(name: string, key = ""): Promise<unknown> {
    return this.ask({ kind: ACTION, name, key }, BUSY_PATIENCE_MS);
  }

  /** Send a request; `take` gets each answer, and returns whether it was the last. */
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
        if (isError(answer)) {
          end();
          reject(new Error(answer.text));
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
        end(); // its kernel has ended
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }
}
