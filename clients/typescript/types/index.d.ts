export { ChatkeepClient } from './client.js';
export { ChatkeepConnectionError, ChatkeepProblem } from './problem.js';
export type AnswerEvent = import('./client.js').AnswerEvent;
export type Options = import('./transport.js').Options;
export type Settings = import('./transport.js').Settings;
/** @typedef {import('./client.js').AnswerEvent} AnswerEvent */
/** @typedef {import('./transport.js').Options} Options */
/** @typedef {import('./transport.js').Settings} Settings */
