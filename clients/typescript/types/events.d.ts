/** @typedef {{ id: string, event: string, data: string }} ServerSentEvent */
export type ServerSentEvent = {
    id: string;
    event: string;
    data: string;
};
/**
 * The lines of a body, whatever pieces it comes in; one that has no end is not there.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @returns {AsyncGenerator<string, void, undefined>}
 */
export declare function lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined>;
/**
 * The events of a stream (text/event-stream). One that its end cuts off is not there.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @returns {AsyncGenerator<ServerSentEvent, void, undefined>}
 */
export declare function events(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void, undefined>;
