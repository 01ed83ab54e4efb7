package dev.chatkeep.maintenance;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.database.Database;
import dev.chatkeep.maintenance.RetentionOfConversationsTest.ThirtyDays;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;

/** With 30 days for conversations and 60 for everything else. */
@QuarkusTest
@TestProfile(ThirtyDays.class)
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class RetentionOfConversationsTest {

    public static class ThirtyDays implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("chatkeep.retention.conversations-days", "30", "chatkeep.retention.days", "60");
        }
    }

    @Inject
    Retention retention;

    @Inject
    Database database;

    @Inject
    MeterRegistry metrics;

    private Caller caller;

    @BeforeEach
    void aUser() {
        Sql.rows("delete from public.chat_sessions");
        caller = Caller.fresh();
        caller.signIn().then().statusCode(200);
    }

    @Test
    void deletesConversationsWithoutActivitySinceAndKeepsTheirUsage() {
        // Given
        conversation("c100", 100);
        conversation("c31", 31);
        conversation("c29", 29);
        conversation("c0", 0);
        JsonNode usage = Stored.of(caller, "usage");
        JsonNode totals = Stored.of(caller, "profile").path("usage_stats");
        double before = metrics.counter("chatkeep.retention.deleted", "kind", "conversations").count();

        // When
        JsonNode deleted = run();

        // Then
        assertThat(deleted.path("conversations").longValue()).isEqualTo(2);
        assertThat(conversations()).containsExactly("c0", "c29");
        assertThat(Json.texts(Stored.of(caller, "messages"), "id")).containsExactly("c0-1", "c0-2", "c29-1", "c29-2");
        assertThat(Stored.of(caller, "usage")).isEqualTo(usage);
        assertThat(Stored.of(caller, "profile").path("usage_stats")).isEqualTo(totals);
        assertThat(totals.path("total_messages").intValue()).isEqualTo(8);
        assertThat(metrics.counter("chatkeep.retention.deleted", "kind", "conversations").count() - before).isEqualTo(2);
    }

    @Test
    void theLastActivityCountsToTheMoment() {
        // Given
        Sql.rows(
                """
                        insert into public.chat_sessions (user_id, id, updated_at)
                        values (?1, 'outside', now() - interval '30 days 1 second'), (?1, 'inside', now() - interval '30 days -1 hour')
                        """
                        .replace("?1", "'" + caller.id() + "'"));

        // When
        run();

        // Then
        assertThat(conversations()).containsExactly("inside");
    }

    @Test
    void aDeviceThatBringsAConversationBackCountsNothing() {
        // Given
        conversation("c100", 100);
        run();
        JsonNode usage = Stored.of(caller, "usage");

        // When
        conversation("c100", 100);

        // Then
        assertThat(conversations()).containsExactly("c100");
        assertThat(Stored.of(caller, "usage")).isEqualTo(usage);
    }

    @Test
    void deletesTheConversationsOfAllUsersInManyBatches() {
        // Given
        List<String> kept = new ArrayList<>();
        for (int user = 0; user < 3; user++) {
            Caller one = Caller.fresh();
            one.hasSignedIn();
            Sql.rows("insert into public.chat_sessions (user_id, id, updated_at) select ?, 's' || i,"
                    + " now() - make_interval(days => 31, mins => i) from generate_series(1, 250) i", one.id());
            one.hasSession("new", "New");
            kept.add(one.id().toString());
        }

        // When
        JsonNode deleted = run();

        // Then
        assertThat(deleted.path("conversations").longValue()).isEqualTo(750);
        assertThat(Sql.rows("select user_id::text, id from public.chat_sessions")).extracting(row -> row.get("user_id"))
                .containsExactlyInAnyOrderElementsOf(kept);
    }

    @Test
    void daysOfTheirOwnHoldForEverythingElse() {
        // Given
        Sql.rows("insert into public.user_activity_log (user_id, action, timestamp)"
                + " values (?1, 'outside', now() - interval '60 days 1 second'), (?1, 'inside', now() - interval '60 days -1 hour')"
                        .replace("?1", "'" + caller.id() + "'"));

        // When
        JsonNode deleted = run();

        // Then
        assertThat(deleted.path("activity_logs").longValue()).isEqualTo(1);
        assertThat(
                Sql.rows("select action from public.user_activity_log where user_id = ? and action like '%side'", caller.id()))
                .containsExactly(Map.of("action", "inside"));
    }

    private void conversation(String id, int daysAgo) {
        String at = Instant.now().minus(daysAgo, ChronoUnit.DAYS).truncatedTo(ChronoUnit.MILLIS).toString();
        caller.upload(List.of(Map.of("id", id, "title", id, "createdAt", at, "updatedAt", at, "messages", List.of(
                Map.of("id", id + "-1", "role", "user", "content", "Hello", "timestamp", at, "input_tokens", 2),
                Map.of("id", id + "-2", "role", "assistant", "content", "Yes?", "timestamp", at, "model", "gpt",
                        "output_tokens",
                        3)))))
                .then().statusCode(200);
    }

    private JsonNode run() {
        return Json.of(retention.run(database.asService().write()).await().atMost(PATIENCE)).path("deleted_records");
    }

    private List<String> conversations() {
        return Json.texts(Json.of(caller.listSessions()).path("sessions"), "id");
    }
}
