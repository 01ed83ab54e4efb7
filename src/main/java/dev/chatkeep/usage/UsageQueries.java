package dev.chatkeep.usage;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

import dev.chatkeep.database.Access;
import dev.chatkeep.database.Statements;
import dev.chatkeep.usage.UsageResponses.AllTime;
import dev.chatkeep.usage.UsageResponses.Day;
import dev.chatkeep.usage.UsageResponses.Days;
import dev.chatkeep.usage.UsageResponses.Figures;
import dev.chatkeep.usage.UsageResponses.Models;
import dev.chatkeep.usage.UsageResponses.OfModel;
import dev.chatkeep.usage.UsageResponses.Summary;
import dev.chatkeep.wire.DayRange;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** Reads usage, for users and for administrators. */
public final class UsageQueries {

    private static final String FIGURES = "u.messages_sent, u.messages_received, u.input_tokens, u.output_tokens,"
            + " u.total_tokens, u.sessions_created, u.active_minutes, u.estimated_cost";

    /**
     * {@code $1} user, {@code $2} and {@code $3} the first and the last day; at least one row. {@code admin_user} fails if
     * there
     * is no such user.
     */
    private static final String DAILY_OF_ANOTHER = "select u.usage_date, u.models_used::text, " + FIGURES
            + " from chatkeep.admin_user($1) left join chatkeep.usage_by_day($1, $2, $3) u on true";
    private static final String MODELS = "select u.model, u.messages_sent, u.messages_received, u.input_tokens,"
            + " u.output_tokens, u.estimated_cost from chatkeep.usage_of_models($1, $2, $3) u";
    /** Columns of usage_summary, in the order that {@link #summary(RowSet)} reads. */
    public static final String SUMMARY_COLUMNS = FIGURES
            + ", u.all_messages, u.all_tokens, u.all_sessions, u.all_cost, u.since";
    public static final int SUMMARY_SIZE = 13;
    private static final String SUMMARY = "select " + SUMMARY_COLUMNS + " from chatkeep.usage_summary($1) u order by u.days";

    private UsageQueries() {
    }

    static Uni<Days> daily(Access caller, DayRange range) {
        return caller.readEntities(userId -> UserUsageDaily.between(userId, range.from(), range.to()))
                .map(rows -> days(rows.stream().map(row -> Day.of(row.usageDate, row.modelsUsed, figures(row))).toList(),
                        range));
    }

    /** The usage of any user, for an administrator; 404 if there is no such user. */
    public static Uni<Days> daily(Statements administration, UUID userId, DayRange range) {
        return administration.list(row -> row.getLocalDate(0) == null ? null
                : Day.of(row.getLocalDate(0), row.getString(1), figures(row, 2)), DAILY_OF_ANOTHER, userId, range.from(),
                range.to())
                .map(rows -> days(rows.stream().filter(Objects::nonNull).toList(), range));
    }

    /** Adds the days without a row, so that every day of the range is listed. */
    private static Days days(List<Day> used, DayRange range) {
        Map<LocalDate, Day> byDate = used.stream().collect(Collectors.toMap(Day::date, Function.identity()));
        List<Day> days = range.from().datesUntil(range.to().plusDays(1))
                .map(day -> byDate.getOrDefault(day, Day.of(day, "{}", Figures.NONE))).toList();
        return new Days(range.from(), range.to(), days, used.stream().map(Day::figures).reduce(Figures.NONE, Figures::plus));
    }

    static Uni<Models> models(Statements reading, DayRange range) {
        return reading.list(row -> new OfModel(row.getString(0), row.getLong(1), row.getLong(2), row.getLong(3),
                row.getLong(4), row.getLong(3) + row.getLong(4), row.getBigDecimal(5)), MODELS, range.from(), range.to())
                .map(models -> new Models(range.from(), range.to(), models));
    }

    static Uni<Summary> summary(Statements reading) {
        return reading.run(SUMMARY).map(UsageQueries::summary);
    }

    /** @param rows the rows for 1, 7 and 30 days, in this order */
    public static Summary summary(RowSet<Row> rows) {
        List<Figures> figures = new ArrayList<>(3);
        rows.forEach(row -> figures.add(figures(row, 0)));
        Row any = rows.iterator().next();
        return new Summary(figures.get(0), figures.get(1), figures.get(2), new AllTime(any.getLong(8), any.getLong(9),
                any.getLong(10), any.getBigDecimal(11), Timestamps.of(any, 12)));
    }

    private static Figures figures(Row row, int first) {
        return new Figures(row.getLong(first), row.getLong(first + 1), row.getLong(first + 2), row.getLong(first + 3),
                row.getLong(first + 4), row.getLong(first + 5), row.getLong(first + 6),
                row.getBigDecimal(first + 7).stripTrailingZeros());
    }

    private static Figures figures(UserUsageDaily day) {
        return new Figures(day.messagesSent, day.messagesReceived, day.inputTokens, day.outputTokens, day.totalTokens,
                day.sessionsCreated, day.activeMinutes, day.estimatedCost.stripTrailingZeros());
    }
}
