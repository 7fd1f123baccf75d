import { header, type HeaderValues } from "../run/header.ts";
import { renderer } from "../shared/adapter.ts";
import { Conversation } from "../shared/conversation.ts";
import { nameRegion } from "../shared/region.ts";

const NAMES = [
  "label",
  "title",
  "status",
  "detail",
  "elapsed",
  "parameters",
  "tags",
  "warning",
  "actions",
  "code",
] as const;

export default {
  render: renderer<HeaderValues>(NAMES, (model, signal, el) => {
    const talk = new Conversation(model as never, signal);
    const component = header((name) => talk.act(name), signal);
    const rename = nameRegion(el, () => String(model.get("label")), signal);
    return {
      ...component,
      update(values) {
        component.update(values);
        rename();
      },
    };
  }),
};
