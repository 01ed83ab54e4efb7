// Compiled only: what callers may write, and that the declarations say what the code has.
import * as source from '../src/index.js';
import { ChatkeepClient, ChatkeepProblem, type AnswerEvent } from '../types/index.js';
import type { Session } from '../types/schema.js';

type Members<T> = Pick<T, keyof T>;

export function declarationsAreThoseOfTheCode(
  declared: Members<ChatkeepClient>, written: Members<source.ChatkeepClient>): [Members<source.ChatkeepClient>,
    Members<ChatkeepClient>] {
  return [declared, written];
}

export async function callersAreTold(client: ChatkeepClient) {
  const session: Session = (await client.createSession({ id: 's', title: null })).session;
  const model: string | null = session.last_model;
  // @ts-expect-error It may be null.
  const certain: string = session.last_model;
  // @ts-expect-error An id is required.
  await client.createSession({ title: 'A title' });
  // @ts-expect-error Nobody is no role.
  await client.storeMessage({ sessionId: 's', message: { id: 'm', role: 'nobody', content: '' } });
  // @ts-expect-error A session is required.
  await client.listMessages();
  // @ts-expect-error Streams have a method of their own.
  await client.createAnswer({ message: 'Hi', stream: true });
  await client.createChatCompletion({ messages: [{ role: 'user', content: 'Hi' }], temperature: 1 });
  for await (const event of client.answerStream({ message: { content: 'Hi' } })) {
    const same: AnswerEvent = event;
    const text: string = event.event === 'delta' ? event.data.content : event.data.response;
    void [same, text];
  }
  for await (const message of client.iterateMessages({ session_id: 's' })) {
    const role: 'user' | 'assistant' | 'system' | 'tool' = message.role;
    void role;
  }
  void [model, certain];
}

export function problemsAreTyped(error: unknown) {
  if (error instanceof ChatkeepProblem) {
    const retryAfter: number | null = error.retryAfter;
    const field: string | undefined = error.errors[0]?.field;
    void [retryAfter, field];
  }
}
