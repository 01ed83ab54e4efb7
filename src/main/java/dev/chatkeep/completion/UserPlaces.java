package dev.chatkeep.completion;

import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** The calls that each user may make at the same time on this instance, so that nobody holds all places at the provider. */
final class UserPlaces {

    private final int most;
    private final Map<UUID, Integer> taken = new ConcurrentHashMap<>();

    /** @param most of one user */
    UserPlaces(int most) {
        this.most = most;
    }

    /** Takes a place; false if the user has none left. */
    boolean take(UUID userId) {
        boolean[] free = new boolean[1];
        taken.compute(userId, (user, calls) -> {
            int now = calls == null ? 0 : calls;
            free[0] = now < most;
            return free[0] ? Integer.valueOf(now + 1) : calls;
        });
        return free[0];
    }

    void giveBack(UUID userId) {
        taken.computeIfPresent(userId, (user, calls) -> calls == 1 ? null : calls - 1);
    }

    /** How many users have calls. */
    int users() {
        return taken.size();
    }
}
