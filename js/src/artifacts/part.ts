import { artifacts, type ArtifactValues } from "./component.ts";
import type { Value } from "./value.ts";
import { part } from "../core/adapter.ts";
import { Conversation, REMOTE_PATIENCE_MS } from "../core/rpc.ts";
import { RELOAD, VALUE } from "../core/wire.ts";

const NAMES = ["unfolded", "loading", "error", "steps", "tasks", "step", "task", "rows"] as const;

export default part<ArtifactValues>(NAMES, (model, signal) => {
  const talk = new Conversation(model, signal);
  const value = (name: string, large: boolean) =>
    talk.ask<Value>({ kind: VALUE, name, large }, REMOTE_PATIENCE_MS);
  const reload = () => model.send({ kind: RELOAD });
  return artifacts({ value, reload, set: (values) => model.give(values) }, signal);
});
