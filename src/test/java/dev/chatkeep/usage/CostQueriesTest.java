package dev.chatkeep.usage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlTest;

/** What a page of costs reads. */
@BesideOthers
class CostQueriesTest extends SqlTest {

    @Test
    void aPageReadsTheChargesOfItsUserAndRangeAlone() {
        // Given
        for (Object each : List.of(id, database.newUser())) {
            superuser.rows("""
                    insert into chatkeep.charges (user_id, message_id, usage_date, model, messages_received, output_tokens)
                    select ?, 'm' || i, '2026-01-01'::date + i % 200, 'm', 1, 1 from generate_series(1, 10000) i
                    """, each);
        }
        superuser.rows("analyze chatkeep.charges");

        // When
        String plan = String.join("\n", user.column("explain (analyze, costs off, timing off, summary off) " + CostQueries.COSTS
                .replace("$1", "'" + id + "'::uuid").replace("$2", "'2026-02-01'::date").replace("$3", "'2026-02-02'::date")
                .replace("$4", "null").replace("$5", "50").replace("$6", "50").replace("$7", "5")));

        // Then
        assertThat(plan).contains("Backward using charges_user_date_idx").doesNotContain("Seq Scan on charges")
                .doesNotContain("Rows Removed by Filter");
    }
}
