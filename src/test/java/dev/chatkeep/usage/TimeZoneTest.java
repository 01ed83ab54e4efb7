package dev.chatkeep.usage;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** Days and months are those of UTC, whatever time zone the server or a connection has. */
@WithinOneDay
@BesideOthers
class TimeZoneTest extends SqlTest {

    @ParameterizedTest
    @ValueSource(strings = { "UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu" })
    void limitsCountTheMonthOfUtc(String zone) throws SQLException {
        // Given
        superuser.rows("""
                insert into chatkeep.usage_by_model (user_id, usage_date, model, calls)
                select ?, m.first + d.offset_days, 'gpt', d.calls
                  from (select date_trunc('month', now() at time zone 'UTC')::date as first) m
                 cross join (values (-1, 100), (0, 1)) as d (offset_days, calls)
                """, id);
        superuser.rows(
                """
                        insert into chatkeep.completions (user_id, id, model, state, started_at, lease_until, input_cost, output_cost)
                        select ?, c.id, 'gpt', 'failed', date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' + c.after, now(), 0, 0
                          from (values ('last', interval '-1 second'), ('first', interval '1 second')) as c (id, after)
                        """,
                id);

        // When
        List<Map<String, Object>> used = in(zone, "select monthly from chatkeep.answers_used(?)", id);

        // Then
        assertThat(used).containsExactly(Map.of("monthly", 2L));
    }

    @ParameterizedTest
    @ValueSource(strings = { "UTC", "Pacific/Kiritimati", "America/Los_Angeles" })
    void limitsEndWithTheMonthOfUtc(String zone) throws SQLException {
        // Given
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free') on conflict do nothing");

        // When
        List<Map<String, Object>> ends = in(zone,
                """
                        select day_ends = (date_trunc('day', now() at time zone 'UTC') + interval '1 day') at time zone 'UTC' as day,
                               month_ends = (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC' as month
                          from chatkeep.models_of_user(?)
                        """,
                id);

        // Then
        assertThat(ends).containsExactly(Map.of("day", true, "month", true));
    }

    @ParameterizedTest
    @ValueSource(strings = { "UTC", "Pacific/Kiritimati", "America/Los_Angeles" })
    void aTimeWithoutAZoneIsOneOfUtc(String zone) throws SQLException {
        // Given
        user.rows("select chatkeep.create_session(?, 's1', null)", id);

        // When
        in(zone, "select chatkeep.append_message(?, 's1', '{\"id\": \"m1\", \"role\": \"user\", \"content\": \"a\","
                + " \"timestamp\": \"2026-01-01T00:30:00\", \"input_tokens\": 1}')", id);

        // Then
        assertThat(user.<String> value("select chatkeep.iso(message_timestamp) from public.chat_messages"))
                .isEqualTo("2026-01-01T00:30:00.000Z");
        assertThat(user.<String> value("select usage_date::text from chatkeep.charges")).isEqualTo("2026-01-01");
    }

    @ParameterizedTest
    @ValueSource(strings = { "UTC", "Pacific/Kiritimati", "America/Los_Angeles" })
    void retentionKeepsTheMonthOfUtc(String zone) throws SQLException {
        // Given
        superuser.rows("""
                insert into chatkeep.usage_by_model (user_id, usage_date, model, calls)
                select ?, date_trunc('month', now() at time zone 'UTC')::date + d.offset_days, 'gpt', 1
                  from (values (-1), (0)) as d (offset_days)
                """, id);

        // When
        JsonNode kept;
        try (Connection connection = superuser.begin()) {
            SqlCaller.read(connection, "select set_config('timezone', ?, true)", zone);
            kept = (JsonNode) SqlCaller.read(connection, """
                    select to_jsonb(chatkeep.usage_by_model_kept_from(now())
                                    = date_trunc('month', now() at time zone 'UTC')::date) as kept
                    """).get(0).get("kept");
        }

        // Then
        assertThat(kept.booleanValue()).isTrue();
    }

    private List<Map<String, Object>> in(String zone, String sql, Object... parameters) throws SQLException {
        try (Connection connection = user.begin()) {
            SqlCaller.read(connection, "select set_config('timezone', ?, true)", zone);
            List<Map<String, Object>> rows = SqlCaller.read(connection, sql, parameters);
            connection.commit();
            return rows;
        }
    }
}
