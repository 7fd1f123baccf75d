import { setter, widget } from "../core/adapter.ts";
import { Conversation } from "../core/rpc.ts";
import { BARS } from "../core/wire.ts";
import type { WireBar } from "../timeline/bars.ts";
import { timeline, type TimelineValues } from "../timeline/component.ts";

export default widget<TimelineValues>(["unfolded", "version", "elapsed", "ended", "steps"], (model, signal) => {
  const talk = new Conversation(model as never, signal);
  const bars = (since: number) =>
    talk.ask<{ version: number; bars: WireBar[] }>({ kind: BARS, since });
  return timeline({ bars, set: setter(model) }, signal);
});
