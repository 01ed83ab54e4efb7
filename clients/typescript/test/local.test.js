// What the client does by itself, against servers of these tests.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';

import { ChatkeepClient, ChatkeepConnectionError, ChatkeepProblem } from '../src/index.js';
import { serve } from './server.js';

/** @type {Array<() => void>} */
const closing = [];
after(() => closing.forEach((close) => close()));

/** @type {(handler: import('./server.js').Handler, settings?: object) => Promise<ChatkeepClient>} */
async function clientOf(handler, settings = {}) {
  const server = await serve(handler);
  closing.push(server.close);
  return new ChatkeepClient({ baseUrl: server.url, token: 'a-token', retryDelay: 1, ...settings });
}

const SESSIONS = { sessions: [], count: 0, next_cursor: null };

const DONE = { response: 'One two', usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  timestamp: '2026-11-01T08:00:00.000Z', elapsed_time: 1, model: 'm', stream_id: 'msg_1' };

const PROBLEM = { status: 503, title: 'Service Unavailable', detail: 'Later.', code: 'too_busy', error: 'Later.' };

/** @type {(id: number, event: string, data: unknown) => string} */
const event = (id, name, data) => `id: msg_1:${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

test('every operation of the description has a method', () => {
  const description = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'));
  const operations = Object.values(description.paths).flatMap((path) => Object.values(path).map((each) => each.operationId));

  // The text stream says what createAnswer says in events, which this client reads.
  const missing = operations.filter((id) => id !== 'streamAnswer' && !(id in ChatkeepClient.prototype));

  assert.ok(operations.length > 40);
  assert.deepEqual(missing, []);
});

for (const status of [429, 502, 503, 504]) {
  test(`${status} is tried again after what Retry-After says`, async () => {
    const client = await clientOf((request, response, count) => {
      response.json(count < 3 ? status : 200, count < 3 ? PROBLEM : SESSIONS, count < 3 ? { 'Retry-After': '0' } : {});
    });

    assert.deepEqual(await client.listSessions(), SESSIONS);
  });
}

test('what the service wants to have waited long for is not tried again', async () => {
  let requests = 0;
  const client = await clientOf((request, response) => {
    requests++;
    response.json(429, { ...PROBLEM, status: 429, code: 'quota_exceeded' }, { 'Retry-After': '3600' });
  });

  await assert.rejects(client.listSessions(), (error) => error instanceof ChatkeepProblem
    && error.code === 'quota_exceeded' && error.retryAfter === 3600);
  assert.equal(requests, 1);
});

test('tries end', async () => {
  let requests = 0;
  const client = await clientOf((request, response) => {
    requests++;
    response.json(503, PROBLEM);
  }, { maxRetries: 2 });

  await assert.rejects(client.listSessions(), { name: 'ChatkeepProblem', status: 503, code: 'too_busy', message: 'Later.' });
  assert.equal(requests, 3);
});

test('a page of a proxy is a problem, too', async () => {
  const client = await clientOf((request, response) => {
    response.writeHead(404, { 'Content-Type': 'text/html' }).end('<html>');
  });

  await assert.rejects(client.listSessions(), { name: 'ChatkeepProblem', status: 404, code: 'unknown' });
});

test('a broken connection is tried again', async () => {
  const client = await clientOf((request, response, count) => {
    count < 3 ? request.socket.destroy() : response.json(200, SESSIONS);
  });

  assert.deepEqual(await client.listSessions(), SESSIONS);
});

test('a service that is not there is a ChatkeepConnectionError', async () => {
  const server = await serve(() => {});
  server.close();
  const client = new ChatkeepClient({ baseUrl: server.url, token: 't', retryDelay: 1, maxRetries: 1 });

  await assert.rejects(client.listSessions(), (error) => error instanceof ChatkeepConnectionError && error.cause !== undefined);
});

test('a question is sent again under its key', async () => {
  /** @type {unknown[]} */
  const keys = [];
  const client = await clientOf((request, response, count) => {
    keys.push(request.headers['idempotency-key']);
    count === 2 ? request.socket.destroy() : response.json(count === 1 ? 503 : 200, count === 1 ? PROBLEM : { data: DONE });
  });

  await client.createAnswer({ message: 'Hi' });
  await client.createAnswer({ message: 'Hi' });
  await client.createAnswer({ message: 'Hi' }, { idempotencyKey: 'mine' });

  assert.equal(keys.length, 5);
  assert.equal(new Set(keys.slice(0, 3)).size, 1);
  assert.notEqual(keys[3], keys[2]);
  assert.equal(keys[4], 'mine');
});

test('what could be done twice is sent once', async () => {
  let requests = 0;
  const client = await clientOf((request, response) => {
    requests++;
    response.json(503, { error: { message: 'Later.', type: 'server_error', param: null, code: 'too_busy' } });
  });

  await assert.rejects(client.createChatCompletion({ messages: [] }), { code: 'too_busy', message: 'Later.' });
  assert.equal(requests, 1);
});

test('a token that is a function is asked before each try', async () => {
  /** @type {unknown[]} */
  const tokens = [];
  let made = 0;
  const client = await clientOf((request, response, count) => {
    tokens.push(request.headers.authorization);
    response.json(count === 1 ? 503 : 200, count === 1 ? PROBLEM : SESSIONS);
  }, { token: async () => `token-${++made}` });

  await client.listSessions();

  assert.deepEqual(tokens, ['Bearer token-1', 'Bearer token-2']);
});

test('parameters travel encoded, and what is left out does not', async () => {
  /** @type {unknown[]} */
  const paths = [];
  const client = await clientOf((request, response) => {
    paths.push(request.url);
    response.json(200, SESSIONS);
  });

  await client.getModelAccess('openai/gpt 4');
  await client.getMessage('a/b?c');
  await client.listMessages({ session_id: 'ä&b', limit: 5 });

  assert.deepEqual(paths, ['/api/models/openai/gpt%204/access', '/api/chat/messages/a%2Fb%3Fc',
    '/api/chat/messages?session_id=%C3%A4%26b&limit=5']);
});

test('a stream that breaks off goes on after the last event', async () => {
  /** @type {unknown[]} */
  const requests = [];
  const client = await clientOf((request, response, count) => {
    requests.push([request.method, request.url, request.headers['last-event-id']]);
    if (count === 2) {
      return response.json(503, PROBLEM);
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Stream-Id': 'msg_1' });
    if (count === 1) {
      response.write(`: \n\n${event(1, 'delta', { content: 'One ' })}id: msg_1:2\ndata: {"con`, () => request.socket.destroy());
    } else {
      response.end(event(2, 'delta', { content: 'two' }) + event(3, 'done', DONE));
    }
  });

  const events = [];
  for await (const each of client.answerStream({ message: 'Hi' })) {
    events.push(each.event === 'delta' ? each.data.content : each.data.response);
  }

  assert.deepEqual(events, ['One ', 'two', 'One two']);
  const again = ['GET', '/api/chat/streams/msg_1', 'msg_1:1'];
  assert.deepEqual(requests, [['POST', '/api/chat', undefined], again, again]);
});

