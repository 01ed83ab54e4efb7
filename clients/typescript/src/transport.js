import { ChatkeepConnectionError, ChatkeepProblem } from './problem.js';

/**
 * @typedef {object} Settings
 * @property {string} baseUrl where the service is, such as `https://chat.example.org`
 * @property {string | (() => string | Promise<string>)} token of the user; a function is asked before each request
 * @property {number} [maxRetries] how often a request is sent again after a failure that may pass; 3
 * @property {number} [retryDelay] milliseconds before the first of these, twice as long before each other; 500
 * @property {number} [maxRetryDelay] the longest time in milliseconds that is waited before another try. What the service
 *   wants to have waited longer for is not tried again; 30,000
 * @property {number} [timeout] milliseconds that one request may take, streams aside; 600,000
 * @property {number} [idleTimeout] milliseconds without a byte after which a stream counts as broken; 60,000
 * @property {typeof globalThis.fetch} [fetch] instead of that of the platform
 */

/**
 * @typedef {object} Options of a request
 * @property {AbortSignal} [signal] ends it
 * @property {Record<string, string>} [headers] beside those of the client
 */

/**
 * @typedef {object} Call
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string | number | boolean | null | undefined>} [query]
 * @property {Record<string, string | undefined>} [headers]
 * @property {unknown} [body]
 * @property {boolean} [keyed] an Idempotency-Key makes it repeatable
 * @property {boolean} [repeatable] false: it is sent once
 */

const PASSING = new Set([429, 502, 503, 504]);

/** The same request again would be answered the same, or be charged again. */
const FINAL = new Set(['answer_too_large', 'interrupted', 'provider_broke_off']);

const LONGEST_BACKOFF = 8_000;

/** How requests travel: tokens, other tries, problems. */
export class Transport {
  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = {
      maxRetries: 3,
      retryDelay: 500,
      maxRetryDelay: 30_000,
      timeout: 600_000,
      idleTimeout: 60_000,
      ...settings,
      baseUrl: settings.baseUrl.replace(/\/+$/, ''),
    };
    // Browsers want it called as a function of the window.
    this.fetch = settings.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /**
   * Sends a request, and again where that may help.
   *
   * @protected
   * @param {Call} call
   * @param {Options} options
   * @returns {Promise<any>} the JSON of the response
   */
  async call(call, options) {
    return await this.attempts(withKey(call), options, async (repeatable) => {
      const connection = new Connection(options.signal, this.settings.timeout);
      try {
        const response = await this.send(repeatable, options, 'application/json', connection);
        return JSON.parse(await connection.read(response.text()));
      } finally {
        connection.close();
      }
    });
  }

  /**
   * Opens a stream, and again where that may help.
   *
   * @protected
   * @param {Call} call
   * @param {Options} options
   * @param {string} accept
   * @returns {Promise<Stream>}
   */
  async open(call, options, accept) {
    return await this.attempts(withKey(call), options, async (repeatable) => {
      const connection = new Connection(options.signal, this.settings.timeout);
      try {
        return new Stream(await this.send(repeatable, options, accept, connection), connection, this.settings.idleTimeout);
      } catch (error) {
        connection.close();
        throw error;
      }
    });
  }

