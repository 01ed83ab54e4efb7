import { Operations } from './operations.js';
import type { ChatAnswer, ChatCompletionChunk, ChatCompletionRequest, ChatDelta, ChatRequest, ChatResponse, ExportLine } from './schema.js';
import type { Options } from './transport.js';
export type AnswerEvent = {
    id: string;
    event: 'delta';
    data: ChatDelta;
} | {
    id: string;
    event: 'done';
    data: ChatAnswer;
};
/** The API of a Chatkeep service. */
export declare class ChatkeepClient extends Operations {
    /**
     * @override
     * @param {Omit<ChatRequest, 'stream'>} body
     * @param {{ idempotencyKey?: string }} [parameters]
     * @param {Options} [options]
     * @returns {Promise<ChatResponse>}
     */
    createAnswer(body: Omit<ChatRequest, 'stream'>, parameters?: {
        idempotencyKey?: string;
    }, options?: Options): Promise<ChatResponse>;
    /**
     * Asks a model and gives its answer as it is written. A connection that breaks off is made again where the stream was.
     * An answer that fails is thrown as `ChatkeepProblem`.
     *
     * @param {Omit<ChatRequest, 'stream'>} body
     * @param {{ idempotencyKey?: string }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<AnswerEvent, void, undefined>}
     */
    answerStream(body: Omit<ChatRequest, 'stream'>, parameters?: {
        idempotencyKey?: string;
    }, options?: Options): AsyncGenerator<AnswerEvent, void, undefined>;
    /**
     * Follows an answer again: what came after `lastEventId`, or all of it.
     *
     * @param {string} id of the answer, `stream_id`
     * @param {{ lastEventId?: string }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<AnswerEvent, void, undefined>}
     */
    followAnswer(id: string, parameters?: {
        lastEventId?: string;
    }, options?: Options): AsyncGenerator<AnswerEvent, void, undefined>;
    /**
     * A chat completion in OpenAI's shape as it is written. It is not sent again, and not resumed. One that
     * fails in the middle is thrown as `ChatkeepProblem` with the status of the response, 200.
     *
     * @param {ChatCompletionRequest} body
     * @param {{ sessionId?: string }} [parameters]
     * @param {Options} [options]
     * @returns {AsyncGenerator<ChatCompletionChunk, void, undefined>}
     */
    chatCompletionStream(body: ChatCompletionRequest, parameters?: {
        sessionId?: string;
    }, options?: Options): AsyncGenerator<ChatCompletionChunk, void, undefined>;
    /**
     * Everything about the user, an item after the other. An export that breaks off is thrown as `ChatkeepConnectionError`.
     *
     * @param {Options} [options]
     * @returns {AsyncGenerator<ExportLine, void, undefined>}
     */
    exportLines(options?: Options): AsyncGenerator<ExportLine, void, undefined>;
    /**
     * @private
     * @param {Stream | null} stream that is open
     * @param {string | null} id of the answer
     * @param {string} lastEventId
     * @param {Options} options
     * @returns {AsyncGenerator<AnswerEvent, void, undefined>}
     */
    private resumed;
}
