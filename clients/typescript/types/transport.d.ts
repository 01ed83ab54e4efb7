export type Settings = {
    /**
     * where the service is, such as `https://chat.example.org`
     */
    baseUrl: string;
    /**
     * of the user; a function is asked before each request
     */
    token: string | (() => string | Promise<string>);
    /**
     * how often a request is sent again after a failure that may pass; 3
     */
    maxRetries?: number;
    /**
     * milliseconds before the first of these, twice as long before each other; 500
     */
    retryDelay?: number;
    /**
     * the longest time in milliseconds that is waited before another try. What the service
     * wants to have waited longer for is not tried again; 30,000
     */
    maxRetryDelay?: number;
    /**
     * milliseconds that one request may take, streams aside; 600,000
     */
    timeout?: number;
    /**
     * milliseconds without a byte after which a stream counts as broken; 60,000
     */
    idleTimeout?: number;
    /**
     * instead of that of the platform
     */
    fetch?: typeof globalThis.fetch;
};
export type Options = {
    /**
     * ends it
     */
    signal?: AbortSignal;
    /**
     * beside those of the client
     */
    headers?: Record<string, string>;
};
export type Call = {
    method: string;
    path: string;
    query?: Record<string, string | number | boolean | null | undefined>;
    headers?: Record<string, string | undefined>;
    body?: unknown;
    /**
     * an Idempotency-Key makes it repeatable
     */
    keyed?: boolean;
    /**
     * false: it is sent once
     */
    repeatable?: boolean;
};
/** How requests travel: tokens, other tries, problems. */
export declare class Transport {
    settings: {
        token: string | (() => string | Promise<string>);
        fetch?: typeof globalThis.fetch;
        maxRetries: number;
        retryDelay: number;
        maxRetryDelay: number;
        timeout: number;
        idleTimeout: number;
        baseUrl: string;
    };
    fetch: typeof fetch;
    /** @param {Settings} settings */
    constructor(settings: Settings);
    /**
     * Sends a request, and again where that may help.
     *
     * @protected
     * @param {Call} call
     * @param {Options} options
     * @returns {Promise<any>} the JSON of the response
     */
    protected call(call: Call, options: Options): Promise<any>;
    /**
     * Opens a stream, and again where that may help.
     *
     * @protected
     * @param {Call} call
     * @param {Options} options
     * @param {string} accept
     * @returns {Promise<Stream>}
     */
    protected open(call: Call, options: Options, accept: string): Promise<Stream>;
    /**
     * @protected
     * @template {{ next_cursor: string | null }} P
     * @param {(cursor: string | undefined) => Promise<P>} load
     * @returns {AsyncGenerator<P, void, undefined>}
     */
    protected pages<P extends {
        next_cursor: string | null;
    }>(load: (cursor: string | undefined) => Promise<P>): AsyncGenerator<P, void, undefined>;
    /**
     * @protected
     * @template T
     * @param {Call} call
     * @param {Options} options
     * @param {(call: Call) => Promise<T>} attempt
     * @returns {Promise<T>}
     */
    protected attempts<T>(call: Call, options: Options, attempt: (call: Call) => Promise<T>): Promise<T>;
    /**
     * @protected
     * @param {unknown} error
     * @param {number} tries how many were made before
     * @returns {number | null} milliseconds to wait before another try; null: it would not help
     */
    protected delay(error: unknown, tries: number): number | null;
    /**
     * @private
     * @param {Call} call
     * @param {Options} options
     * @param {string} accept
     * @param {Connection} connection
     * @returns {Promise<Response>} of success
     */
    private send;
}
/** A response that comes in pieces. Closes its connection when it is read no further. */
export declare class Stream {
    headers: Headers;
    body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
    connection: Connection;
    idleTimeout: number;
    /**
     * @param {Response} response
     * @param {Connection} connection
     * @param {number} idleTimeout
     */
    constructor(response: Response, connection: Connection, idleTimeout: number);
    /** @returns {AsyncGenerator<Uint8Array, void, undefined>} */
    [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined>;
}
/** One request: ended by its caller, by its time, or by its reader. */
declare class Connection {
    caller: AbortSignal | undefined;
    controller: AbortController;
    signal: AbortSignal;
    onAbort: () => void;
    timer: number | undefined;
    /**
     * @param {AbortSignal | undefined} signal
     * @param {number} timeout
     */
    constructor(signal: AbortSignal | undefined, timeout: number);
    /** @param {number} timeout milliseconds from now on */
    expire(timeout: number): void;
    /**
     * @template T
     * @param {Promise<T>} promise of something that comes over the connection
     * @returns {Promise<T>}
     */
    read<T>(promise: Promise<T>): Promise<T>;
    close(): void;
}
/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export declare function pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
/** @param {string} value of a part of a path */
export declare function segment(value: string): string;
/** @param {string} value of parts of a path, such as a model's id */
export declare function segments(value: string): string;
export {};
