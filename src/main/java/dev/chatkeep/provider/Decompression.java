package dev.chatkeep.provider;

import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

import org.jboss.logging.Logger;

import dev.chatkeep.provider.ProviderFailure.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.compression.DecompressionException;
import io.netty.handler.codec.compression.JdkZlibDecoder;
import io.netty.handler.codec.compression.ZlibWrapper;
import io.vertx.core.buffer.Buffer;

/**
 * Reads a body that came compressed. Nobody asks for that, but gateways do it unasked. The HTTP client's own way would inflate
 * all that was read at once, which may become a thousand times as much before anybody has looked at it; here it is looked at in
 * pieces of one megabyte at the most.
 */
final class Decompression {

    private static final Logger LOG = Logger.getLogger(Decompression.class);

    /** Compressed bytes of one piece. */
    private static final int PIECE_BYTES = 1 << 10;

    /** Null: the body is not compressed. */
    private final EmbeddedChannel inflater;

    private Decompression(EmbeddedChannel inflater) {
        this.inflater = inflater;
    }

    /**
     * @param codings the values of {@code Content-Encoding}
     * @throws ProviderFailure if there is one that cannot be read
     */
    static Decompression of(List<String> codings) {
        List<String> applied = codings.stream().flatMap(value -> List.of(value.split(",")).stream())
                .map(coding -> coding.strip().toLowerCase(Locale.ROOT))
                .filter(coding -> !coding.isEmpty() && !coding.equals("identity")).toList();
        return switch (String.join(",", applied)) {
            case "" -> new Decompression(null);
            case "gzip", "x-gzip" -> new Decompression(new EmbeddedChannel(new JdkZlibDecoder(ZlibWrapper.GZIP, true, 0)));
            // The standard's zlib format, or what some senders take for it.
            case "deflate", "x-deflate" ->
                new Decompression(new EmbeddedChannel(new JdkZlibDecoder(ZlibWrapper.ZLIB_OR_NONE, 0)));
            default -> {
                LOG.warn("The provider compresses its answers in a way that cannot be read, although nobody asks for it");
                throw ProviderFailure.of(Kind.FAILED);
            }
        };
    }

    /**
     * Passes on what the bytes hold, if they are enough for anything.
     *
     * @throws ProviderFailure if they are broken
     */
    void accept(Buffer bytes, Consumer<Buffer> receiver) {
        if (inflater == null) {
            receiver.accept(bytes);
            return;
        }
        for (int from = 0; from < bytes.length(); from += PIECE_BYTES) {
            try {
                inflater.writeInbound(Unpooled.wrappedBuffer(
                        bytes.getBytes(from, Math.min(from + PIECE_BYTES, bytes.length()))));
            } catch (DecompressionException e) {
                throw ProviderFailure.of(Kind.BROKEN_OFF);
            }
            for (ByteBuf part; (part = inflater.readInbound()) != null;) {
                Buffer plain = Buffer.buffer(ByteBufUtil.getBytes(part));
                part.release();
                receiver.accept(plain);
            }
        }
    }

    /** Gives back what the decoder holds. */
    void close() {
        if (inflater != null) {
            try {
                inflater.finishAndReleaseAll();
            } catch (DecompressionException e) {
                // It was broken, which has been said.
            }
        }
    }
}