test('a stream that falls silent counts as broken', async () => {
  const client = await clientOf((request, response, count) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Stream-Id': 'msg_1' });
    response.write(event(1, 'delta', { content: 'One' }));
    if (count > 1) {
      response.end(event(2, 'done', DONE));
    }
  }, { idleTimeout: 1_000 });

  const events = [];
  for await (const each of client.answerStream({ message: 'Hi' })) {
    events.push(each.event);
  }

  // A machine that is slow may see the others as silent, too.
  assert.match(events.join(), /^delta(,delta)+,done$/);
});

test('an answer that fails is thrown, and not asked for again', async () => {
  let requests = 0;
  const client = await clientOf((request, response) => {
    requests++;
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Stream-Id': 'msg_1' });
    response.end(event(1, 'delta', { content: 'One' }) + event(2, 'error', { ...PROBLEM, code: 'interrupted' }));
  });

  await assert.rejects(async () => {
    for await (const each of client.answerStream({ message: 'Hi' })) {
      assert.equal(each.event, 'delta');
    }
  }, { name: 'ChatkeepProblem', code: 'interrupted' });
  assert.equal(requests, 1);
});

test("a completion in OpenAI's shape that fails or breaks off is thrown", async () => {
  const piece = 'data: {"choices": []}\n\n';
  const failure = 'data: {"error": {"message": "Gone.", "type": "server_error", "param": null, "code": "provider_broke_off"}}\n\n';
  const client = await clientOf((request, response, count) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(piece + (count === 1 ? failure : ''));
  });
  const read = async () => {
    for await (const chunk of client.chatCompletionStream({ messages: [] })) {
      assert.deepEqual(chunk.choices, []);
    }
  };

  await assert.rejects(read(), { name: 'ChatkeepProblem', code: 'provider_broke_off', message: 'Gone.' });
  await assert.rejects(read(), { name: 'ChatkeepConnectionError' });
});

