/** @import { FieldError, Problem } from './schema.js' */

/** What the service refused or could not do. `code` is stable and meant for programs. */
export class ChatkeepProblem extends Error {
  /**
   * @param {number} status
   * @param {Partial<Problem>} problem as it came
   * @param {Headers} [headers]
   */
  constructor(status, problem, headers) {
    super(problem.detail ?? problem.title ?? `The response has status ${status}.`);
    this.name = 'ChatkeepProblem';
    this.status = status;
    /** `unknown` where the response is no problem document, such as that of a proxy. */
    this.code = problem.code ?? 'unknown';
    /** The fields that are wrong. @type {FieldError[]} */
    this.errors = problem.errors ?? [];
    /** Seconds after which another try makes sense. @type {number | null} */
    this.retryAfter = retryAfter(headers?.get('Retry-After') ?? null);
    /** The answer that the problem is about. @type {string | null} */
    this.streamId = problem.stream_id ?? null;
    /** The request's id in the log of the service. @type {string | null} */
    this.requestId = headers?.get('X-Request-Id') ?? null;
    this.problem = problem;
  }

  /**
   * @param {number} status
   * @param {string} text the body
   * @param {Headers} headers
   */
  static of(status, text, headers) {
    /** @type {any} */
    let body = null;
    try {
      body = JSON.parse(text);
    } catch {
      // What stands between client and service answers in its own way.
    }
    if (typeof body !== 'object' || body === null) {
      return new ChatkeepProblem(status, {}, headers);
    }
    const openAi = body.error;
    if (typeof openAi === 'object' && openAi !== null) {
      return new ChatkeepProblem(status, { ...body, code: openAi.code ?? openAi.type, detail: openAi.message }, headers);
    }
    return new ChatkeepProblem(status, body, headers);
  }
}

/** The service could not be reached, or the connection broke off, and no other try helped. `cause` says how. */
export class ChatkeepConnectionError extends Error {
  /**
   * @param {string} message
   * @param {unknown} cause
   */
  constructor(message, cause) {
    super(message, { cause });
    this.name = 'ChatkeepConnectionError';
  }
}

/**
 * @param {string | null} value seconds or a date
 * @returns {number | null} seconds
 */
export function retryAfter(value) {
  if (value === null || value.trim() === '') {
    return null;
  }
  const seconds = Number(value);
  if (Number.isFinite(seconds)) {
    return Math.max(0, seconds);
  }
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}
