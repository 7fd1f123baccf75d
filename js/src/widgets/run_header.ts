import { header, type HeaderValues } from "../run/header.ts";
import { widget, type Model } from "../shared/adapter.ts";
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

const make = (model: Model<HeaderValues>, signal: AbortSignal) => {
  const talk = new Conversation(model as never, signal);
  return header((name) => talk.act(name), signal);
};

export default widget<HeaderValues>(NAMES, make, nameRegion);
