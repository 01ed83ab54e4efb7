package dev.chatkeep.wire;

import java.util.List;

import io.smallrye.mutiny.Multi;

/**
 * A response that is written in parts. Each part is created once the client has taken the one before, so neither a large
 * response nor a slow reader costs memory. If a part fails, the connection ends before the response is complete.
 *
 * @param pieces each a part, cut in slices
 * @param memory what the response holds; it is given back when the response ends, however that is
 */
public record Parts(Multi<List<byte[]>> pieces, PartMemory memory) {
}
