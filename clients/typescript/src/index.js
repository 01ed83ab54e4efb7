export { ChatkeepClient } from './client.js';
export { ChatkeepConnectionError, ChatkeepProblem } from './problem.js';

/** @typedef {import('./client.js').AnswerEvent} AnswerEvent */
/** @typedef {import('./transport.js').Options} Options */
/** @typedef {import('./transport.js').Settings} Settings */
