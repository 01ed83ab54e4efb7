package dev.chatkeep.testsupport;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WithinOneDayTest {

    @ParameterizedTest
    @CsvSource({
            "2026-03-01T00:00:00Z, 2026-03-01T00:00:00Z",
            "2026-03-01T12:34:56.789Z, 2026-03-01T12:34:56.789Z",
            "2026-03-01T23:59:00Z, 2026-03-01T23:59:00Z",
            "2026-03-01T23:59:00.000001Z, 2026-03-02T00:00:00Z",
            "2026-02-28T23:59:59.999999Z, 2026-03-01T00:00:00Z",
            "2026-12-31T23:59:30Z, 2027-01-01T00:00:00Z" })
    void aTestBeginsWhereAMinuteOfTheDayIsLeftOrAfterMidnight(Instant now, Instant start) {
        // When
        Clock clock = Clock.fixed(now, ZoneId.of("Pacific/Kiritimati"));

        // Then
        assertThat(new WithinOneDay.Midnight(clock).start()).isEqualTo(start);
    }

    /** The clock stands still: whoever waited would wait for ever. */
    @ParameterizedTest
    @CsvSource({ "2026-03-01T23:59:00Z", "2026-03-02T00:00:00Z" })
    void nobodyWaitsWithoutNeed(Instant now) throws InterruptedException {
        new WithinOneDay.Midnight(Clock.fixed(now, ZoneId.of("UTC"))).beforeEach(null);
    }
}
