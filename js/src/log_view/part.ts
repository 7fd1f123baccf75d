import { logView } from "./component.ts";
import type { LogRequests, LogValues } from "./types.ts";
import type { Line } from "./window_cache.ts";
import { part } from "../core/adapter.ts";
import type { Message } from "../core/model.ts";
import { blobPart, Conversation } from "../core/rpc.ts";
import { copyText } from "../core/dom.ts";
import { COPY, DOWNLOAD, LINE, MATCH, STATE, TAIL, WINDOW } from "../core/wire.ts";

const NAMES = [
  "name", "total", "lines", "ended", "steps", "step", "stream", "query",
  "follow", "wrap", "revision", "matches", "counting", "current",
] as const;

// The time after which lines are requested again: the answer may have been lost with a connection.
const WINDOW_PATIENCE_MS = 5000;

interface Lines extends Message {
  start: number;
  lines: Line[];
  revision: number;
}

const isTail = (message: Message): message is Lines => message.kind === TAIL;

interface Download extends Message {
  name: string;
  done: boolean;
}

function save(name: string, parts: BlobPart[]): void {
  const url = URL.createObjectURL(new Blob(parts, { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

export default part<LogValues>(NAMES, (model, signal) => {
  const talk = new Conversation(model, signal, (message) => {
    if (isTail(message)) component.take(message.start, message.lines, message.revision);
    if (message.kind === STATE) component.forget(); // messages were missed
  });
  const requests: LogRequests = {
    window: async (start, stop, revision) => {
      const asked = { kind: WINDOW, start, stop, revision };
      try {
        const found = await talk.ask<Lines>(asked, WINDOW_PATIENCE_MS);
        component.take(found.start, found.lines, found.revision);
        return true;
      } catch (error) {
        console.warn("nbrunner: lines of the log could not be loaded", error); // requested again
        return false;
      }
    },
    match: async (index, revision) => {
      const asked = { kind: MATCH, index, revision };
      const found = await talk.ask<{ line: number; revision: number }>(asked);
      return found.revision === revision ? found.line : -1;
    },
    whole: async (number, revision) =>
      (await talk.ask<{ text: string }>({ kind: LINE, number, revision })).text,
    download: async () => {
      const parts: BlobPart[] = [];
      await talk.askAll({ kind: DOWNLOAD }, (answer, buffers) => {
        const { name, done } = answer as Download;
        parts.push(...buffers.map(blobPart));
        if (done) save(name, parts);
        return done;
      });
    },
    copy: async () => {
      const { text, cut } = await talk.ask<{ text: string; cut: number }>({ kind: COPY });
      return (await copyText(text)) ? cut : null;
    },
    set: (values) => model.give(values),
  };
  const component = logView(requests, signal);
  return component;
});
