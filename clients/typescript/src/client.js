import { events, lines } from './events.js';
import { Operations } from './operations.js';
import { ChatkeepConnectionError, ChatkeepProblem } from './problem.js';
import { pause } from './transport.js';

/** @import { ChatAnswer, ChatCompletionChunk, ChatCompletionRequest, ChatDelta, ChatRequest, ChatResponse,
 *    ExportLine } from './schema.js' */
/** @import { Options, Stream } from './transport.js' */

/**
 * A piece of the text (`delta`), or the whole answer at its end (`done`). `id` is what `lastEventId` continues after.
 *
 * @typedef {{ id: string, event: 'delta', data: ChatDelta } | { id: string, event: 'done', data: ChatAnswer }} AnswerEvent
 */

/** How often an answer is asked for that another instance is receiving, `Retry-After` apart. */
const WAITS_FOR_ANOTHER_INSTANCE = 150;

/** The API of a Chatkeep service. */
export class ChatkeepClient extends Operations {
  /**
   * @override
   * @param {Omit<ChatRequest, 'stream'>} body
   * @param {{ idempotencyKey?: string }} [parameters]
   * @param {Options} [options]
   * @returns {Promise<ChatResponse>}
   */
  async createAnswer(body, parameters = {}, options = {}) {
    try {
      return await super.createAnswer(body, parameters, options);
    } catch (error) {
      const id = running(error);
      if (id === null) {
        throw error;
      }
      for await (const event of this.followAnswer(id, {}, options)) {
        if (event.event === 'done') {
          return { data: event.data, timestamp: event.data.timestamp };
        }
      }
      throw error;
    }
  }

  /**
   * Asks a model and gives its answer as it is written. A connection that breaks off is made again where the stream was.
   * An answer that fails is thrown as `ChatkeepProblem`.
   *
   * @param {Omit<ChatRequest, 'stream'>} body
   * @param {{ idempotencyKey?: string }} [parameters]
   * @param {Options} [options]
   * @returns {AsyncGenerator<AnswerEvent, void, undefined>}
   */
  async *answerStream(body, parameters = {}, options = {}) {
    /** @type {Stream} */
    let stream;
    try {
      stream = await this.open({
        method: 'POST',
        path: '/api/chat',
        headers: { 'Idempotency-Key': parameters.idempotencyKey },
        body: { ...body, stream: true },
        keyed: true,
      }, options, 'text/event-stream');
    } catch (error) {
      const id = running(error);
      if (id === null) {
        throw error;
      }
      yield* this.followAnswer(id, {}, options);
      return;
    }
    yield* this.resumed(stream, stream.headers.get('X-Stream-Id'), '', options);
  }

  /**
   * Follows an answer again: what came after `lastEventId`, or all of it.
   *
   * @param {string} id of the answer, `stream_id`
   * @param {{ lastEventId?: string }} [parameters]
   * @param {Options} [options]
   * @returns {AsyncGenerator<AnswerEvent, void, undefined>}
   */
  async *followAnswer(id, parameters = {}, options = {}) {
    yield* this.resumed(null, id, parameters.lastEventId ?? '', options);
  }

  /**
   * A chat completion in OpenAI's shape as it is written. It is not sent again, and not resumed. One that
   * fails in the middle is thrown as `ChatkeepProblem` with the status of the response, 200.
   *
   * @param {ChatCompletionRequest} body
   * @param {{ sessionId?: string }} [parameters]
   * @param {Options} [options]
   * @returns {AsyncGenerator<ChatCompletionChunk, void, undefined>}
   */
  async *chatCompletionStream(body, parameters = {}, options = {}) {
    const stream = await this.open({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { 'X-Session-Id': parameters.sessionId },
      body: { ...body, stream: true },
      repeatable: false,
    }, options, 'text/event-stream');
    for await (const event of events(stream)) {
      if (event.data === '[DONE]') {
        return;
      }
      /** @type {ChatCompletionChunk} */
      const chunk = JSON.parse(event.data);
      if (chunk.error) {
        throw new ChatkeepProblem(200, { code: chunk.error.code ?? chunk.error.type, detail: chunk.error.message });
      }
      yield chunk;
    }
    throw new ChatkeepConnectionError('The completion broke off.', undefined);
  }

  /**
   * Everything about the user, an item after the other. An export that breaks off is thrown as `ChatkeepConnectionError`.
   *
   * @param {Options} [options]
   * @returns {AsyncGenerator<ExportLine, void, undefined>}
   */
  async *exportLines(options = {}) {
    // Services that know lines only by the parameter refuse them as a type.
    const stream = await this.open({ method: 'GET', path: '/api/user/export', query: { format: 'ndjson' } }, options,
      'application/x-ndjson, */*;q=0.5');
    for await (const line of lines(stream)) {
      if (line !== '') {
        yield JSON.parse(line);
      }
    }
  }

  /**
   * @private
   * @param {Stream | null} stream that is open
   * @param {string | null} id of the answer
   * @param {string} lastEventId
   * @param {Options} options
   * @returns {AsyncGenerator<AnswerEvent, void, undefined>}
   */
  async *resumed(stream, id, lastEventId, options) {
    let tries = 0;
    let waits = 0;
    for (;;) {
      try {
        stream ??= await this.open({
          method: 'GET',
          path: `/api/chat/streams/${encodeURIComponent(id ?? '')}`,
          headers: { 'Last-Event-ID': lastEventId === '' ? undefined : lastEventId },
          repeatable: false,
        }, options, 'text/event-stream');
        for await (const { id: eventId, event, data } of events(stream)) {
          tries = 0;
          // Where the page may not read the header, the events have it in front of their number.
          id ??= eventId.includes(':') ? eventId.slice(0, eventId.lastIndexOf(':')) : null;
          if (event === 'error') {
            const problem = JSON.parse(data);
            throw new AnswerFailed(new ChatkeepProblem(problem.status, problem));
          }
          if (event === 'delta') {
            lastEventId = eventId;
            yield { id: eventId, event, data: JSON.parse(data) };
          } else if (event === 'done') {
            yield { id: eventId, event, data: JSON.parse(data) };
            return;
          }
        }
        throw new ChatkeepConnectionError('The stream broke off.', undefined);
      } catch (error) {
        if (error instanceof AnswerFailed) {
          throw error.problem;
        }
        const elsewhere = error instanceof ChatkeepProblem && error.code === 'stream_elsewhere';
        const more = elsewhere ? waits++ < WAITS_FOR_ANOTHER_INSTANCE : tries < this.settings.maxRetries;
        const delay = id === null || !more ? null : this.delay(error, tries);
        if (delay === null) {
          throw error;
        }
        tries += elsewhere ? 0 : 1;
        await pause(delay, options.signal);
        stream = null;
      }
    }
  }
}

/** The answer itself failed: following it again would bring the same. */
class AnswerFailed extends Error {
  /** @param {ChatkeepProblem} problem */
  constructor(problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/**
 * @param {unknown} error
 * @returns {string | null} the answer that another call gives to the same request
 */
function running(error) {
  const answered = error instanceof ChatkeepProblem && error.status === 409
    && (error.code === 'answer_in_progress' || error.code === 'already_answered');
  return answered ? error.streamId : null;
}
