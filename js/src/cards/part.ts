import { cards, type CardValues } from "./component.ts";
import { part } from "../core/adapter.ts";
import { Conversation, REMOTE_PATIENCE_MS } from "../core/rpc.ts";
import { CARD, RELOAD } from "../core/wire.ts";

export default part<CardValues>(["unfolded", "loading", "error", "rows", "shown"], (model, signal) => {
  const talk = new Conversation(model, signal);
  const card = async (key: string) =>
    (await talk.ask<{ html: string }>({ kind: CARD, card: key }, REMOTE_PATIENCE_MS)).html;
  const reload = () => model.send({ kind: RELOAD });
  return cards({ card, reload, set: (values) => model.give(values) }, signal);
});