test('a question that another instance answers is followed there', async () => {
  const client = await clientOf((request, response, count) => {
    if (count === 1) {
      return response.json(409, { ...PROBLEM, status: 409, code: 'answer_in_progress', stream_id: 'msg_1' });
    }
    if (count === 2) {
      return response.json(409, { ...PROBLEM, status: 409, code: 'stream_elsewhere' }, { 'Retry-After': '0' });
    }
    assert.equal(request.url, '/api/chat/streams/msg_1');
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(event(1, 'done', DONE));
  });

  const answer = await client.createAnswer({ message: 'Hi' });

  assert.deepEqual(answer.data, DONE);
});

test('events come in any pieces and with any end of line', async () => {
  const text = Buffer.from(`\ufeffid: msg_1:1\r\nevent:delta\rdata: {"content":\r\ndata: "Grüße 🙂"}\n\n${event(2, 'done', DONE)}`);
  const client = await clientOf(async (request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    for (const byte of text) {
      await new Promise((resolve) => response.write(Buffer.of(byte), resolve));
    }
    response.end();
  });

  const events = [];
  for await (const each of client.followAnswer('msg_1')) {
    events.push(each);
  }

  assert.deepEqual(events, [{ id: 'msg_1:1', event: 'delta', data: { content: 'Grüße 🙂' } },
    { id: 'msg_1:2', event: 'done', data: DONE }]);
});

test('who reads no further closes the connection', async () => {
  /** @type {(value?: unknown) => void} */
  let closed = () => {};
  const isClosed = new Promise((resolve) => closed = resolve);
  const client = await clientOf((request, response) => {
    request.socket.on('close', closed);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(event(1, 'delta', { content: 'One' }));
  });

  for await (const each of client.answerStream({ message: 'Hi' })) {
    assert.equal(each.event, 'delta');
    break;
  }

  await isClosed;
});

test('a signal ends a request, and no other try follows', async () => {
  const controller = new AbortController();
  let requests = 0;
  const client = await clientOf(() => {
    requests++;
    controller.abort();
  });

  await assert.rejects(client.listSessions({}, { signal: controller.signal }), { name: 'AbortError' });
  assert.equal(requests, 1);
});

test('pages follow their cursors', async () => {
  const client = await clientOf((request, response) => {
    const cursor = new URL(request.url ?? '', 'http://localhost').searchParams.get('cursor');
    const page = Number(cursor ?? 0);
    response.json(200, { sessions: [{ id: `s${page}` }], count: 1, next_cursor: page < 2 ? String(page + 1) : null });
  });

  const ids = [];
  for await (const session of client.iterateSessions({ limit: 1 })) {
    ids.push(session.id);
  }

  assert.deepEqual(ids, ['s0', 's1', 's2']);
});
