import { logView, type LogRequests, type LogValues } from "../log_view/component.ts";
import type { Line } from "../log_view/window_cache.ts";
import { setter, widget } from "../core/adapter.ts";
import { Conversation, type Answer } from "../core/rpc.ts";
import { copyText } from "../core/dom.ts";
import { COPY, DOWNLOAD, LINE, MATCH, TAIL, WINDOW } from "../core/wire.ts";

const NAMES = [
  "name", "total", "lines", "ended", "steps", "step", "stream", "query",
  "follow", "wrap", "revision", "matches", "counting", "current",
] as const;

interface Lines extends Answer {
  start: number;
  lines: Line[];
  revision: number;
}

interface Download extends Answer {
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

export default widget<LogValues>(NAMES, (model, signal) => {
  const talk = new Conversation(model as never, signal, (message) => {
    const { kind, start, lines, revision } = message as Lines;
    if (kind === TAIL) component.take(start, lines, revision);
  });
  const requests: LogRequests = {
    window: async (start, stop, revision) => {
      try {
        const found = await talk.ask<Lines>({ kind: WINDOW, start, stop, revision });
        component.take(found.start, found.lines, found.revision);
        return true;
      } catch (error) {
        console.warn("nbrunner: lines of the log did not come", error); // asked for again
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
        parts.push(...(buffers as unknown as BlobPart[]));
        if (done) save(name, parts);
        return done;
      });
    },
    copy: async () => {
      const { text, cut } = await talk.ask<{ text: string; cut: number }>({ kind: COPY });
      return (await copyText(text)) ? cut : null;
    },
    set: setter(model),
  };
  const component = logView(requests, signal);
  return component;
});
