import { logView, type LogRequests, type LogValues } from "../log/component.ts";
import type { Line } from "../log/window_cache.ts";
import { copyText } from "../shared/dom.ts";
import { on, renderer, type Model } from "../shared/adapter.ts";
import { COPY, DOWNLOAD, LINE, MATCH, TAIL, WINDOW } from "../shared/wire.ts";

const NAMES = [
  "name", "total", "lines", "ended", "steps", "step", "stream", "query",
  "follow", "wrap", "revision", "matches", "counting", "current",
] as const;

interface Answer {
  kind: string;
  id?: string;
  start: number;
  lines: Line[];
  revision: number;
  line: number;
  text: string;
  name: string;
  done: boolean;
  cut: boolean;
}

const PATIENCE_MS = 20_000;

/** Requests to the kernel, each answered by a message with its id. */
class Conversation {
  private waiting = new Map<string, (answer: Answer, buffers: DataView[]) => boolean>();
  private number = 0;
  private readonly view = Math.random().toString(36).slice(2);

  constructor(private readonly model: Model<LogValues>) {}

  /** Send a request; `take` is given each answer, until it says that it was the last. */
  ask(message: object, take: (answer: Answer, buffers: DataView[]) => boolean): Promise<void> {
    const id = `${this.view}-${(this.number += 1)}`;
    return new Promise((resolve, reject) => {
      let timer = 0;
      const wait = () => {
        clearTimeout(timer);
        timer = window.setTimeout(() => {
          this.waiting.delete(id);
          reject(new Error("the kernel did not answer"));
        }, PATIENCE_MS);
      };
      wait();
      this.waiting.set(id, (answer, buffers) => {
        wait();
        if (!take(answer, buffers)) return false;
        clearTimeout(timer);
        resolve();
        return true;
      });
      this.model.send({ ...message, id });
    });
  }

  heard(answer: Answer, buffers: DataView[]): void {
    const take = answer.id === undefined ? undefined : this.waiting.get(answer.id);
    if (take?.(answer, buffers)) this.waiting.delete(answer.id ?? "");
  }
}

function save(name: string, parts: BlobPart[]): void {
  const url = URL.createObjectURL(new Blob(parts, { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

export default {
  render: renderer<LogValues>(NAMES, (model, signal) => {
    const talk = new Conversation(model);
    const requests: LogRequests = {
      window: (start, stop, revision) =>
        talk
          .ask({ kind: WINDOW, start, stop, revision }, (answer) => {
            component.take(answer.start, answer.lines, answer.revision);
            return true;
          })
          .catch(() => undefined), // asked again when it comes into sight
      match: async (index, revision) => {
        let line = -1;
        await talk.ask({ kind: MATCH, index, revision }, (answer) => {
          line = answer.revision === revision ? answer.line : -1;
          return true;
        });
        return line;
      },
      whole: async (number, revision) => {
        let text = "";
        await talk.ask({ kind: LINE, number, revision }, (answer) => {
          text = answer.text;
          return true;
        });
        return text;
      },
      download: async () => {
        const parts: BlobPart[] = [];
        await talk.ask({ kind: DOWNLOAD }, (answer, buffers) => {
          parts.push(...(buffers as unknown as BlobPart[]));
          if (answer.done) save(answer.name, parts);
          return answer.done;
        });
      },
      copy: async () => {
        let text = "";
        await talk.ask({ kind: COPY }, (answer) => {
          text = answer.text;
          return true;
        });
        return copyText(text);
      },
      set: (values) => {
        for (const [name, value] of Object.entries(values)) model.set(name as never, value as never);
        model.save_changes();
      },
    };
    const component = logView(requests, signal);
    on(
      model,
      "msg:custom",
      ((answer: Answer, buffers: DataView[]) => {
        if (answer.kind === TAIL) component.take(answer.start, answer.lines, answer.revision);
        else talk.heard(answer, buffers);
      }) as never,
      signal,
    );
    return component;
  }),
};
