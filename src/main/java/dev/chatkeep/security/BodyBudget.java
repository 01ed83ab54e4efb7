package dev.chatkeep.security;

import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Counts the bytes that bodies of requests may take, in all and by user. */
final class BodyBudget {

    enum Outcome {
        RESERVED,
        USER_HAS_TOO_MANY,
        ALL_HAVE_TOO_MANY
    }

    private final long maxBytes;
    private final long maxBytesPerUser;
    private final AtomicLong reserved = new AtomicLong();
    private final Map<UUID, Long> reservedByUser = new ConcurrentHashMap<>();

    BodyBudget(long maxBytes, long maxBytesPerUser) {
        this.maxBytes = maxBytes;
        this.maxBytesPerUser = maxBytesPerUser;
    }

    /** @param user null for the token of a service, which has no share of its own */
    Outcome reserve(UUID user, long bytes) {
        if (user != null && !reserveForUser(user, bytes)) {
            return Outcome.USER_HAS_TOO_MANY;
        }
        if (reserved.addAndGet(bytes) > maxBytes) {
            release(user, bytes);
            return Outcome.ALL_HAVE_TOO_MANY;
        }
        return Outcome.RESERVED;
    }

    void release(UUID user, long bytes) {
        reserved.addAndGet(-bytes);
        if (user != null) {
            reservedByUser.computeIfPresent(user, (key, held) -> held == bytes ? null : Long.valueOf(held - bytes));
        }
    }

    long reserved() {
        return reserved.get();
    }

    int users() {
        return reservedByUser.size();
    }

    private boolean reserveForUser(UUID user, long bytes) {
        boolean[] fits = new boolean[1];
        reservedByUser.compute(user, (key, held) -> {
            long wanted = (held == null ? 0 : held) + bytes;
            fits[0] = wanted <= maxBytesPerUser;
            return fits[0] ? Long.valueOf(wanted) : held;
        });
        return fits[0];
    }
}
