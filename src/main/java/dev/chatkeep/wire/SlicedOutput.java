package dev.chatkeep.wire;

import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import io.smallrye.mutiny.Multi;
import io.vertx.core.buffer.Buffer;

/** Collects bytes in slices: what grows as one array takes several times its size on the way. */
public final class SlicedOutput extends OutputStream {

    private static final int SLICE_BYTES = 32 << 10;

    private List<byte[]> full = new ArrayList<>();
    private byte[] last = new byte[0];
    private int used;

    @Override
    public void write(int value) {
        write(new byte[] { (byte) value }, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        int from = offset;
        int left = length;
        while (left > 0) {
            if (used == last.length) {
                next(left);
            }
            int copied = Math.min(left, last.length - used);
            System.arraycopy(bytes, from, last, used, copied);
            used += copied;
            from += copied;
            left -= copied;
        }
    }

    private void next(int least) {
        if (used > 0) {
            full.add(last);
        }
        // Small parts are many.
        last = new byte[full.isEmpty() ? Math.min(SLICE_BYTES, Math.max(least, 1 << 10)) : SLICE_BYTES];
        used = 0;
    }

    /** What was written since the last call; nothing of it is kept. */
    public List<byte[]> take() {
        List<byte[]> taken = full;
        if (used > 0) {
            taken.add(used == last.length ? last : Arrays.copyOf(last, used));
        }
        full = new ArrayList<>();
        last = new byte[0];
        used = 0;
        return taken;
    }

    /** What is large in slices of the same size. */
    static Multi<Buffer> slices(Buffer whole) {
        int length = whole.length();
        return length <= SLICE_BYTES ? Multi.createFrom().item(whole)
                : Multi.createFrom().iterable(() -> IntStream.iterate(0, from -> from < length, from -> from + SLICE_BYTES)
                        .mapToObj(from -> whole.slice(from, Math.min(from + SLICE_BYTES, length))).iterator());
    }

    public static long bytes(List<byte[]> slices) {
        long bytes = 0;
        for (byte[] slice : slices) {
            bytes += slice.length;
        }
        return bytes;
    }
}
