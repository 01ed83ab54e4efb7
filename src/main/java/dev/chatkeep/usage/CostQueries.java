package dev.chatkeep.usage;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

import dev.chatkeep.database.Statements;
import dev.chatkeep.usage.CostResponses.Bar;
import dev.chatkeep.usage.CostResponses.Chart;
import dev.chatkeep.usage.CostResponses.Charts;
import dev.chatkeep.usage.CostResponses.Costs;
import dev.chatkeep.usage.CostResponses.Daily;
import dev.chatkeep.usage.CostResponses.Item;
import dev.chatkeep.usage.CostResponses.Pagination;
import dev.chatkeep.usage.CostResponses.Summary;
import dev.chatkeep.usage.CostResponses.TopModel;
import dev.chatkeep.usage.CostResponses.TopModels;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** Reads what the caller was charged: from the ledger, charge by charge, and from the sums of its days. */
final class CostQueries {

    private static final int TOP_MODELS = 5;
    /** How far back the days of all time go. */
    private static final int MOST_DAYS = 3_660;

    /**
     * A page of the charges of a range and, from the same snapshot, the sums of the range: a row without a model, one for each
     * of the
     * models that are among the first in cost or tokens, then the items. {@code $1} user, {@code $2} and {@code $3} the first
     * and
     * the last day, {@code $4} a model or null, {@code $5} size, {@code $6} offset of the page, {@code $7} number of top
     * models.
     *
     * <p>
     * An item is what takes tokens or money and names a model, or is an answer: those of a question that names none are charged
     * with its answers. What is summed has to be read whatever the page, so its number may be one.
     */
    static final String COSTS = """
            with chosen as not materialized (
                select c.*, c.input_tokens + c.question_tokens as prompt,
                       coalesce(c.told_cost, c.output_tokens * coalesce(c.output_cost, 0)) as answer_cost
                  from chatkeep.charges c
                 where c.user_id = $1 and c.usage_date between $2 and $3 and c.model is not null
                   and ($4::text is null or c.model = $4)
                   and (c.messages_received > 0 or c.input_tokens <> 0 or c.question_tokens <> 0 or c.output_tokens <> 0)
            ), models as materialized (
                select s.*, row_number() over (order by s.cost desc, s.tokens desc, s.model) as by_cost,
                       row_number() over (order by s.tokens desc, s.cost desc, s.model) as by_tokens
                  from (select c.model, count(*) as items, sum(c.prompt) as prompt, sum(c.output_tokens) as completion,
                               sum(c.prompt + c.output_tokens) as tokens, sum(c.answer_cost) as answer_cost, sum(c.cost) as cost
                          from chosen c
                         group by c.model) s
            )
            select 0 as kind, 0::bigint as position, null::text as model, coalesce(sum(m.items), 0)::bigint as items,
                   coalesce(sum(m.prompt), 0)::bigint as prompt, coalesce(sum(m.completion), 0)::bigint as completion,
                   trim_scale(coalesce(sum(m.cost - m.answer_cost), 0)) as input_cost,
                   trim_scale(coalesce(sum(m.answer_cost), 0)) as output_cost, trim_scale(coalesce(sum(m.cost), 0)) as cost,
                   null::text as answer_id, null::text as question_id, null::text as completion_id, null::text as session_id,
                   null::timestamptz as at, 0::bigint as cached, 0::bigint as reasoning, null::int as elapsed_ms
              from models m
            union all
            select 1, m.by_cost, m.model, m.items, m.prompt::bigint, m.completion::bigint, trim_scale(m.cost - m.answer_cost),
                   trim_scale(m.answer_cost), trim_scale(m.cost), null, null, null, null, null, 0, 0, null
              from models m
             where m.by_cost <= $7 or m.by_tokens <= $7
            union all
            select 2, p.position, p.model, 1, p.prompt, p.output_tokens, trim_scale(p.cost - p.answer_cost),
                   trim_scale(p.answer_cost), trim_scale(p.cost), case when p.messages_received > 0 and not p.is_report then p.message_id end,
                   case when p.messages_received > 0 then p.question_id when not p.is_report then p.message_id end,
                   coalesce(m.completion_id, k.completion_id), coalesce(m.session_id, k.session_id),
                   coalesce(m.message_timestamp, p.charged_at), p.cached_tokens, p.reasoning_tokens, m.elapsed_ms
              from (select c.*, row_number() over (order by c.usage_date desc, c.charged_at desc, c.message_id desc) as position
                      from (select c.* from chosen c
                             order by c.usage_date desc, c.charged_at desc, c.message_id desc
                             limit $5 offset $6) c) p
              left join lateral (select m.completion_id, m.session_id, m.message_timestamp, m.elapsed_ms
                                   from public.chat_messages m
                                  where m.user_id = $1 and m.id = p.message_id) m on true
              left join lateral (select k.completion_id, s.id as session_id
                                   from chatkeep.completions k
                                   left join public.chat_sessions s on s.user_id = $1 and s.id = k.session_id
                                  where k.user_id = $1 and k.id = p.stream_id) k on true
             order by kind, position""";