  /**
   * @protected
   * @template {{ next_cursor: string | null }} P
   * @param {(cursor: string | undefined) => Promise<P>} load
   * @returns {AsyncGenerator<P, void, undefined>}
   */
  async *pages(load) {
    /** @type {string | undefined} */
    let cursor;
    do {
      const page = await load(cursor);
      yield page;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /**
   * @protected
   * @template T
   * @param {Call} call
   * @param {Options} options
   * @param {(call: Call) => Promise<T>} attempt
   * @returns {Promise<T>}
   */
  async attempts(call, options, attempt) {
    for (let tries = 0; ; tries++) {
      try {
        return await attempt(call);
      } catch (error) {
        const delay = call.repeatable === false || tries >= this.settings.maxRetries ? null : this.delay(error, tries);
        if (delay === null) {
          throw error;
        }
        await pause(delay, options.signal);
      }
    }
  }

  /**
   * @protected
   * @param {unknown} error
   * @param {number} tries how many were made before
   * @returns {number | null} milliseconds to wait before another try; null: it would not help
   */
  delay(error, tries) {
    const backoff = Math.min(this.settings.retryDelay * 2 ** tries, LONGEST_BACKOFF) * (0.5 + Math.random() / 2);
    if (error instanceof ChatkeepConnectionError) {
      return backoff;
    }
    if (!(error instanceof ChatkeepProblem) || FINAL.has(error.code)) {
      return null;
    }
    if (!PASSING.has(error.status) && !(error.status === 409 && error.retryAfter !== null)) {
      return null;
    }
    const delay = error.retryAfter === null ? backoff : error.retryAfter * 1000;
    return delay > this.settings.maxRetryDelay ? null : delay;
  }

  /**
   * @private
   * @param {Call} call
   * @param {Options} options
   * @param {string} accept
   * @param {Connection} connection
   * @returns {Promise<Response>} of success
   */
  async send(call, options, accept, connection) {
    const token = typeof this.settings.token === 'function' ? await this.settings.token() : this.settings.token;
    const headers = new Headers({ ...options.headers, Accept: accept, Authorization: `Bearer ${token}` });
    for (const [name, value] of Object.entries(call.headers ?? {})) {
      if (value !== undefined) {
        headers.set(name, value);
      }
    }
    /** @type {RequestInit} */
    const init = { method: call.method, headers, signal: connection.signal };
    if (call.body !== undefined) {
      headers.set('Content-Type', 'application/json');
      init.body = JSON.stringify(call.body);
    }
    const response = await connection.read(this.fetch(this.settings.baseUrl + call.path + queryOf(call), init));
    if (!response.ok) {
      throw ChatkeepProblem.of(response.status, await connection.read(response.text()), response.headers);
    }
    return response;
  }
}

/** A response that comes in pieces. Closes its connection when it is read no further. */
export class Stream {
  /**
   * @param {Response} response
   * @param {Connection} connection
   * @param {number} idleTimeout
   */
  constructor(response, connection, idleTimeout) {
    this.headers = response.headers;
    this.body = response.body;
    this.connection = connection;
    this.idleTimeout = idleTimeout;
  }

  /** @returns {AsyncGenerator<Uint8Array, void, undefined>} */
  async *[Symbol.asyncIterator]() {
    const reader = this.body?.getReader();
    try {
      while (reader) {
        this.connection.expire(this.idleTimeout);
        const { done, value } = await this.connection.read(reader.read());
        if (done) {
          return;
        }
        yield value;
      }
    } finally {
      this.connection.close();
    }
  }
}

/** One request: ended by its caller, by its time, or by its reader. */
class Connection {
  /**
   * @param {AbortSignal | undefined} signal
   * @param {number} timeout
   */
  constructor(signal, timeout) {
    this.caller = signal;
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.onAbort = () => this.controller.abort(signal?.reason);
    signal?.throwIfAborted();
    signal?.addEventListener('abort', this.onAbort, { once: true });
    this.expire(timeout);
  }

  /** @param {number} timeout milliseconds from now on */
  expire(timeout) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller.abort(new Error(`Nothing came for ${timeout} ms.`)), timeout);
  }

  /**
   * @template T
   * @param {Promise<T>} promise of something that comes over the connection
   * @returns {Promise<T>}
   */
  async read(promise) {
    try {
      return await promise;
    } catch (error) {
      if (this.caller?.aborted) {
        throw error;
      }
      throw new ChatkeepConnectionError('The service could not be reached, or the connection broke off.', error);
    }
  }

  close() {
    clearTimeout(this.timer);
    this.caller?.removeEventListener('abort', this.onAbort);
    this.controller.abort();
  }
}

/**
 * @param {Call} call
 * @returns {Call} with the key that makes it the same when it is sent again
 */
function withKey(call) {
  if (!call.keyed || call.headers?.['Idempotency-Key'] !== undefined) {
    return call;
  }
  return { ...call, headers: { ...call.headers, 'Idempotency-Key': randomKey() } };
}

/** randomUUID() is not there on pages that came without TLS. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {Call} call */
function queryOf(call) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined && value !== null) {
      query.set(name, String(value));
    }
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) {
      onAbort();
    }
  });
}

/** @param {string} value of a part of a path */
export function segment(value) {
  return encodeURIComponent(value);
}

/** @param {string} value of parts of a path, such as a model's id */
export function segments(value) {
  return value.split('/').map(encodeURIComponent).join('/');
}
