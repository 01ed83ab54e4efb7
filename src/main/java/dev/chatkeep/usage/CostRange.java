package dev.chatkeep.usage;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.DayRange;

/** A range of UTC days by its name, both ends included. */
@Schema(name = "CostRange", description = "UTC days, both included")
record CostRange(@Schema(description = "Null is since ever") @Nullable LocalDate start, LocalDate end,
        @Schema(enumeration = {
                "today", "7d", "30d", "90d", "all", "custom" }) String key){

    /** What a request may say. */
    static final String KEYS = "today|7d|30d|90d|all|custom";
    static final String KEYS_COMPLAINT = "must be today, 7d, 30d, 90d, all or custom";

    private static final String CUSTOM = "custom";
    /** No message is older. */
    private static final LocalDate EVER = LocalDate.of(1, 1, 1);

    /** Throws 422 for days that are no range, or beside the name of another range. Null is left out. */
    static CostRange of(String key, LocalDate start, LocalDate end) {
        if (start != null || end != null) {
            if (key != null && !key.equals(CUSTOM)) {
                throw RequestProblems.ofField("range", "must be custom where start or end is given");
            }
            DayRange days = DayRange.of(start, end, "start", "end");
            return new CostRange(days.from(), days.to(), CUSTOM);
        }
        if (CUSTOM.equals(key)) {
            throw RequestProblems.ofField("start", "must be given where range is custom");
        }
        LocalDate today = Instant.now().atZone(ZoneOffset.UTC).toLocalDate();
        String named = key == null ? "30d" : key;
        return new CostRange(switch (named) {
            case "today" -> today;
            case "7d" -> today.minusDays(6);
            case "90d" -> today.minusDays(89);
            case "all" -> null;
            default -> today.minusDays(29);
        }, today, named);
    }

    LocalDate first() {
        return start == null ? EVER : start;
    }
}
