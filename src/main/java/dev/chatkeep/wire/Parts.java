package dev.chatkeep.wire;

import io.smallrye.mutiny.Multi;

/**
 * An answer that is written part by part, each once the client has taken the one before: neither its size nor a slow reader
 * costs memory. If a part fails, the connection ends without the end of the answer.
 */
public record Parts(Multi<byte[]> pieces) {
}
