/** @typedef {{ id: string, event: string, data: string }} ServerSentEvent */

/**
 * The lines of a body, whatever pieces it comes in; one that has no end is not there.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @returns {AsyncGenerator<string, void, undefined>}
 */
export async function* lines(chunks) {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A carriage return at the end may be the half of a line's end.
    const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest;
    const parts = whole.split(/\r\n|\n|\r/);
    rest = parts.pop() + rest.slice(whole.length);
    yield* parts;
  }
  if (rest.endsWith('\r')) {
    yield rest.slice(0, -1);
  }
}

/**
 * The events of a stream (text/event-stream). One that its end cuts off is not there.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @returns {AsyncGenerator<ServerSentEvent, void, undefined>}
 */
export async function* events(chunks) {
  let id = '';
  let event = '';
  /** @type {string[]} */
  let data = [];
  for await (const line of lines(chunks)) {
    if (line === '') {
      if (data.length > 0) {
        yield { id, event: event === '' ? 'message' : event, data: data.join('\n') };
      }
      event = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') {
      id = value;
    } else if (field === 'event') {
      event = value;
    } else if (field === 'data') {
      data.push(value);
    }
  }
}
