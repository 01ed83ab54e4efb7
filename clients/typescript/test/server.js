// A server of HTTP that answers as a test wants it to.
import { createServer, IncomingMessage, ServerResponse } from 'node:http';

/** @typedef {ServerResponse & { json: (status: number, body: unknown, headers?: Record<string, string>) => void }} Answer */
/** @typedef {(request: IncomingMessage, response: Answer, count: number) => unknown} Handler */

/**
 * @param {Handler} handler gets with each request how many have come, this one included
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serve(handler) {
  let count = 0;
  const server = createServer((request, response) => {
    const answer = Object.assign(response, {
      json: (/** @type {number} */ status, /** @type {unknown} */ body, /** @type {object} */ headers = {}) => {
        response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
      },
    });
    request.resume();
    request.on('end', () => handler(request, answer, ++count));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('The server has no port.');
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
