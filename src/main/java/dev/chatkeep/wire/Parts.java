package dev.chatkeep.wire;

import io.smallrye.mutiny.Multi;

/**
 * A response that is written in parts. Each part is created once the client has taken the one before, so neither a large
 * response nor a slow reader costs memory. If a part fails, the connection ends before the response is complete.
 */
public record Parts(Multi<byte[]> pieces) {
}
