package dev.chatkeep.usage;

import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

import dev.chatkeep.database.Statements;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;

/** Compares the figures of usage, user by user, with the ledger that they are sums of. */
public final class UsageAudit {

    private static final int USERS = 200;

    private static final String COUNT = "select count(*) from public.profiles";

    /** {@code $1} the last user of the previous page, {@code $2} one user or null, {@code $3} number of users. */
    private static final String CHECK = """
            select p.id, c.usage_date, c.model, c.figure, c.recorded, c.charged
              from (select p.id from public.profiles p
                     where p.id > $1 and ($2::uuid is null or p.id = $2)
                     order by p.id
                     limit $3) p
              left join lateral chatkeep.check_usage(p.id) c on true
             order by p.id, c.usage_date, c.model, c.figure""";

    private static final String REPAIR = "select chatkeep.repair_usage($1)";

    /**
     * A figure that differs from the ledger.
     *
     * @param day null for a total of all time
     * @param model null for a figure of all models
     */
    public record Difference(UUID user, LocalDate day, String model, String figure, BigDecimal recorded, BigDecimal charged) {
    }

    /** @param last the last user of the page; null if there are no more */
    public record Page(int users, UUID last, List<Difference> differences) {
    }

    private UsageAudit() {
    }

    public static Uni<Long> users(Statements service) {
        return service.run(COUNT).map(rows -> rows.iterator().next().getLong(0));
    }

    /** @param user the only user to check, or null for all */
    public static Uni<Page> check(Statements service, UUID after, UUID user) {
        return service.run(CHECK, after, user, USERS).map(rows -> {
            List<Difference> differences = new ArrayList<>();
            int users = 0;
            UUID last = null;
            for (Row row : rows) {
                if (!row.getUUID(0).equals(last)) {
                    last = row.getUUID(0);
                    users++;
                }
                if (row.getString(3) != null) {
                    differences.add(new Difference(last, row.getLocalDate(1), row.getString(2), row.getString(3),
                            row.getBigDecimal(4), row.getBigDecimal(5)));
                }
            }
            return new Page(users, last, differences);
        });
    }

    /** Sets the figures of a user to the sums of the ledger. */
    public static Uni<Void> repair(Statements service, UUID user) {
        return service.run(REPAIR, user).replaceWithVoid();
    }
}
