package dev.chatkeep.testsupport;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Tests in which today is the same day from the beginning to the end. Nobody can set the clock of the database, so those that
 * would begin shortly before midnight, which is that of UTC, begin after it.
 */
@Target({ ElementType.TYPE, ElementType.METHOD })
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(WithinOneDay.Midnight.class)
public @interface WithinOneDay {

    /** Lets it pass. */
    final class Midnight implements BeforeEachCallback {

        /** What has to be left of the day for a test to begin. */
        static final Duration ROOM = Duration.ofMinutes(1);

        private final Clock clock;

        Midnight() {
            this(Clock.systemUTC());
        }

        Midnight(Clock clock) {
            this.clock = clock;
        }

        @Override
        public void beforeEach(ExtensionContext context) throws InterruptedException {
            Instant start = start();
            for (Duration left = until(start); left.compareTo(Duration.ZERO) > 0; left = until(start)) {
                Thread.sleep(left.toMillis() + 1);
            }
        }

        /** When a test may begin that is to begin now. */
        Instant start() {
            Instant now = clock.instant();
            Instant midnight = now.truncatedTo(ChronoUnit.DAYS).plus(1, ChronoUnit.DAYS);
            return Duration.between(now, midnight).compareTo(ROOM) < 0 ? midnight : now;
        }

        private Duration until(Instant start) {
            return Duration.between(clock.instant(), start);
        }
    }
}
