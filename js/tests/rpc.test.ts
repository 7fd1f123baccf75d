import { expect, test, vi } from "vitest";
import type { Hear } from "../src/core/model.ts";
import { Conversation } from "../src/core/rpc.ts";

/** A model for which the test acts as the kernel; `send` handles a message. */
function talking(send: (message: { id: string }) => void) {
  let heard: Hear = () => undefined;
  const model = {
    send: (content: object) => send(content as { id: string }),
    onMessage: (hear: Hear) => void (heard = hear),
  };
  const controller = new AbortController();
  const talk = new Conversation(model, controller.signal);
  return { talk, hear: (message: object) => heard({ kind: "", ...message }, []) };
}

test("an answer is that of its request", async () => {
  const asked: string[] = [];
  const { talk, hear } = talking(({ id }) => void asked.push(id));
  const [first, second] = [talk.ask<{ text: string }>({}), talk.ask<{ text: string }>({})];
  hear({ kind: "answer", id: asked[1], text: "second" });
  hear({ kind: "answer", id: asked[0], text: "first" });
  expect([(await first).text, (await second).text]).toEqual(["first", "second"]);
});

test("where no message can be sent nothing is waited for", async () => {
  vi.useFakeTimers();
  const { talk } = talking(() => {
    throw new Error("Cannot send"); // the error of ipywidgets when the kernel has ended
  });
  await expect(talk.ask({})).rejects.toThrow("Cannot send");
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});
