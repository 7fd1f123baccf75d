import { part } from "../core/adapter.ts";
import { Conversation } from "../core/rpc.ts";
import { BARS } from "../core/wire.ts";
import type { WireBar } from "./bars.ts";
import { timeline, type TimelineValues } from "./component.ts";

export default part<TimelineValues>(["unfolded", "version", "elapsed", "ended", "steps"], (model, signal) => {
  const talk = new Conversation(model, signal);
  const bars = (since: number) =>
    talk.ask<{ version: number; bars: WireBar[] }>({ kind: BARS, since });
  return timeline({ bars, set: (values) => model.give(values) }, signal);
});
