import { launchForm, type FormValues } from "../form/component.ts";
import { renderer, setter } from "../shared/adapter.ts";
import { Conversation } from "../shared/conversation.ts";
import { nameRegion } from "../shared/region.ts";

const NAMES = ["label", "title", "doc", "fields", "values", "errors", "code", "ready", "earlier"] as const;

export default {
  render: renderer<FormValues>(NAMES, (model, signal, el) => {
    nameRegion(el, () => String(model.get("label")), signal);
    const talk = new Conversation(model as never, signal);
    const act = (name: string, key: string) => talk.act(name, key);
    return launchForm({ act, set: setter(model) }, signal);
  }),
};