    /**
     * The days of the models that are among the first in cost or in tokens, and of the others together: {@code $1} user,
     * {@code $2} and {@code $3} the first and the last day, {@code $4} a model or null, {@code $5} how many are the first.
     */
    private static final String DAILY = """
            with used as (
                select b.usage_date, b.model, b.cost, b.input_tokens + b.output_tokens as tokens
                  from chatkeep.usage_by_model b
                 where b.user_id = $1 and b.usage_date between $2 and $3 and ($4::text is null or b.model = $4)
                   and (b.messages_received <> 0 or b.input_tokens <> 0 or b.output_tokens <> 0 or b.cost <> 0)
            ), ranked as (
                select u.model, row_number() over (order by sum(u.cost) desc, sum(u.tokens) desc, u.model) as by_cost,
                       row_number() over (order by sum(u.tokens) desc, sum(u.cost) desc, u.model) as by_tokens
                  from used u
                 group by u.model
            ), named as (
                select u.usage_date, u.cost, u.tokens, r.by_cost <= $5 as is_costly, r.by_tokens <= $5 as is_large,
                       case when r.by_cost <= $5 or r.by_tokens <= $5 then u.model end as model,
                       case when r.by_cost <= $5 or r.by_tokens <= $5 then r.by_cost end as by_cost,
                       case when r.by_cost <= $5 or r.by_tokens <= $5 then r.by_tokens end as by_tokens
                  from used u
                  join ranked r on r.model = u.model
            )
            select n.usage_date, n.model, trim_scale(sum(n.cost)), sum(n.tokens)::bigint, n.is_costly, n.is_large, n.by_cost,
                   n.by_tokens
              from named n
             group by n.usage_date, n.model, n.is_costly, n.is_large, n.by_cost, n.by_tokens
             order by n.usage_date""";

    private CostQueries() {
    }

    /** @param page the first is 1 */
    static Uni<Costs> costs(Statements reading, CostRange range, String model, int page, int size) {
        return reading.run(COSTS, range.first(), range.end(), model, (long) size, (page - 1L) * size, (long) TOP_MODELS)
                .map(rows -> costs(rows, range, page, size));
    }

    private static Costs costs(RowSet<Row> rows, CostRange range, int page, int size) {
        List<TopModel> models = new ArrayList<>();
        List<Item> items = new ArrayList<>();
        Summary sums = null;
        for (Row row : rows) {
            switch (row.getInteger(0)) {
                case 0 -> sums = sums(row);
                case 1 -> models.add(topModel(row, sums));
                default -> items.add(item(row));
            }
        }
        List<TopModel> byTokens = models.stream().sorted(Comparator.comparingLong(TopModel::totalTokens).reversed()
                .thenComparing(Comparator.comparing(TopModel::totalCost).reversed()).thenComparing(TopModel::modelId))
                .limit(TOP_MODELS).toList();
        return new Costs(items, Pagination.of(page, size, sums.count()),
                sums.with(new TopModels(byTokens, models.stream().limit(TOP_MODELS).toList())), range);
    }

