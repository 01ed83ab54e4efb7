// The client with a service: CHATKEEP_URL says where, CHATKEEP_TOKEN is that of a user.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request as send } from 'node:http';
import { pipeline } from 'node:stream';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { ChatkeepClient } from '../src/index.js';

const url = process.env['CHATKEEP_URL'] ?? '';
const token = process.env['CHATKEEP_TOKEN'] ?? '';

describe('with a service', { skip: url === '' && 'CHATKEEP_URL names no service' }, () => {
  const client = new ChatkeepClient({ baseUrl: url === '' ? 'http://localhost:8080' : url, token: async () => token });
  const name = () => `conv_${randomUUID()}`;

  /** @type {<T>(items: AsyncIterable<T>) => Promise<T[]>} */
  const all = async (items) => {
    const list = [];
    for await (const item of items) {
      list.push(item);
    }
    return list;
  };

  test('a session is created, listed, renamed and deleted', async () => {
    const id = name();

    const created = await client.createSession({ id, title: 'First' });
    const renamed = await client.renameSession({ id, title: 'Second' });
    const listed = await client.listSessions();
    const deleted = await client.deleteSession({ id });

    assert.equal(created.session.title, 'First');
    assert.equal(created.session.last_model, null);
    assert.equal(renamed.session.title, 'Second');
    assert.ok(listed.sessions.some((session) => session.id === id && session.title === 'Second'));
    assert.equal(deleted.success, true);
    assert.ok(!(await client.listSessions()).sessions.some((session) => session.id === id));
  });

  test('sessions and messages come page by page', async () => {
    const id = name();
    const texts = ['One', 'Two', 'Three', 'Four', 'Five'];
    await client.createSession({ id });
    for (const [i, content] of texts.entries()) {
      const message = { id: `${id}_${i}`, role: /** @type {const} */ ('user'), content };
      await client.storeMessage({ sessionId: id, message });
    }

    const pages = await all(client.iterateMessagesPages({ session_id: id, limit: 2 }));
    const messages = await all(client.iterateMessages({ session_id: id, limit: 2 }));
    const sessions = await all(client.iterateSessions({ limit: 1 }));

    assert.deepEqual(pages.map((page) => page.count), [2, 2, 1]);
    assert.deepEqual(messages.map((message) => message.content), texts);
    assert.ok(sessions.some((session) => session.id === id && session.message_count === 5));
  });

  test('a message is read, changed and deleted', async () => {
    const session = name();
    const id = `${session}/a?b`;
    await client.createSession({ id: session });
    await client.storeMessage({ sessionId: session, message: { id, role: 'user', content: 'Grüße 🙂' } });

    const read = await client.getMessage(id);
    const changed = await client.updateMessage(id, { content: 'Hello' });
    await client.deleteMessage(id);

    assert.equal(read.message.content, 'Grüße 🙂');
    assert.equal(changed.message.content, 'Hello');
    assert.deepEqual((await client.listMessages({ session_id: session })).messages, []);
  });

  test('conversations go up and down', async () => {
    const id = name();

    const up = await client.uploadConversations({
      conversations: [{ id, title: 'Up', messages: [{ id: `${id}_1`, role: 'user', content: 'Hi' }] }],
    });
    const down = await client.downloadConversations();

    assert.equal(up.results.synced, 1);
    assert.deepEqual(down.conversations.find((each) => each.id === id)?.messages.map((message) => message.content), ['Hi']);
  });

  test('an answer comes whole, and once for a key', async () => {
    const sessionId = name();
    const question = { sessionId, message: 'Three words here' };
    const idempotencyKey = randomUUID();

    const first = await client.createAnswer(question, { idempotencyKey });
    const again = await client.createAnswer(question, { idempotencyKey });

    assert.equal(first.data.response, 'Three words here');
    assert.equal(again.data.stream_id, first.data.stream_id);
    assert.equal((await client.listMessages({ session_id: sessionId })).count, 2);
  });

  test('an answer comes as it is written', async () => {
    const events = await all(client.answerStream({ sessionId: name(), message: 'One two three' }));

    const text = events.map((each) => each.event === 'delta' ? each.data.content : '').join('');
    const last = events.at(-1);
    assert.equal(text, 'One two three');
    assert.ok(last?.event === 'done' && last.data.response === 'One two three');
  });

  test('a stream that breaks off goes on where it was', async (t) => {
    const proxy = await breakingProxy();
    t.after(proxy.close);
    const behind = new ChatkeepClient({ baseUrl: proxy.url, token, retryDelay: 10 });

    const events = await all(behind.answerStream({ sessionId: name(), message: 'One two three four five' }));

    const text = events.map((each) => each.event === 'delta' ? each.data.content : '').join('');
    assert.equal(text, 'One two three four five');
    assert.equal(events.filter((each) => each.event === 'done').length, 1);
    assert.deepEqual(proxy.requests.map(([method]) => method), ['POST', 'GET']);
    assert.equal(proxy.requests[1]?.[1], events[0]?.id);
  });

  test('an answer is followed again', async () => {
    const [first, ...others] = await all(client.answerStream({ sessionId: name(), message: 'One two three' }));
    const done = others.at(-1);
    assert.ok(first && done?.event === 'done');

    const whole = await all(client.followAnswer(done.data.stream_id));
    const rest = await all(client.followAnswer(done.data.stream_id, { lastEventId: first.id }));

    const text = (/** @type {typeof whole} */ events) => events.map((each) => each.event === 'delta' ? each.data.content : '');
    assert.equal(text(whole).join(''), 'One two three');
    assert.equal(text([first, ...rest]).join(''), 'One two three');
  });

  test('a field that is wrong is named', async () => {
    await assert.rejects(client.createSession({ id: '' }), {
      name: 'ChatkeepProblem', status: 422, code: 'invalid_field', errors: [{ field: 'id', message: 'must not be empty' }],
    });
  });

  test('what is not there is a problem', async () => {
    await assert.rejects(client.listMessages({ session_id: name() }), { status: 404, code: 'session_not_found' });
    await assert.rejects(client.listOpenAiModels().then(() => client.getOpenAiModel('no/model')), {
      status: 404, code: 'model_not_found',
    });
  });

  test('a token that is wrong is a problem', async () => {
    const stranger = new ChatkeepClient({ baseUrl: url, token: 'no-token' });

    await assert.rejects(stranger.getUserData(), { status: 401, code: 'invalid_token' });
    await assert.rejects(all(stranger.answerStream({ message: 'Hi' })), { status: 401, code: 'invalid_token' });
  });

  test("OpenAI's completions come whole and streamed", async () => {
    const { models } = await client.listModels();
    const model = models[0]?.id ?? '';
    const request = { model, messages: [{ role: 'user', content: 'One two' }] };

    const whole = await client.createChatCompletion(request, { sessionId: name() });
    const chunks = await all(client.chatCompletionStream(request));

    assert.equal((await client.getModelAccess(model)).allowed, true);
    assert.equal((await client.getOpenAiModel(model)).id, model);
    assert.match(JSON.stringify(whole), /One two/);
    assert.ok(chunks.length > 1);
  });

  test('everything about the user comes whole and in lines', async () => {
    await client.createSession({ id: name() });

    const whole = await client.exportUserData();
    const lines = await all(client.exportLines());

    assert.ok(whole.conversations.length > 0);
    assert.ok(lines.some((line) => line.type === 'conversation'), [...new Set(lines.map((line) => line.type))].join());
  });

  test('preferences and usage are read and changed', async () => {
    const changed = await client.updatePreferences({ ui: { theme: 'dark' }, model: { temperature: 0.5 } });
    const usage = await client.getUsageSummary();

    assert.equal(changed.preferences.ui['theme'], 'dark');
    assert.ok(usage.today.total_tokens >= 0);
  });

  test('the example of the README works', async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const example = (/```js\n([^]*?)```/.exec(readme)?.[1] ?? '')
      .replace("'chatkeep-client'", JSON.stringify(new URL('../src/index.js', import.meta.url).href))
      .replace('http://localhost:8080', url);

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', example]);

    assert.match(stdout, /^Where do we start\?\n\d+ tokens\nuser Where do we start\?\nassistant Where do we start\?\n422 invalid_field/);
  });

  /** In front of the service: breaks a first answer off after its first event. */
  async function breakingProxy() {
    const target = new URL(url);
    /** @type {Array<[string | undefined, string | string[] | undefined]>} */
    const requests = [];
    const server = createServer((incoming, outgoing) => {
      requests.push([incoming.method, incoming.headers['last-event-id']]);
      const { method, headers } = incoming;
      incoming.pipe(send({ host: target.hostname, port: target.port, path: incoming.url, method, headers }, (response) => {
        outgoing.writeHead(response.statusCode ?? 500, response.headers);
        if (method === 'GET') {
          // Who reads no further than the last event leaves the rest of the answer, whose connection would keep this process.
          pipeline(response, outgoing, () => {});
          return;
        }
        let text = '';
        // The connection ends a moment after it was asked to; what comes meanwhile must not be written.
        let broken = false;
        response.setEncoding('utf8').on('data', (/** @type {string} */ piece) => {
          text += piece;
          const end = text.indexOf('\n\n', text.indexOf('event: delta'));
          if (text.includes('event: delta') && end > 0 && !broken) {
            broken = true;
            outgoing.write(text.slice(0, end + 2), () => {
              outgoing.destroy();
              response.destroy();
            });
          }
        });
      }));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    return {
      url: `http://127.0.0.1:${port}`, requests, close: () => {
        server.close();
        server.closeAllConnections();
      },
    };
  }
});
