import { part } from "../core/adapter.ts";
import { Conversation } from "../core/rpc.ts";
import { resumeBar, type ResumeValues } from "./component.ts";

const NAMES = ["message", "pathspec", "steps", "flows", "step", "flow", "busy"] as const;

export default part<ResumeValues>(NAMES, (model, signal) => {
  const talk = new Conversation(model, signal);
  const start = () => talk.act("start");
  return resumeBar({ start, set: (values) => model.give(values) }, signal);
});
