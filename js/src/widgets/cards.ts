import { cards, type CardValues } from "../data/cards.ts";
import { setter, widget } from "../shared/adapter.ts";
import { Conversation, REMOTE_PATIENCE_MS } from "../shared/conversation.ts";
import { CARD, RELOAD } from "../shared/wire.ts";

export default widget<CardValues>(["unfolded", "loading", "error", "rows"], (model, signal) => {
  const talk = new Conversation(model as never, signal);
  const card = async (key: string) =>
    (await talk.ask<{ html: string }>({ kind: CARD, card: key }, REMOTE_PATIENCE_MS)).html;
  const reload = () => model.send({ kind: RELOAD });
  return cards({ card, reload, set: setter(model) }, signal);
});
