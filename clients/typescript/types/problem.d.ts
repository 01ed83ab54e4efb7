/** @import { FieldError, Problem } from './schema.js' */
import type { FieldError, Problem } from './schema.js';
/** What the service refused or could not do. `code` is stable and meant for programs. */
export declare class ChatkeepProblem extends Error {
    status: number;
    /** `unknown` where the response is no problem document, such as that of a proxy. */
    code: string;
    /** The fields that are wrong. @type {FieldError[]} */
    errors: FieldError[];
    /** Seconds after which another try makes sense. @type {number | null} */
    retryAfter: number | null;
    /** The answer that the problem is about. @type {string | null} */
    streamId: string | null;
    /** The request's id in the log of the service. @type {string | null} */
    requestId: string | null;
    problem: Partial<Problem>;
    /**
     * @param {number} status
     * @param {Partial<Problem>} problem as it came
     * @param {Headers} [headers]
     */
    constructor(status: number, problem: Partial<Problem>, headers?: Headers);
    /**
     * @param {number} status
     * @param {string} text the body
     * @param {Headers} headers
     */
    static of(status: number, text: string, headers: Headers): ChatkeepProblem;
}
/** The service could not be reached, or the connection broke off, and no other try helped. `cause` says how. */
export declare class ChatkeepConnectionError extends Error {
    /**
     * @param {string} message
     * @param {unknown} cause
     */
    constructor(message: string, cause: unknown);
}
/**
 * @param {string | null} value seconds or a date
 * @returns {number | null} seconds
 */
export declare function retryAfter(value: string | null): number | null;
