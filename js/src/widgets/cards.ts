import { cards, type CardValues } from "../cards/component.ts";
import { setter, widget } from "../core/adapter.ts";
import { Conversation, REMOTE_PATIENCE_MS } from "../core/rpc.ts";
import { CARD, RELOAD } from "../core/wire.ts";

export default widget<CardValues>(["unfolded", "loading", "error", "rows"], (model, signal) => {
  const talk = new Conversation(model as never, signal);
  const card = async (key: string) =>
    (await talk.ask<{ html: string }>({ kind: CARD, card: key }, REMOTE_PATIENCE_MS)).html;
  const reload = () => model.send({ kind: RELOAD });
  return cards({ card, reload, set: setter(model) }, signal);
});
