package dev.chatkeep.wire;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;

import dev.chatkeep.problem.RequestProblems;

/** A range of UTC days, both ends included. */
public record DayRange(LocalDate from, LocalDate to) {

    public static final String FROM = "First day (UTC), such as 2026-09-01; by default 29 days before `to`";
    public static final String TO = "Last day (UTC), included; by default today";

    private static final int DEFAULT_DAYS = 30;
    private static final int MAX_DAYS = 366;
    private static final LocalDate EARLIEST = LocalDate.of(1970, 1, 1);
    private static final LocalDate LATEST = LocalDate.of(9999, 12, 31);

    /**
     * The range that a request asks for; null stands for the default. Throws 422 for an invalid range or one longer than a leap
     * year.
     */
    public static DayRange of(LocalDate from, LocalDate to) {
        return of(from, to, "from", "to");
    }

    /** The same under other names. */
    public static DayRange of(LocalDate from, LocalDate to, String fromName, String toName) {
        require(from, fromName);
        require(to, toName);
        LocalDate last = to != null ? to : Instant.now().atZone(ZoneOffset.UTC).toLocalDate();
        LocalDate first = from != null ? from : last.minusDays(DEFAULT_DAYS - 1);
        if (first.isAfter(last)) {
            throw RequestProblems.ofField(fromName, "must not be after " + toName);
        }
        if (ChronoUnit.DAYS.between(first, last) >= MAX_DAYS) {
            throw RequestProblems.ofField(fromName, "must be at most " + (MAX_DAYS - 1) + " days before " + toName);
        }
        return new DayRange(first, last);
    }

    private static void require(LocalDate day, String field) {
        if (day != null && (day.isBefore(EARLIEST) || day.isAfter(LATEST))) {
            throw RequestProblems.ofField(field, "must be a day from " + EARLIEST + " to " + LATEST);
        }
    }
}