    private static Summary sums(Row row) {
        long tokens = row.getLong(4) + row.getLong(5);
        return new Summary(row.getBigDecimal(8), row.getBigDecimal(6), row.getBigDecimal(7),
                ratio(row.getBigDecimal(8), 1_000, BigDecimal.valueOf(tokens), 6), tokens, row.getLong(4), row.getLong(5),
                row.getLong(3), null);
    }

    private static TopModel topModel(Row row, Summary of) {
        long tokens = row.getLong(4) + row.getLong(5);
        return new TopModel(row.getString(2), tokens, row.getBigDecimal(8), row.getLong(3),
                ratio(BigDecimal.valueOf(tokens), 100, BigDecimal.valueOf(of.totalTokens()), 2),
                ratio(row.getBigDecimal(8), 100, of.totalCost(), 2));
    }

    private static BigDecimal ratio(BigDecimal part, int times, BigDecimal whole, int decimals) {
        return whole.signum() == 0 ? BigDecimal.ZERO
                : plain(part.multiply(BigDecimal.valueOf(times)).divide(whole, decimals, RoundingMode.HALF_UP));
    }

    private static Item item(Row row) {
        return new Item(row.getString(9), row.getString(10), row.getString(11), row.getString(12), row.getString(2),
                Timestamps.of(row, 13), row.getLong(4), row.getLong(5), row.getLong(4) + row.getLong(5), row.getLong(14),
                row.getLong(15), row.getInteger(16), row.getBigDecimal(6), row.getBigDecimal(7), BigDecimal.ZERO,
                BigDecimal.ZERO, BigDecimal.ZERO, row.getBigDecimal(8));
    }

    /** @param top how many models have segments of their own */
    static Uni<Daily> daily(Statements reading, CostRange range, String model, int top) {
        LocalDate first = range.start() == null ? range.end().minusDays(MOST_DAYS - 1) : range.start();
        return reading.run(DAILY, first, range.end(), model, (long) top).map(rows -> new Daily(range, new Charts(
                chart(rows, range, 5, 7, row -> BigDecimal.valueOf(row.getLong(3))),
                chart(rows, range, 4, 6, row -> row.getBigDecimal(2)))));
    }

    /** @param isFirst, rank the columns that say so of the model */
    private static Chart chart(RowSet<Row> rows, CostRange range, int isFirst, int rank, Function<Row, BigDecimal> figure) {
        SortedMap<LocalDate, Bar> days = new TreeMap<>();
        SortedMap<Long, String> models = new TreeMap<>();
        if (range.start() != null) {
            range.start().datesUntil(range.end().plusDays(1))
                    .forEach(day -> days.put(day, new Bar(day, new TreeMap<>(), BigDecimal.ZERO, BigDecimal.ZERO)));
        }
        for (Row row : rows) {
            LocalDate date = row.getLocalDate(0);
            Bar day = days.getOrDefault(date, new Bar(date, new TreeMap<>(), BigDecimal.ZERO, BigDecimal.ZERO));
            BigDecimal value = figure.apply(row);
            BigDecimal others = day.others();
            if (row.getBoolean(isFirst)) {
                models.put(row.getLong(rank), row.getString(1));
                day.segments().put(row.getString(1), value);
            } else {
                others = plain(others.add(value));
            }
            days.put(date, new Bar(date, day.segments(), others, plain(day.total().add(value))));
        }
        return new Chart(List.copyOf(models.values()), List.copyOf(days.values()));
    }

    private static BigDecimal plain(BigDecimal number) {
        return number.signum() == 0 ? BigDecimal.ZERO : new BigDecimal(number.stripTrailingZeros().toPlainString());
    }
}
