import { artifacts, type ArtifactValues } from "../data/artifacts.ts";
import type { Value } from "../data/value.ts";
import { setter, widget } from "../shared/adapter.ts";
import { Conversation, REMOTE_PATIENCE_MS } from "../shared/conversation.ts";
import { RELOAD, VALUE } from "../shared/wire.ts";

const NAMES = ["unfolded", "loading", "error", "steps", "tasks", "step", "task", "rows"] as const;

export default widget<ArtifactValues>(NAMES, (model, signal) => {
  const talk = new Conversation(model as never, signal);
  const value = (name: string, large: boolean) =>
    talk.ask<Value>({ kind: VALUE, name, large }, REMOTE_PATIENCE_MS);
  const reload = () => model.send({ kind: RELOAD });
  return artifacts({ value, reload, set: setter(model) }, signal);
});
